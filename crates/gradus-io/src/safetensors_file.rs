//! The `.safetensors` weight format: a JSON header, then the tensors' bytes, little-endian.
//!
//! Format: <https://huggingface.co/docs/safetensors>. The crate `safetensors` judges the header;
//! what it leaves open or unnamed is checked here.

mod header;
mod json;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use gradus_tensor::{Array, DType, Error, Kind, Result};
use safetensors::tensor::TensorInfo;
use safetensors::{Dtype, SafeTensorError, SafeTensors};

use self::header::{Flaw, LENGTH_BYTES};
use crate::file::{error_at, read_file, write_atomic};
use crate::raw::{Raw, decode, first_non_bool, little_endian, unknown};

/// What a `.safetensors` file holds.
#[derive(Clone, Debug, Default)]
pub struct SafeTensorsFile {
    /// The tensors by name, on the CPU.
    pub tensors: BTreeMap<String, Array>,
    /// Free text by name, the header's `__metadata__`.
    pub metadata: BTreeMap<String, String>,
}

/// Reads a `.safetensors` file, to the CPU.
///
/// F16 and BF16 are widened to float32; I64 becomes int32 if every value fits.
///
/// ```
/// use std::collections::BTreeMap;
/// use gradus_io::{read_safetensors, write_safetensors};
/// use gradus_tensor::Array;
///
/// let dir = tempfile::tempdir().map_err(|e| gradus_tensor::Error::io("temp", e))?;
/// let path = dir.path().join("model.safetensors");
/// let tensors = BTreeMap::from([("bias".to_owned(), Array::from_vec(vec![0.5f32; 3], [3])?)]);
/// let metadata = BTreeMap::from([("epoch".to_owned(), "7".to_owned())]);
/// write_safetensors(&path, &tensors, &metadata)?;
/// let file = read_safetensors(&path)?;
/// assert_eq!(file.tensors["bias"].to_vec::<f32>()?, [0.5; 3]);
/// assert_eq!(file.metadata, metadata);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Io` when the file cannot be read, `Kind::Format` when it is malformed,
/// `Kind::Unsupported` for other element types, `Kind::Range` for an I64 outside int32. Errors of
/// one tensor name it.
pub fn read_safetensors(path: impl AsRef<Path>) -> Result<SafeTensorsFile> {
    let path = path.as_ref();
    SafeTensorsFile::from_bytes(path, &read_file(path)?)
}

/// Writes tensors of any device as a `.safetensors` file, atomically. Views are written dense;
/// the same tensors and metadata give the same bytes.
///
/// # Errors
/// `Kind::Io` when the file cannot be written; `Kind::Argument` when a tensor is called
/// `__metadata__` or the names exceed the header's limit of 100 MB; `Kind::DeviceLost`.
pub fn write_safetensors(
    path: impl AsRef<Path>,
    tensors: &BTreeMap<String, Array>,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    write_atomic(path, |file| write_to(file, tensors, metadata))
}

impl SafeTensorsFile {
    /// As [`read_safetensors`], from the file's bytes; `path` is what errors call it.
    ///
    /// # Errors
    /// As [`read_safetensors`].
    pub fn from_bytes(path: impl AsRef<Path>, bytes: &[u8]) -> Result<Self> {
        let path = path.as_ref();
        let text = header::text(bytes).map_err(|flaw| malformed(path, flaw))?;
        let parsed = SafeTensors::read_metadata(bytes);
        if let Err(SafeTensorError::InvalidHeaderDeserialization(error)) = &parsed {
            let problem = format!("the header is not a valid description of tensors: {error}");
            return Err(malformed(path, Flaw { at: Some(LENGTH_BYTES), problem }));
        }
        let data = &bytes[LENGTH_BYTES + text.len()..];
        header::check(text, data.len()).map_err(|flaw| malformed(path, flaw))?;
        let (_, parsed) = parsed
            .map_err(|error| malformed(path, Flaw { at: None, problem: error.to_string() }))?;
        let mut file = SafeTensorsFile::default();
        file.metadata.extend(parsed.metadata().clone().unwrap_or_default());
        for (name, info) in parsed.tensors() {
            let array = tensor(path, &name, info, data, LENGTH_BYTES + text.len())?;
            file.tensors.insert(name, array);
        }
        Ok(file)
    }

    /// As [`write_safetensors`], into memory.
    ///
    /// # Errors
    /// `Kind::Argument` and `Kind::DeviceLost` as [`write_safetensors`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        write_to(&mut bytes, &self.tensors, &self.metadata)
            .map_err(|error| error_at(Path::new("safetensors"), error))?;
        Ok(bytes)
    }
}

fn malformed(path: &Path, flaw: Flaw) -> Error {
    Error::format(path, "safetensors", flaw.at.map(|at| at as u64), flaw.problem)
}

/// One tensor, its values checked; `data_start` is where `data` lies in the file.
fn tensor(
    path: &Path,
    name: &str,
    info: &TensorInfo,
    data: &[u8],
    data_start: usize,
) -> Result<Array> {
    let (start, end) = info.data_offsets;
    let bytes = &data[start..end];
    let raw = match info.dtype {
        Dtype::BOOL => Raw::Bool,
        Dtype::U8 => Raw::U8,
        Dtype::I32 => Raw::I32,
        Dtype::U32 => Raw::U32,
        Dtype::I64 => Raw::I64,
        Dtype::F16 => Raw::F16,
        Dtype::BF16 => Raw::Bf16,
        Dtype::F32 => Raw::F32,
        Dtype::F64 => Raw::F64,
        other => {
            let what = format!("element type {other} of tensor `{name}`");
            let place = "in a safetensors file";
            let kind = Kind::Unsupported { op: "read_safetensors", what, place };
            return Err(Error::from(kind).within(path.display().to_string()));
        }
    };
    if let (Raw::Bool, Some((at, byte))) = (raw, first_non_bool(bytes)) {
        let problem = format!("tensor `{name}`: byte {byte} is not a bool: only 0 and 1 are");
        return Err(malformed(path, Flaw { at: Some(data_start + start + at), problem }));
    }
    decode(bytes, &info.shape, raw, false)
        .map_err(|error| error.within(format!("tensor `{name}` of {}", path.display())))
}

fn write_to(
    out: &mut impl Write,
    tensors: &BTreeMap<String, Array>,
    metadata: &BTreeMap<String, String>,
) -> io::Result<()> {
    // The format's own order: the widest types first, so that all of them are aligned.
    let typed = |(name, array)| Ok((file_dtype(Array::dtype(array))?, name, array));
    let mut order: Vec<(Dtype, &String, &Array)> =
        tensors.iter().map(typed).collect::<Result<_>>()?;
    order.sort_by_key(|(dtype, ..)| std::cmp::Reverse(*dtype));
    let mut text = header::Writer::new(metadata);
    for &(dtype, name, array) in &order {
        let bytes = array.shape().numel() * array.dtype().size();
        text.push(name, dtype, array.shape(), bytes)?;
    }
    out.write_all(&text.finish()?)?;
    order.iter().try_for_each(|(.., array)| out.write_all(&little_endian(array)?))
}

fn file_dtype(dtype: DType) -> Result<Dtype> {
    Ok(match dtype {
        DType::Bool => Dtype::BOOL,
        DType::U8 => Dtype::U8,
        DType::U32 => Dtype::U32,
        DType::I32 => Dtype::I32,
        DType::F32 => Dtype::F32,
        DType::F64 => Dtype::F64,
        other => return Err(unknown("write_safetensors", other)),
    })
}
