//! NumPy's `.npz` files: a zip archive with one `.npy` member per named array.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Seek, Write};
use std::path::Path;

use gradus_tensor::{Array, Error, Kind, Result};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::file::{error_at, read_file, write_atomic};
use crate::npy::{HEAD_BYTES, Header, npy_from_bytes, npy_to_bytes};

/// The ending that NumPy adds to an array's name.
const SUFFIX: &str = ".npy";
/// Deflate cannot do better: a member that claims more is a lie made to exhaust memory.
const MAX_DEFLATE_RATIO: u64 = 1032;
/// Members above this size need the zip64 form.
const ZIP64_BYTES: usize = u32::MAX as usize;

/// Reads every array of a `.npz` file (stored or deflated), to the CPU, by its name without
/// `.npy`. Element types as [`read_npy`](crate::read_npy).
///
/// ```
/// use std::collections::BTreeMap;
/// use gradus_io::{read_npz, write_npz};
/// use gradus_tensor::Array;
///
/// let dir = tempfile::tempdir().map_err(|e| gradus_tensor::Error::io("temp", e))?;
/// let path = dir.path().join("arrays.npz");
/// let arrays = BTreeMap::from([("x".to_owned(), Array::from_vec(vec![1.0f32, 2.0], [2])?)]);
/// write_npz(&path, &arrays)?;
/// assert_eq!(read_npz(&path)?["x"].to_vec::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Io` when the file cannot be read, `Kind::Format` when the archive or a member is
/// malformed, sizes lie, or a name is there twice; `Kind::Unsupported` for encryption, other
/// compressions and other element types; `Kind::Range` for an `int64` outside int32. Errors of
/// one member name it.
pub fn read_npz(path: impl AsRef<Path>) -> Result<BTreeMap<String, Array>> {
    let path = path.as_ref();
    npz_from_bytes(path, &read_file(path)?)
}

/// Writes arrays as a `.npz` file, atomically and without compression, as NumPy's `savez`.
///
/// The same arrays give the same bytes.
///
/// # Errors
/// `Kind::Io` when the file cannot be written; `Kind::DeviceLost`.
pub fn write_npz(path: impl AsRef<Path>, arrays: &BTreeMap<String, Array>) -> Result<()> {
    write_atomic(path, |file| write_to(file, arrays))
}

/// As [`read_npz`], from the file's bytes; `path` is what errors call it.
///
/// # Errors
/// As [`read_npz`].
pub fn npz_from_bytes(path: impl AsRef<Path>, bytes: &[u8]) -> Result<BTreeMap<String, Array>> {
    let path = path.as_ref();
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| refused(path, e))?;
    if archive.has_duplicate_names() {
        return Err(malformed(path, "two members have the same name"));
    }
    // Shared bytes would let a small archive unfold without end.
    if archive.has_overlapping_entries().map_err(|e| refused(path, e))? {
        return Err(malformed(path, "members overlap"));
    }
    let mut arrays = BTreeMap::new();
    for index in 0..archive.len() {
        let (name, array) = member(path, &mut archive, index)?;
        arrays.insert(name, array);
    }
    Ok(arrays)
}

/// As [`write_npz`], into memory.
///
/// # Errors
/// `Kind::DeviceLost`.
pub fn npz_to_bytes(arrays: &BTreeMap<String, Array>) -> Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    write_to(&mut bytes, arrays).map_err(|error| error_at(Path::new("npz"), error))?;
    Ok(bytes.into_inner())
}

fn write_to(out: &mut (impl Write + Seek), arrays: &BTreeMap<String, Array>) -> io::Result<()> {
    let mut archive = ZipWriter::new(out);
    for (name, array) in arrays {
        let bytes = npy_to_bytes(array)?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            // A fixed time, so that equal arrays make equal files.
            .last_modified_time(DateTime::default())
            .large_file(bytes.len() > ZIP64_BYTES);
        archive.start_file(format!("{name}{SUFFIX}"), options)?;
        archive.write_all(&bytes)?;
    }
    archive.finish()?;
    Ok(())
}

fn malformed(path: &Path, problem: impl Into<String>) -> Error {
    Error::format(path, "npz", None, problem)
}

fn unsupported(path: &Path, what: String) -> Error {
    let kind = Kind::Unsupported { op: "read_npz", what, place: "in an npz file" };
    Error::from(kind).within(path.display().to_string())
}

/// What the zip reader found wrong.
fn refused(path: &Path, error: ZipError) -> Error {
    match error {
        ZipError::Io(error) => malformed(path, format!("bad zip archive: {error}")),
        ZipError::InvalidArchive(problem) => malformed(path, format!("bad zip archive: {problem}")),
        ZipError::UnsupportedArchive(what) => unsupported(path, format!("`{what}`")),
        ZipError::CompressionMethodNotSupported(id) => {
            unsupported(path, format!("compression method {id}"))
        }
        other => malformed(path, other.to_string()),
    }
}

/// The name of one member without `.npy`, and its array.
fn member(
    path: &Path,
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    index: usize,
) -> Result<(String, Array)> {
    let entry = archive.by_index_data(index).map_err(|e| refused(path, e))?;
    let name = entry.name().map_err(|e| refused(path, e))?.into_owned();
    let Some(array_name) = name.strip_suffix(SUFFIX) else {
        return Err(malformed(path, format!("member `{name}` is not a {SUFFIX} file")));
    };
    let place = || format!("member `{name}`");
    let mut file = archive.by_index(index).map_err(|e| refused(path, e).within(place()))?;
    let (packed, declared) = (file.compressed_size(), file.size());
    let most = match file.compression() {
        CompressionMethod::Stored => packed,
        CompressionMethod::Deflated => packed.saturating_mul(MAX_DEFLATE_RATIO),
        other => return Err(unsupported(path, format!("compression {other}")).within(place())),
    };
    if declared > most {
        let problem = format!("{packed} bytes cannot unfold to the {declared} declared");
        return Err(malformed(path, problem).within(place()));
    }
    let bytes = read_member(path, &mut file, declared).map_err(|error| error.within(place()))?;
    let array = npy_from_bytes(path, &bytes).map_err(|error| error.within(place()))?;
    Ok((array_name.to_owned(), array))
}

/// The bytes of a member: its header first, then no more than the header asks for.
fn read_member(path: &Path, file: &mut impl Read, declared: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut read = |bytes: &mut Vec<u8>, most: u64| {
        let read = file.take(most).read_to_end(bytes);
        read.map_err(|error| malformed(path, format!("the data is damaged: {error}")))
    };
    read(&mut bytes, declared.min(HEAD_BYTES as u64))?;
    let header = Header::parse(path, &bytes)?;
    header.check_total(path, declared)?;
    // One byte more than there should be: only at its end does the reader compare checksums.
    let left = declared - bytes.len() as u64 + 1;
    read(&mut bytes, left)?;
    header.check_total(path, bytes.len() as u64)?;
    Ok(bytes)
}
