//! The JSON header of a `.safetensors` file: what is wrong with one, by tensor and byte, and how
//! one is written.
//!
//! The crate `safetensors` parses the JSON, but keeps the last of two equal names and does not say
//! which tensor is at fault. [`check`] reads the text again for that; it relies on the JSON being
//! valid and needs no parser of its own beyond a cursor.

use std::collections::{BTreeMap, BTreeSet};

use gradus_tensor::{Error, Result};
use safetensors::Dtype;

use super::json::{Cursor, quote};
use crate::raw::{MAX_RANK, extent};

/// The file begins with its header's length, a `u64`.
pub(super) const LENGTH_BYTES: usize = 8;
/// The format's own limit.
const MAX_HEADER_BYTES: usize = 100_000_000;
/// The header's one entry that is no tensor.
const METADATA: &str = "__metadata__";

/// What is wrong, and at which byte of the file.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) at: Option<usize>,
    pub(super) problem: String,
}

type Checked<T> = std::result::Result<T, Flaw>;

fn flaw<T>(at: usize, problem: impl Into<String>) -> Checked<T> {
    Err(Flaw { at: Some(at), problem: problem.into() })
}

/// The header's text.
pub(super) fn text(file: &[u8]) -> Checked<&str> {
    let Some((length, rest)) = file.split_first_chunk::<LENGTH_BYTES>() else {
        return flaw(0, format!("{} bytes are too few for the header's length", file.len()));
    };
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER_BYTES as u64 {
        return flaw(0, format!("a header of {length} bytes, {MAX_HEADER_BYTES} is the limit"));
    }
    let Some(text) = rest.get(..length as usize) else {
        let left = rest.len();
        return flaw(0, format!("truncated: a header of {length} bytes, the file has {left} more"));
    };
    std::str::from_utf8(text)
        .or_else(|error| flaw(LENGTH_BYTES + error.valid_up_to(), "the header is not valid UTF-8"))
}

/// One tensor as the header describes it.
struct Entry {
    name: String,
    at: usize,
    dtype: String,
    shape: Vec<usize>,
    start: usize,
    end: usize,
}

/// Checks a header of valid JSON against the number of data bytes that follow it.
pub(super) fn check(text: &str, data_bytes: usize) -> Checked<()> {
    let mut entries = entries(text)?;
    entries.sort_by_key(|entry| (entry.start, entry.end));
    let mut filled = 0;
    for entry in &entries {
        check_entry(entry, data_bytes)?;
        let Entry { name, at, start, end, .. } = entry;
        if *start < filled {
            return flaw(*at, format!("tensor `{name}` at {start}..{end} overlaps another"));
        }
        if *start > filled {
            let hole = start - filled;
            return flaw(*at, format!("{hole} bytes before tensor `{name}` belong to none"));
        }
        filled = *end;
    }
    if filled < data_bytes {
        let surplus = data_bytes - filled;
        let end = LENGTH_BYTES + text.len() + filled;
        return flaw(end, format!("{surplus} bytes after the last tensor belong to none"));
    }
    Ok(())
}

fn check_entry(entry: &Entry, data_bytes: usize) -> Checked<()> {
    let Entry { name, at, dtype, shape, start, end } = entry;
    if shape.len() > MAX_RANK {
        let rank = shape.len();
        return flaw(
            *at,
            format!("tensor `{name}` has {rank} dimensions, {MAX_RANK} is the limit"),
        );
    }
    if end < start {
        return flaw(*at, format!("tensor `{name}` ends at {end}, before its start {start}"));
    }
    // An unknown type is the crate's to refuse.
    let Some(bits) = bits(dtype) else { return Ok(()) };
    let Some(needed) = extent(shape, bits) else {
        return flaw(*at, format!("tensor `{name}`: shape {shape:?} overflows the address space"));
    };
    if needed % 8 != 0 || needed / 8 != end - start {
        let got = end - start;
        let needs = needed.div_ceil(8);
        let problem = format!(
            "tensor `{name}`: shape {shape:?} of {dtype} needs {needs} bytes, \
             its offsets span {got}"
        );
        return flaw(*at, problem);
    }
    if *end > data_bytes {
        let problem = format!(
            "truncated: tensor `{name}` ends at data byte {end}, the file has {data_bytes}"
        );
        return flaw(*at, problem);
    }
    Ok(())
}

