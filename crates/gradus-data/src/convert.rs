//! `ToFloat`: bytes become floats, on the host or on the device that they were moved to.

use std::sync::Arc;

use gradus_tensor::{Array, CpuBuffer, DType, Error, Kind, Layout, Operand, Problem, Result};
use gradus_tensor::{Shape, Storage};

use crate::gather::{dense_host, stored};

const OP: &str = "to_float";
const BYTE_MAX: f32 = 255.0;

/// How a `uint8` column becomes `float32`: `x · scale + shift`, with one pair of numbers or one
/// for each channel (dimension 1 of the batch).
///
/// Bytes are a quarter of the size of floats, so a loader moves bytes to its device and converts
/// them there.
///
/// ```
/// use gradus_data::ToFloat;
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![0u8, 255, 51, 204], [1, 2, 2])?; // one sample, two channels
/// let half = ToFloat::scaled(0.5)?.apply(&x)?;
/// assert_eq!(half.to_vec::<f32>()?, [0.0, 127.5, 25.5, 102.0]);
/// let y = ToFloat::normalized(&[0.5, 0.2], &[0.5, 0.1])?.apply(&x)?;
/// for (y, expected) in y.to_vec::<f32>()?.iter().zip([-1.0, 1.0, 0.0, 6.0]) {
///     assert!((y - expected).abs() < 1e-5);
/// }
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ToFloat {
    /// Scale and shift of each channel, or of all.
    channels: Arc<[(f32, f32)]>,
}

impl ToFloat {
    /// `x · scale` for every channel.
    ///
    /// # Errors
    /// `Kind::Argument` when `scale` is not finite.
    pub fn scaled(scale: f32) -> Result<Self> {
        if !scale.is_finite() {
            return Err(Error::argument("scaled", "scale", scale, "a finite number"));
        }
        Ok(ToFloat { channels: [(scale, 0.0)].into() })
    }

    /// `(x / 255 − mean) / std`, as torchvision's `ToTensor` and `Normalize`, with one mean and
    /// standard deviation or one of each channel.
    ///
    /// # Errors
    /// `Kind::Argument` for numbers that are not finite, a standard deviation of 0, or as many
    /// means as there are not deviations.
    pub fn normalized(mean: &[f32], std: &[f32]) -> Result<Self> {
        if mean.is_empty() || mean.len() != std.len() {
            let value = format!("{} means and {} deviations", mean.len(), std.len());
            let expected = "one of each, or one of each for every channel";
            return Err(Error::argument("normalized", "number of channels", value, expected));
        }
        let channel = |(&mean, &std): (&f32, &f32)| {
            if !mean.is_finite() {
                return Err(Error::argument("normalized", "mean", mean, "a finite number"));
            }
            if !std.is_finite() || std == 0.0 {
                let expected = "a finite number that is not 0";
                return Err(Error::argument("normalized", "std", std, expected));
            }
            Ok((1.0 / (BYTE_MAX * std), -mean / std))
        };
        Ok(ToFloat { channels: mean.iter().zip(std).map(channel).collect::<Result<_>>()? })
    }

    /// The floats of `bytes` `[N, …]`, on the device where these are.
    ///
    /// # Errors
    /// `Kind::DType` when they are not `uint8`; `Kind::Shape` when they do not have as many
    /// channels as there are means; `Kind::OutOfMemory`.
    pub fn apply(&self, bytes: &Array) -> Result<Array> {
        self.check(bytes)?;
        #[cfg(feature = "gpu")]
        if !bytes.device().is_cpu() {
            return self.on_device(bytes);
        }
        let bytes = dense_host(bytes.clone())?;
        let dims = bytes.shape().dims();
        let count = bytes.shape().numel();
        let mut out = CpuBuffer::new(count * DType::F32.size())?;
        if count > 0 {
            let row: usize = dims[1..].iter().product();
            let floats: &mut [f32] = bytemuck::cast_slice_mut(out.bytes_mut());
            let rows = stored(&bytes)[..count].chunks_exact(row);
            for (to, from) in floats.chunks_exact_mut(row).zip(rows) {
                self.row(from, to);
            }
        }
        let (storage, layout) = (Storage::Cpu(Arc::new(out)), Layout::dense(bytes.shape().clone()));
        Ok(Array::new(storage, layout, DType::F32))
    }

