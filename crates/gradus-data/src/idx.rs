//! The IDX format of MNIST and its relatives: a header and unsigned bytes, plain or gzipped.
//!
//! Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits": two zero
//! bytes, the element type (8 for unsigned bytes), the rank, one big-endian 32-bit size per
//! dimension, then the elements in row-major order.

use std::io::Read;
use std::path::Path;

use gradus_tensor::{Array, DType, Error, Result, Shape};

use crate::files::{open, read_up_to};

const FORMAT: &str = "idx";
/// The type byte of unsigned bytes.
const TYPE_U8: u8 = 0x08;
/// Type bytes of the format that this reader does not take.
const OTHER_TYPES: [u8; 5] = [0x09, 0x0b, 0x0c, 0x0d, 0x0e];
const MAX_RANK: u8 = 8;
/// More than any data set of this format has; a damaged header must not fill the memory.
const MAX_BYTES: u64 = 4 << 30;

/// Reads an IDX file of unsigned bytes, gzipped or not, of any rank from 1 to 8.
///
/// The header must be exact: a file that holds fewer or more bytes than it declares is refused.
///
/// # Errors
/// `Kind::Io` when the file cannot be read; `Kind::Format` when it is not IDX, is truncated, too
/// long, or larger than 4 GiB.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("labels-idx1-ubyte");
/// std::fs::write(&path, [0, 0, 8, 1, 0, 0, 0, 3, 9, 0, 5]).unwrap();
/// let labels = gradus_data::read_idx(&path)?;
/// assert_eq!(labels.to_vec::<u8>()?, [9, 0, 5]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub fn read_idx(path: impl AsRef<Path>) -> Result<Array> {
    Idx::read(path.as_ref())?.array()
}

/// An IDX file in memory.
pub(crate) struct Idx {
    /// The whole unpacked file, header included: what checksums are made of.
    pub(crate) bytes: Vec<u8>,
    dims: Vec<usize>,
}

impl Idx {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        Self::from_reader(&mut *open(path)?, path)
    }

    pub(crate) fn from_reader(source: &mut dyn Read, path: &Path) -> Result<Self> {
        let mut bytes = Vec::new();
        read_up_to(source, 4, path, FORMAT, &mut bytes)?;
        let rank = rank(&bytes, path)?;
        let header = 4 + 4 * usize::from(rank);
        read_up_to(source, header as u64 - 4, path, FORMAT, &mut bytes)?;
        if bytes.len() < header {
            let problem = format!("{} bytes end inside the header of {header}", bytes.len());
            return Err(Error::format(path, FORMAT, bytes.len() as u64, problem));
        }
        let sizes = bytes[4..].chunks_exact(4);
        let sizes: Vec<u32> = sizes.map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]])).collect();
        let elements = sizes.iter().try_fold(1u64, |n, &size| n.checked_mul(u64::from(size)));
        let elements = elements.filter(|&n| n <= MAX_BYTES).ok_or_else(|| {
            let problem = format!("sizes {sizes:?} are more than {MAX_BYTES} elements");
            Error::format(path, FORMAT, 4, problem)
        })?;
        // One byte more than declared, to see that nothing follows and that gzip's checksum fits.
        read_up_to(source, elements + 1, path, FORMAT, &mut bytes)?;
        let got = (bytes.len() - header) as u64;
        if got != elements {
            let held = if got > elements { "more".to_owned() } else { format!("only {got}") };
            let problem = format!("sizes {sizes:?} declare {elements} elements, it holds {held}");
            return Err(Error::format(path, FORMAT, bytes.len() as u64, problem));
        }
        Ok(Idx { bytes, dims: sizes.iter().map(|&s| s as usize).collect() })
    }

    /// The elements.
    pub(crate) fn array(&self) -> Result<Array> {
        Array::from_bytes(self.elements(), Shape::new(&self.dims), DType::U8)
    }

    pub(crate) fn dims(&self) -> &[usize] {
        &self.dims
    }

    pub(crate) fn elements(&self) -> &[u8] {
        &self.bytes[4 + 4 * self.dims.len()..]
    }
}

