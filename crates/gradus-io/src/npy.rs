//! NumPy's `.npy` files: one array, its header a Python dict in text.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>

mod dict;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::Path;

use gradus_tensor::{Array, DType, Error, Kind, Result};

use crate::file::{read_file, write_atomic};
use crate::raw::{MAX_RANK, Raw, decode, extent, first_non_bool, little_endian, unknown};

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Magic, version and the longest length field.
const LONGEST_PREAMBLE: usize = MAGIC.len() + 2 + 4;
/// The most that a header may take. NumPy itself warns above 10,000 bytes.
const MAX_HEADER_BYTES: usize = 1 << 20;
/// A reader that has seen this much of a file has seen its header.
#[cfg(feature = "npz")]
pub(crate) const HEAD_BYTES: usize = LONGEST_PREAMBLE + MAX_HEADER_BYTES;
/// The data of a written file starts at a multiple of this, as NumPy's does.
const ALIGN: usize = 64;

/// Reads the array in a `.npy` file, to the CPU.
///
/// `float16` is widened to float32; `int8`, `int16` and `uint16` to int32; `int64` becomes int32
/// if every value fits. Versions 1.0 to 3.0, both byte orders, C and Fortran order.
///
/// ```
/// use gradus_io::{read_npy, write_npy};
/// use gradus_tensor::Array;
///
/// let dir = tempfile::tempdir().map_err(|e| gradus_tensor::Error::io("temp", e))?;
/// let path = dir.path().join("x.npy");
/// write_npy(&path, &Array::from_vec(vec![1i32, 2, 3], [3])?)?;
/// assert_eq!(read_npy(&path)?.to_vec::<i32>()?, [1, 2, 3]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Io` when the file cannot be read, `Kind::Format` when it is malformed,
/// `Kind::Unsupported` for other element types, `Kind::Range` for an `int64` outside int32.
pub fn read_npy(path: impl AsRef<Path>) -> Result<Array> {
    let path = path.as_ref();
    npy_from_bytes(path, &read_file(path)?)
}

/// Writes `array` as a `.npy` file of version 1.0, atomically. Views are written dense.
///
/// # Errors
/// `Kind::Io` when the file cannot be written; `Kind::DeviceLost`.
pub fn write_npy(path: impl AsRef<Path>, array: &Array) -> Result<()> {
    write_atomic(path, |file| {
        let data = little_endian(array)?;
        file.write_all(&header_of(array)?)?;
        file.write_all(&data)
    })
}

/// As [`read_npy`], from the file's bytes; `path` is what errors call it.
///
/// # Errors
/// As [`read_npy`].
pub fn npy_from_bytes(path: impl AsRef<Path>, bytes: &[u8]) -> Result<Array> {
    let path = path.as_ref();
    let header = Header::parse(path, bytes)?;
    header.check_total(path, bytes.len() as u64)?;
    header.array(path, &bytes[header.data_start..])
}

/// As [`write_npy`], into memory.
///
/// # Errors
/// `Kind::DeviceLost`.
pub fn npy_to_bytes(array: &Array) -> Result<Vec<u8>> {
    let mut bytes = header_of(array)?;
    bytes.extend_from_slice(&little_endian(array)?);
    Ok(bytes)
}

/// What a `.npy` file says about itself.
#[derive(Debug)]
pub(crate) struct Header {
    descr: String,
    raw: Raw,
    big_endian: bool,
    fortran_order: bool,
    shape: Vec<usize>,
    data_start: usize,
    data_bytes: usize,
}

fn malformed(path: &Path, offset: usize, problem: impl Into<String>) -> Error {
    Error::format(path, "npy", offset as u64, problem)
}

impl Header {
    /// The header of a file that begins with `bytes`.
    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let (start, end, version) = preamble(path, bytes)?;
        let text = &bytes[start..end];
        // Before version 3 the text is Latin-1, but every key and type name is ASCII.
        let text = std::str::from_utf8(text).map_err(|error| {
            let at = start + error.valid_up_to();
            malformed(path, at, format!("the version {version} header is not text"))
        })?;
        let dict = dict::parse(text).map_err(|flaw| {
            malformed(path, start + flaw.at, format!("bad header: {}", flaw.problem))
        })?;
        let (raw, big_endian) = element_type(path, start, &dict.descr)?;
        let shape = sizes(&dict.shape).map_err(|problem| malformed(path, start, problem))?;
        let data_bytes = extent(&shape, raw.size()).ok_or_else(|| {
            malformed(path, start, format!("shape {shape:?} overflows the address space"))
        })?;
        Ok(Header {
            descr: dict.descr,
            raw,
            big_endian,
            fortran_order: dict.fortran_order,
            shape,
            data_start: end,
            data_bytes,
        })
    }

    /// The size of the whole file by its header.
    pub(crate) fn total_bytes(&self) -> u64 {
        self.data_start as u64 + self.data_bytes as u64
    }

    /// Compares the header's demand with the bytes there are.
    pub(crate) fn check_total(&self, path: &Path, total: u64) -> Result<()> {
        if total == self.total_bytes() {
            return Ok(());
        }
        let Header { descr, shape, data_bytes, .. } = self;
        let got = total.saturating_sub(self.data_start as u64);
        let problem = format!(
            "shape {shape:?} of '{descr}' needs {data_bytes} bytes of data, the file has {got}"
        );
        Err(malformed(path, self.data_start, problem))
    }

    /// The array in `data`, whose length was checked.
    fn array(&self, path: &Path, data: &[u8]) -> Result<Array> {
        if let (Raw::Bool, Some((at, byte))) = (self.raw, first_non_bool(data)) {
            let problem = format!("byte {byte} is not a bool: only 0 and 1 are");
            return Err(malformed(path, self.data_start + at, problem));
        }
        let place = || path.display().to_string();
        if !self.fortran_order {
            return decode(data, &self.shape, self.raw, self.big_endian)
                .map_err(|error| error.within(place()));
        }
        // Column-major data is the row-major data of the reversed dimensions.
        let reversed: Vec<usize> = self.shape.iter().rev().copied().collect();
        let array = decode(data, &reversed, self.raw, self.big_endian)
            .map_err(|error| error.within(place()))?;
        let order: Vec<usize> = (0..reversed.len()).rev().collect();
        let view = array.with_layout(array.layout().permute(&order));
        Array::from_bytes(&view.to_bytes()?, self.shape.as_slice(), view.dtype())
    }
}