    /// Converts one sample.
    pub(crate) fn row(&self, from: &[u8], to: &mut [f32]) {
        let plane = from.len() / self.channels.len();
        let planes = to.chunks_exact_mut(plane).zip(from.chunks_exact(plane));
        for ((to, from), &(scale, shift)) in planes.zip(&*self.channels) {
            // A loop without branches or bounds checks: the compiler makes SIMD of it.
            for (value, &byte) in to.iter_mut().zip(from) {
                *value = f32::from(byte) * scale + shift;
            }
        }
    }

    /// Whether this can convert a column of this type and shape `[N, C, …]`.
    pub(crate) fn check(&self, column: &Array) -> Result<()> {
        if column.dtype() != DType::U8 {
            let (got, expected) = (vec![column.dtype()], "uint8");
            return Err(Kind::DType { op: OP, got, expected }.into());
        }
        let dims = column.shape().dims();
        let expected = self.channels.len();
        if dims.is_empty() || expected > 1 && dims.get(1) != Some(&expected) {
            let got = dims.get(1).copied().unwrap_or(1);
            let problem =
                Problem::Size { name: "x", got, unit: "channels", other: "mean", expected };
            let mean = Operand::new("mean", Shape::new(&[expected]));
            let operands = vec![Operand::new("x", column.shape()), mean];
            return Err(Kind::Shape { op: OP, problem, operands }.into());
        }
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn on_device(&self, bytes: &Array) -> Result<Array> {
        use gradus_kernels::{Binary, Value};
        let device = bytes.device();
        let mut shape = vec![1; bytes.shape().dims().len()];
        if self.channels.len() > 1 {
            shape[1] = self.channels.len();
        }
        let numbers = |values: Vec<f32>| -> Result<Value> {
            if let [value] = values[..] {
                let shape = Shape::new(&shape);
                return Ok(Value::constant(value.into(), shape, DType::F32, &device));
            }
            Ok(Array::from_vec(values, Shape::new(&shape))?.to(&device)?.into())
        };
        let scale = numbers(self.channels.iter().map(|c| c.0).collect())?;
        let x = Value::from(bytes).cast(DType::F32)?;
        let x = Value::binary(Binary::mul, &x, &scale)?;
        if self.channels.iter().all(|c| c.1 == 0.0) {
            return x.array();
        }
        let shift = numbers(self.channels.iter().map(|c| c.1).collect())?;
        Value::binary(Binary::add, &x, &shift)?.array()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_name_numbers_and_shapes() {
        let x = Array::from_vec(vec![0u8; 12], [2, 3, 2]).unwrap();
        let rgb = ToFloat::normalized(&[0.5; 3], &[0.25; 3]).unwrap();
        assert_eq!(rgb.apply(&x).unwrap().to_vec::<f32>().unwrap(), [-2.0; 12]);
        let two = ToFloat::normalized(&[0.5; 2], &[0.25; 2]).unwrap();
        assert_eq!(
            two.apply(&x).unwrap_err().to_string(),
            "to_float: x has 3 channels, mean expects 2; x [2, 3, 2], mean [2]"
        );
        let floats = Array::from_vec(vec![0.0f32], [1]).unwrap();
        assert!(matches!(two.apply(&floats).unwrap_err().kind(), Kind::DType { .. }));
        let scalar = Array::from_vec(vec![0u8], Shape::new(&[])).unwrap();
        assert!(ToFloat::scaled(1.0).unwrap().apply(&scalar).is_err());
        for (mean, std) in
            [(&[0.0][..], &[0.0][..]), (&[f32::NAN], &[1.0]), (&[0.0], &[]), (&[], &[])]
        {
            let error = ToFloat::normalized(mean, std).unwrap_err();
            assert!(matches!(error.kind(), Kind::Argument { .. }), "{error}");
        }
        assert!(ToFloat::scaled(f32::INFINITY).is_err());
    }

    #[test]
    fn views_and_empty_batches_are_converted() {
        let unit = ToFloat::scaled(1.0).unwrap();
        let x = Array::from_vec((0..6u8).collect(), [2, 3]).unwrap();
        let y = unit.apply(&x.transpose(0, 1).unwrap()).unwrap();
        assert_eq!(y.to_vec::<f32>().unwrap(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        let y = unit.apply(&x.narrow(0, 1, 1).unwrap()).unwrap();
        assert_eq!(y.to_vec::<f32>().unwrap(), [3.0, 4.0, 5.0]);
        let y = unit.apply(&x.narrow(0, 1, 0).unwrap()).unwrap();
        assert_eq!(y.shape().dims(), [0, 3]);
    }
}