/// The rank that the magic number declares.
fn rank(magic: &[u8], path: &Path) -> Result<u8> {
    match *magic {
        [0, 0, TYPE_U8, rank @ 1..=MAX_RANK] => Ok(rank),
        [0, 0, TYPE_U8, rank] => {
            let problem = format!("rank {rank} lies outside 1..={MAX_RANK}");
            Err(Error::format(path, FORMAT, 3, problem))
        }
        [0, 0, other, _] if OTHER_TYPES.contains(&other) => {
            let problem = format!("element type {other:#04x}; only unsigned bytes (0x08) are read");
            Err(Error::format(path, FORMAT, 2, problem))
        }
        [a, b, c, d] => {
            let problem = format!(
                "magic number {:#010x}, expected 0x000008NN",
                u32::from_be_bytes([a, b, c, d])
            );
            Err(Error::format(path, FORMAT, 0, problem))
        }
        _ => {
            let problem = format!("{} bytes end inside the magic number", magic.len());
            Err(Error::format(path, FORMAT, magic.len() as u64, problem))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use gradus_tensor::Kind;

    use super::*;

    fn idx(dims: &[u32], elements: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, TYPE_U8, dims.len() as u8];
        bytes.extend(dims.iter().flat_map(|d| d.to_be_bytes()));
        bytes.extend_from_slice(elements);
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    fn read(bytes: &[u8]) -> Result<Array> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        std::fs::write(&path, bytes).expect("writable");
        read_idx(&path)
    }

    #[track_caller]
    fn refused(bytes: &[u8], offset: u64, says: &str) {
        let error = read(bytes).expect_err("refused");
        match error.kind() {
            Kind::Format { format: "idx", offset: at, problem, .. } => {
                assert!(problem.contains(says), "{problem}");
                assert_eq!(*at, Some(offset), "{problem}");
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn any_rank_is_read_plain_and_gzipped() {
        let elements: Vec<u8> = (0..24).collect();
        for dims in [&[24][..], &[4, 6], &[2, 3, 4], &[2, 1, 3, 4]] {
            for bytes in [idx(dims, &elements), gzip(&idx(dims, &elements))] {
                let array = read(&bytes).expect("valid");
                let sizes: Vec<usize> = dims.iter().map(|&d| d as usize).collect();
                assert_eq!(array.shape().dims(), sizes);
                assert_eq!(array.to_vec::<u8>().expect("u8"), elements);
            }
        }
        assert_eq!(read(&idx(&[0, 28, 28], &[])).expect("empty").shape().dims(), [0, 28, 28]);
    }

    #[test]
    fn wrong_magic_numbers_are_refused() {
        refused(&[], 0, "end inside the magic");
        refused(&[0, 0, 8], 3, "end inside the magic");
        refused(b"PK\x03\x04 a zip file", 0, "0x504b0304");
        refused(&[0, 0, 0x0d, 1, 0, 0, 0, 0], 2, "0x0d");
        refused(&[0, 0, 8, 0], 3, "rank 0");
        refused(&[0, 0, 8, 200], 3, "rank 200");
    }

    #[test]
    fn sizes_that_lie_are_refused() {
        refused(&idx(&[3, 2], &[1; 5]), 17, "declare 6 elements, it holds only 5");
        refused(&idx(&[3, 2], &[1; 9]), 19, "declare 6 elements, it holds more");
        refused(&[0, 0, 8, 2, 0, 0, 0, 1, 0, 0], 10, "inside the header of 12");
        refused(&idx(&[u32::MAX; 8], &[]), 4, "are more than");
        refused(&idx(&[1 << 31, 2, 1], &[1, 2, 3]), 19, "holds only 3");
    }

    #[test]
    fn damaged_gzip_is_refused() {
        let elements: Vec<u8> = (0..60_000u32).map(|v| ((v * v) >> 5) as u8).collect();
        let whole = gzip(&idx(&[60_000], &elements));
        let error = read(&whole[..whole.len() / 2]).expect_err("truncated");
        assert!(error.to_string().contains("truncated or damaged"), "{error}");
        // Without gzip's last bytes all elements are there, and still nothing proves them right.
        let error = read(&whole[..whole.len() - 4]).expect_err("no checksum");
        assert!(error.to_string().contains("truncated or damaged"), "{error}");
        let mut flipped = whole.clone();
        *flipped.last_mut().expect("bytes") ^= 1;
        assert!(matches!(read(&flipped).expect_err("length").kind(), Kind::Format { .. }));
    }

    #[test]
    fn a_gzip_bomb_is_read_no_further_than_declared() {
        // 64 MiB of zeros in 64 KiB, behind a header that declares 4 bytes.
        let mut bomb = idx(&[4], &[]);
        bomb.resize(64 << 20, 0);
        let error = read(&gzip(&bomb)).expect_err("refused");
        let Kind::Format { offset, .. } = error.kind() else { panic!("{error}") };
        assert_eq!(*offset, Some(8 + 4 + 1));
    }

    #[test]
    fn a_missing_file_names_its_path() {
        let error = read_idx("no/such/file").expect_err("missing");
        assert!(matches!(error.kind(), Kind::Io { .. }));
        assert!(error.to_string().starts_with("no/such/file: "), "{error}");
    }
}