/// Where the header's text starts and ends, and the version.
fn preamble(path: &Path, bytes: &[u8]) -> Result<(usize, usize, u8)> {
    let truncated = |at: usize| malformed(path, at, "truncated: the file ends in its header");
    let seen = bytes.len().min(MAGIC.len());
    if bytes[..seen] != MAGIC[..seen] {
        return Err(malformed(path, 0, "does not start with \\x93NUMPY"));
    }
    let Some(&[major, minor]) = bytes.get(MAGIC.len()..MAGIC.len() + 2) else {
        return Err(truncated(bytes.len()));
    };
    let at = MAGIC.len() + 2;
    let length_bytes = match (major, minor) {
        (1, 0) => 2,
        (2 | 3, 0) => 4,
        _ => {
            let problem = format!("version {major}.{minor} is not 1.0, 2.0 or 3.0");
            return Err(malformed(path, MAGIC.len(), problem));
        }
    };
    let field = bytes.get(at..at + length_bytes).ok_or_else(|| truncated(bytes.len()))?;
    let length = field.iter().rev().fold(0usize, |n, &byte| n << 8 | usize::from(byte));
    if length > MAX_HEADER_BYTES {
        let problem = format!("a header of {length} bytes, {MAX_HEADER_BYTES} is the limit");
        return Err(malformed(path, at, problem));
    }
    let start = at + length_bytes;
    if start + length > bytes.len() {
        return Err(truncated(bytes.len()));
    }
    Ok((start, start + length, major))
}

fn sizes(declared: &[i128]) -> std::result::Result<Vec<usize>, String> {
    if declared.len() > MAX_RANK {
        return Err(format!("{} dimensions, {MAX_RANK} is the limit", declared.len()));
    }
    let one = |&size: &i128| {
        usize::try_from(size).map_err(|_| match size {
            ..0 => format!("shape has a negative size {size}"),
            _ => format!("shape has a size {size} beyond the address space"),
        })
    };
    declared.iter().map(one).collect()
}

/// The element type that NumPy writes as `descr`, and whether it is big-endian.
fn element_type(path: &Path, at: usize, descr: &str) -> Result<(Raw, bool)> {
    let (order, name) = descr.split_at_checked(1).unwrap_or(("", descr));
    let raw = match name {
        "b1" => Raw::Bool,
        "u1" => Raw::U8,
        "i1" => Raw::I8,
        "i2" => Raw::I16,
        "u2" => Raw::U16,
        "i4" => Raw::I32,
        "u4" => Raw::U32,
        "i8" => Raw::I64,
        "f2" => Raw::F16,
        "f4" => Raw::F32,
        "f8" => Raw::F64,
        _ if "<>|=".contains(order) && is_type_name(name) => {
            let what = format!("element type '{descr}'");
            let kind = Kind::Unsupported { op: "read_npy", what, place: "in an npy file" };
            return Err(Error::from(kind).within(path.display().to_string()));
        }
        _ => return Err(malformed(path, at, format!("'{descr}' is not an element type"))),
    };
    match order {
        "<" => Ok((raw, false)),
        ">" => Ok((raw, true)),
        "=" => Ok((raw, cfg!(target_endian = "big"))),
        "|" if raw.size() == 1 => Ok((raw, false)),
        _ => {
            let problem = format!("'{descr}' has the byte order '{order}', expected '<' or '>'");
            Err(malformed(path, at, problem))
        }
    }
}

/// Whether NumPy would know the type: a kind, its size, and for times their unit.
fn is_type_name(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(|kind| "biufcmMOSUV".contains(kind)) else {
        return false;
    };
    let digits = rest.split('[').next().unwrap_or_default();
    digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn header_of(array: &Array) -> Result<Vec<u8>> {
    let descr = match array.dtype() {
        DType::Bool => "|b1",
        DType::U8 => "|u1",
        DType::U32 => "<u4",
        DType::I32 => "<i4",
        DType::F32 => "<f4",
        DType::F64 => "<f8",
        other => return Err(unknown("write_npy", other)),
    };
    let sizes: Vec<String> = array.shape().iter().map(ToString::to_string).collect();
    let comma = if sizes.len() == 1 { "," } else { "" };
    let shape = format!("({}{comma})", sizes.join(", "));
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    // Version 1.0 holds 65,535 bytes of text, enough for 3,000 dimensions.
    let long = text.len() + ALIGN > usize::from(u16::MAX);
    let preamble = if long { LONGEST_PREAMBLE } else { LONGEST_PREAMBLE - 2 };
    let unpadded = preamble + text.len() + 1;
    text.extend(std::iter::repeat_n(' ', unpadded.next_multiple_of(ALIGN) - unpadded));
    text.push('\n');
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&[if long { 2 } else { 1 }, 0]);
    let length = (text.len() as u32).to_le_bytes();
    bytes.extend_from_slice(if long { &length } else { &length[..2] });
    bytes.extend_from_slice(text.as_bytes());
    Ok(bytes)
}
