//! Types and ranges of pixels: to floats and back, rescaled, normalised.

use gradus_tensor::{DType, Error, Kind, Result};

use super::color::{TO_BYTE, TO_FLOAT};
use super::picture::{ImageSize, View, refused};
use super::simd::vectorised;

/// A change of type or range.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Convert {
    /// Bytes to floats, divided by 255 if `scale`.
    Float { scale: bool },
    /// Floats to bytes: of 0 to 1 if `scale`, else as they are.
    Byte { scale: bool },
    /// `x · scale + offset` in floats: Keras's `Rescaling`.
    Rescale { scale: f64, offset: f64 },
    /// `(x - mean) / std`, one a channel; of floats.
    Normalize { mean: Vec<f32>, std: Vec<f32> },
}

impl Convert {
    /// # Errors
    /// `Kind::Argument` for a deviation of 0, or lists of two lengths.
    pub(crate) fn normalize(op: &'static str, mean: &[f64], std: &[f64]) -> Result<Self> {
        if mean.len() != std.len() || mean.is_empty() {
            let expected = "as many as there are means, at least 1";
            return Err(Error::argument(op, "number of deviations", std.len(), expected));
        }
        if let Some(zero) = std.iter().find(|&&s| s == 0.0 || !s.is_finite()) {
            return Err(Error::argument(op, "std", zero, "a number other than 0"));
        }
        let narrow = |list: &[f64]| list.iter().map(|&v| v as f32).collect();
        Ok(Convert::Normalize { mean: narrow(mean), std: narrow(std) })
    }

    /// # Errors
    /// `Kind::Shape` for another number of channels, `Kind::DType` for bytes to normalise.
    pub(crate) fn after(&self, op: &'static str, size: ImageSize, dtype: DType) -> Result<DType> {
        match self {
            Convert::Float { .. } | Convert::Rescale { .. } => Ok(DType::F32),
            Convert::Byte { .. } => Ok(DType::U8),
            Convert::Normalize { mean, .. } => {
                if dtype != DType::F32 {
                    let expected = "float32; convert with `to_dtype`";
                    return Err(Kind::DType { op, got: vec![dtype], expected }.into());
                }
                if mean.len() != 1 && mean.len() != size.channels {
                    return Err(refused(
                        op,
                        "mean and std must have 1 value or one a channel",
                        size,
                    ));
                }
                Ok(DType::F32)
            }
        }
    }

    pub(crate) fn is_identity(&self, dtype: DType) -> bool {
        match self {
            Convert::Float { .. } => dtype == DType::F32,
            Convert::Byte { .. } => dtype == DType::U8,
            _ => false,
        }
    }

    /// Factor and summand of a change from bytes.
    pub(crate) fn line(&self) -> [f32; 2] {
        match *self {
            Convert::Float { scale: true } => [TO_FLOAT, 0.0],
            Convert::Rescale { scale, offset } => [scale as f32, offset as f32],
            _ => [1.0, 0.0],
        }
    }

    /// From bytes to floats.
    pub(crate) fn widen(&self, x: &[u8], out: &mut [f32]) {
        line_of_bytes(x, self.line(), out);
    }

    /// From floats to bytes.
    pub(crate) fn narrow(&self, x: &[f32], out: &mut [u8]) {
        bytes_of(x, if *self == (Convert::Byte { scale: true }) { TO_BYTE } else { 1.0 }, out);
    }

    /// From floats to floats.
    pub(crate) fn paint(&self, x: View<'_, f32>, out: &mut [f32]) {
        match self {
            Convert::Normalize { mean, std } => {
                let plane = x.size.plane().max(1);
                for (c, out) in out.chunks_exact_mut(plane).enumerate() {
                    let k = if mean.len() == 1 { 0 } else { c };
                    normalized(x.channel(c), [mean[k], std[k]], out);
                }
            }
            _ => line_of_floats(x.data, self.line(), out),
        }
    }
}

vectorised! {
    fn line_of_bytes(x: &[u8], line: [f32; 2], out: &mut [f32]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = f32::from(x) * line[0] + line[1];
        }
    }

    fn line_of_floats(x: &[f32], line: [f32; 2], out: &mut [f32]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = x * line[0] + line[1];
        }
    }

    fn bytes_of(x: &[f32], scale: f32, out: &mut [u8]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = (x * scale) as u8;
        }
    }

    fn normalized(x: &[f32], numbers: [f32; 2], out: &mut [f32]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = (x - numbers[0]) / numbers[1];
        }
    }
}
