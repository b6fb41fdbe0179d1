//! Reads files that may be gzipped, never more of them than a bound.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use gradus_tensor::{Error, Result};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Opens a file; one that starts as gzip does is unpacked on the way.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read>> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    unpacked(BufReader::new(file)).map_err(|e| Error::io(path, e))
}

/// The unpacked content of `source`, or the content itself when it is not gzip.
fn unpacked(mut source: BufReader<File>) -> io::Result<Box<dyn Read>> {
    let gzipped = io::BufRead::fill_buf(&mut source)?.starts_with(&GZIP_MAGIC);
    Ok(if gzipped { Box::new(MultiGzDecoder::new(source)) } else { Box::new(source) })
}

/// Reads at most `limit` bytes of `source`, growing the vector as bytes really arrive, so that
/// neither a lying header nor a gzip bomb takes more memory than that.
pub(crate) fn read_up_to(
    source: &mut dyn Read,
    limit: u64,
    path: &Path,
    format: &'static str,
    bytes: &mut Vec<u8>,
) -> Result<()> {
    let read = source.take(limit).read_to_end(bytes);
    read.map(drop).map_err(|e| broken(e, path, format, bytes.len()))
}

/// All of a file, unpacked; one larger than `limit` bytes is an error.
pub(crate) fn read_all(path: &Path, limit: u64, format: &'static str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    read_up_to(&mut *open(path)?, limit.saturating_add(1), path, format, &mut bytes)?;
    if bytes.len() as u64 > limit {
        let problem = format!("the content is larger than the limit of {limit} bytes");
        return Err(Error::format(path, format, None, problem));
    }
    Ok(bytes)
}

/// A damaged gzip stream is a malformed file; anything else is the file system's doing.
fn broken(error: io::Error, path: &Path, format: &'static str, at: usize) -> Error {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match error.kind() {
        UnexpectedEof | InvalidData | InvalidInput => {
            let problem = format!("the gzip stream is truncated or damaged ({error})");
            Error::format(path, format, at as u64, problem)
        }
        _ => Error::io(path, error),
    }
}