fn bits(dtype: &str) -> Option<usize> {
    Some(match dtype {
        "F4" => 4,
        "F6_E2M3" | "F6_E3M2" => 6,
        "BOOL" | "U8" | "I8" => 8,
        _ if dtype.starts_with("F8_") => 8,
        "I16" | "U16" | "F16" | "BF16" => 16,
        "I32" | "U32" | "F32" => 32,
        "I64" | "U64" | "F64" | "C64" => 64,
        _ => return None,
    })
}

fn entries(text: &str) -> Checked<Vec<Entry>> {
    let mut cursor = Cursor::new(text);
    let mut entries = Vec::new();
    let mut names = Names::default();
    let mut labels = Names::default();
    let read = cursor.object(|cursor, name, at| {
        if name != METADATA {
            entries.push(entry(cursor, name, LENGTH_BYTES + at)?);
        } else if cursor.peek()? == b'{' {
            cursor.object(|cursor, label, at| {
                labels.add(label, LENGTH_BYTES + at);
                cursor.skip()
            })?;
        } else {
            cursor.skip()?;
        }
        names.add(name, LENGTH_BYTES + at);
        Some(())
    });
    for (names, kind) in [(names, "tensor"), (labels, "metadata")] {
        if let Some((name, at)) = names.repeated {
            return flaw(at, format!("{kind} `{name}` is there twice"));
        }
    }
    if read.is_none() {
        let at = LENGTH_BYTES + cursor.at();
        return flaw(at, "an entry is not an object with dtype, shape and data_offsets");
    }
    Ok(entries)
}

/// One tensor's description, from the value at the cursor.
fn entry(cursor: &mut Cursor<'_>, name: &str, at: usize) -> Option<Entry> {
    let (mut dtype, mut shape, mut offsets) = (None, None, None);
    cursor.object(|cursor, key, _| {
        match key {
            "dtype" => dtype = Some(cursor.string()?),
            "shape" => shape = Some(cursor.integers()?),
            "data_offsets" => offsets = Some(cursor.integers()?),
            _ => cursor.skip()?,
        }
        Some(())
    })?;
    let [start, end] = offsets?[..] else { return None };
    Some(Entry { name: name.to_owned(), at, dtype: dtype?, shape: shape?, start, end })
}

/// Names seen so far, and the first that came again.
#[derive(Default)]
struct Names {
    seen: BTreeSet<String>,
    repeated: Option<(String, usize)>,
}

impl Names {
    fn add(&mut self, name: &str, at: usize) {
        if !self.seen.insert(name.to_owned()) && self.repeated.is_none() {
            self.repeated = Some((name.to_owned(), at));
        }
    }
}

/// Writes the header, entry by entry in the order of the data.
pub(super) struct Writer {
    json: String,
    data_bytes: usize,
}

impl Writer {
    pub(super) fn new(metadata: &BTreeMap<String, String>) -> Self {
        let mut json = String::from("{");
        for (i, (label, value)) in metadata.iter().enumerate() {
            json.push_str(if i == 0 { "\"__metadata__\":{" } else { "," });
            quote(&mut json, label);
            json.push(':');
            quote(&mut json, value);
        }
        if !metadata.is_empty() {
            json.push('}');
        }
        Writer { json, data_bytes: 0 }
    }

    pub(super) fn push(
        &mut self,
        name: &str,
        dtype: Dtype,
        shape: &[usize],
        bytes: usize,
    ) -> Result<()> {
        if name == METADATA {
            let expected = "another name: the format keeps this one for its metadata";
            return Err(Error::argument("write_safetensors", "tensor name", name, expected));
        }
        if self.json.len() > 1 {
            self.json.push(',');
        }
        quote(&mut self.json, name);
        let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
        let (sizes, start) = (sizes.join(","), self.data_bytes);
        self.data_bytes += bytes;
        let end = self.data_bytes;
        self.json.push_str(&format!(
            ":{{\"dtype\":\"{dtype}\",\"shape\":[{sizes}],\"data_offsets\":[{start},{end}]}}"
        ));
        Ok(())
    }

    /// The length and the header, padded so that the data is aligned.
    pub(super) fn finish(mut self) -> Result<Vec<u8>> {
        self.json.push('}');
        let length = self.json.len().next_multiple_of(LENGTH_BYTES);
        if length > MAX_HEADER_BYTES {
            let expected = "at most 100 MB of names and metadata";
            return Err(Error::argument("write_safetensors", "header", length, expected));
        }
        let mut bytes = (length as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(self.json.as_bytes());
        bytes.resize(LENGTH_BYTES + length, b' ');
        Ok(bytes)
    }
}
