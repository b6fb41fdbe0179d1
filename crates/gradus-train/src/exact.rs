//! Numbers in JSON that read back as the same bits: JSON knows neither NaN nor infinity, and not
//! every reader rounds correctly, so they are kept as text.

use serde_json::Value;

/// The shortest text that reads back as the same number.
pub(crate) fn number(value: f64) -> Value {
    Value::String(value.to_string())
}

/// A number that [`number`] wrote.
pub(crate) fn read(value: &Value) -> Option<f64> {
    value.as_str()?.parse().ok()
}

pub(crate) fn numbers(values: &[f64]) -> Value {
    values.iter().map(|v| number(*v)).collect()
}

pub(crate) fn read_all(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(read).collect()
}

/// A count.
pub(crate) fn count(value: &Value) -> Option<usize> {
    usize::try_from(value.as_u64()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_back_with_its_bits() {
        for v in [0.1, -0.0, f64::MAX, f64::MIN_POSITIVE / 8.0, f64::INFINITY, f64::NEG_INFINITY] {
            let text = serde_json::to_string(&number(v)).expect("json");
            let back: Value = serde_json::from_str(&text).expect("json");
            assert_eq!(read(&back).map(f64::to_bits), Some(v.to_bits()), "{text}");
        }
        assert!(read(&number(f64::NAN)).is_some_and(f64::is_nan));
        assert_eq!(read(&Value::Null), None);
    }
}
