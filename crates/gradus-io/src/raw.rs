//! Numbers as array files store them: their sizes, byte orders and the type each is read as.

use std::borrow::Cow;

use bytemuck::allocation::pod_collect_to_vec;
use gradus_tensor::{Array, DType, Error, Kind, Result};

/// The most dimensions a file may declare: NumPy's own limit, far above any real array.
pub(crate) const MAX_RANK: usize = 64;

/// An element type found in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Raw {
    Bool,
    U8,
    I8,
    I16,
    U16,
    I32,
    U32,
    I64,
    F16,
    Bf16,
    F32,
    F64,
}

impl Raw {
    /// Bytes of one element in the file.
    pub(crate) const fn size(self) -> usize {
        match self {
            Raw::Bool | Raw::U8 | Raw::I8 => 1,
            Raw::I16 | Raw::U16 | Raw::F16 | Raw::Bf16 => 2,
            Raw::I32 | Raw::U32 | Raw::F32 => 4,
            Raw::I64 | Raw::F64 => 8,
        }
    }
}

/// Bytes that an array takes; `None` when the sizes multiply beyond what memory can address. A
/// size of 0 does not excuse the others: strides are products of them.
pub(crate) fn extent(sizes: &[usize], item_bytes: usize) -> Option<usize> {
    let spanned = sizes.iter().try_fold(item_bytes, |n, &size| n.checked_mul(size.max(1)))?;
    if isize::try_from(spanned).is_err() {
        return None;
    }
    Some(if sizes.contains(&0) { 0 } else { spanned })
}

/// The first byte that is neither 0 nor 1, and its position.
pub(crate) fn first_non_bool(bytes: &[u8]) -> Option<(usize, u8)> {
    bytes.iter().copied().enumerate().find(|&(_, byte)| byte > 1)
}

/// The array that `bytes` store in row-major order; the caller checked their number.
///
/// # Errors
/// `Kind::Range` for an `i64` outside `i32`; `Kind::OutOfMemory`.
pub(crate) fn decode(bytes: &[u8], shape: &[usize], raw: Raw, big_endian: bool) -> Result<Array> {
    let bytes = native(bytes, raw.size(), big_endian);
    match raw {
        Raw::Bool => Array::from_bytes(&bytes, shape, DType::Bool),
        Raw::U8 => Array::from_bytes(&bytes, shape, DType::U8),
        Raw::I32 => Array::from_bytes(&bytes, shape, DType::I32),
        Raw::U32 => Array::from_bytes(&bytes, shape, DType::U32),
        Raw::F32 => Array::from_bytes(&bytes, shape, DType::F32),
        Raw::F64 => Array::from_bytes(&bytes, shape, DType::F64),
        Raw::I64 => Array::from_vec(pod_collect_to_vec::<u8, i64>(&bytes), shape),
        Raw::I8 => Array::from_vec(widened::<i8, i32>(&bytes), shape),
        Raw::I16 => Array::from_vec(widened::<i16, i32>(&bytes), shape),
        Raw::U16 => Array::from_vec(widened::<u16, i32>(&bytes), shape),
        Raw::F16 => Array::from_vec(widened::<half::f16, f32>(&bytes), shape),
        Raw::Bf16 => Array::from_vec(widened::<half::bf16, f32>(&bytes), shape),
    }
}

fn widened<Narrow: bytemuck::Pod + Into<Wide>, Wide>(bytes: &[u8]) -> Vec<Wide> {
    pod_collect_to_vec::<u8, Narrow>(bytes).into_iter().map(Into::into).collect()
}

/// The error of writing a type that files have no name for yet.
pub(crate) fn unknown(op: &'static str, dtype: DType) -> Error {
    Kind::DType { op, got: vec![dtype], expected: "a type that the format has" }.into()
}

/// The stored bytes of all values in row-major order, little-endian.
///
/// # Errors
/// `Kind::DeviceLost` when the GPU went away.
pub(crate) fn little_endian(array: &Array) -> Result<Vec<u8>> {
    if array.shape().numel() == 0 {
        return Ok(Vec::new());
    }
    let bytes = array.to_bytes()?;
    Ok(match native(&bytes, array.dtype().size(), false) {
        Cow::Borrowed(_) => bytes,
        Cow::Owned(swapped) => swapped,
    })
}

/// The bytes in this machine's order; the same swap leads back.
fn native(bytes: &[u8], size: usize, big_endian: bool) -> Cow<'_, [u8]> {
    if size == 1 || big_endian == cfg!(target_endian = "big") {
        return Cow::Borrowed(bytes);
    }
    let mut swapped = bytes.to_vec();
    for item in swapped.chunks_exact_mut(size) {
        item.reverse();
    }
    Cow::Owned(swapped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents_are_products_that_fit_memory() {
        assert_eq!(extent(&[], 8), Some(8));
        assert_eq!(extent(&[2, 3], 4), Some(24));
        assert_eq!(extent(&[2, 0, 3], 4), Some(0));
        assert_eq!(extent(&[usize::MAX], 4), None);
        assert_eq!(extent(&[0, usize::MAX, 2], 1), None);
        assert_eq!(extent(&[isize::MAX as usize + 1], 1), None);
    }

    #[test]
    fn every_type_decodes_in_both_byte_orders() {
        let check = |raw: Raw, little: &[u8], expected: f64| {
            let big: Vec<u8> = little.iter().rev().copied().collect();
            for (bytes, big_endian) in [(little, false), (&big, true)] {
                let array = decode(bytes, &[1], raw, big_endian).expect("valid");
                let value = match array.dtype() {
                    DType::F32 => f64::from(array.to_vec::<f32>().expect("floats")[0]),
                    DType::F64 => array.to_vec::<f64>().expect("floats")[0],
                    _ => array.to_vec::<i64>().expect("integers")[0] as f64,
                };
                assert_eq!(value, expected, "{raw:?}, big endian {big_endian}");
                assert_eq!(raw.size(), little.len());
            }
        };
        check(Raw::Bool, &[1], 1.0);
        check(Raw::U8, &[200], 200.0);
        check(Raw::I8, &[200], -56.0);
        check(Raw::I16, &(-300i16).to_le_bytes(), -300.0);
        check(Raw::U16, &65_000u16.to_le_bytes(), 65_000.0);
        check(Raw::I32, &(-70_000i32).to_le_bytes(), -70_000.0);
        check(Raw::U32, &4_000_000_000u32.to_le_bytes(), 4e9);
        check(Raw::I64, &(-2_147_483_648i64).to_le_bytes(), -2_147_483_648.0);
        // 1.5 as IEEE half and as the upper half of its float32.
        check(Raw::F16, &[0x00, 0x3e], 1.5);
        check(Raw::Bf16, &[0xc0, 0x3f], 1.5);
        check(Raw::F32, &0.25f32.to_le_bytes(), 0.25);
        check(Raw::F64, &1e300f64.to_le_bytes(), 1e300);
        let error = decode(&2_147_483_648i64.to_le_bytes(), &[], Raw::I64, false);
        let text = error.expect_err("beyond int32").to_string();
        assert_eq!(text, "value 2147483648 at position 0 does not fit int32");
    }
}
