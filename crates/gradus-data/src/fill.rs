//! One number as the bytes of any element type.

use gradus_tensor::{DType, Error, Result};

/// The bytes of `value` as an element of `dtype`.
pub(crate) fn element(op: &'static str, value: f64, dtype: DType) -> Result<Vec<u8>> {
    let whole = |low: f64, high: f64| {
        if value.fract() == 0.0 && (low..=high).contains(&value) {
            return Ok(value as i64);
        }
        let value = format!("{value} for {dtype}");
        Err(Error::argument(op, "padding value", value, "a value of the column's type"))
    };
    Ok(match dtype {
        DType::F64 => value.to_ne_bytes().to_vec(),
        DType::F32 => (value as f32).to_ne_bytes().to_vec(),
        DType::I32 => (whole(i32::MIN.into(), i32::MAX.into())? as i32).to_ne_bytes().to_vec(),
        DType::U32 => (whole(0.0, u32::MAX.into())? as u32).to_ne_bytes().to_vec(),
        DType::Bool => vec![whole(0.0, 1.0)? as u8],
        _ => vec![whole(0.0, 255.0)? as u8],
    })
}
