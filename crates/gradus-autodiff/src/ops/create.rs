//! Tensors from rules: ranges, identity, one-hot rows.

use gradus_kernels::Value;
use gradus_tensor::{DType, Device, Error, Result};

use crate::tensor::Tensor;

/// `start, start + step …` below `end`, float32. PyTorch: `arange`.
///
/// ```
/// use gradus_autodiff::{Device, arange};
/// assert_eq!(arange(0.0, 1.0, 0.25, &Device::cpu())?.to_vec::<f32>()?, [0.0, 0.25, 0.5, 0.75]);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
///
/// # Errors
/// `Kind::Argument` when the step is zero or leads away from the end.
pub fn arange(start: f64, end: f64, step: f64, device: &Device) -> Result<Tensor> {
    let count = ((end - start) / step).ceil();
    if step == 0.0 || !count.is_finite() || count < 0.0 {
        return Err(Error::argument("arange", "step", step, "a step towards the end"));
    }
    let index = Value::index(count as usize, 0, DType::F32, device)?;
    Tensor::from(index).mul(step)?.add(start)
}

/// `steps` float32 numbers from `start` to `end`, both included. PyTorch: `linspace`.
///
/// # Errors
/// What computing can report.
pub fn linspace(start: f64, end: f64, steps: usize, device: &Device) -> Result<Tensor> {
    let step = if steps > 1 { (end - start) / (steps - 1) as f64 } else { 0.0 };
    let index = Value::index(steps, 0, DType::F32, device)?;
    Tensor::from(index).mul(step)?.add(start)
}

impl Tensor {
    /// The float32 identity matrix of size `n`. PyTorch: `eye`.
    ///
    /// # Errors
    /// What computing can report.
    pub fn eye(n: usize, device: &Device) -> Result<Tensor> {
        Tensor::ones([n, n], device).tril(0)?.triu(0)
    }

    /// Float32 rows with a 1 at each index: `[*] → [*, classes]`. PyTorch: `nn.functional.one_hot`
    /// (which returns int64). An index outside `0..classes` gives a row of zeros. Takes no memory
    /// until it is computed.
    ///
    /// # Errors
    /// `Kind::Shape`, never for valid classes.
    pub fn one_hot(&self, classes: usize) -> Result<Tensor> {
        let own = self.shape();
        let whole: gradus_tensor::Shape = own.iter().copied().chain([classes]).collect();
        let index = Value::index(&whole, -1, DType::I32, &self.device())?;
        let own = self.to_dtype(DType::I32)?.unsqueeze(-1)?;
        Tensor::from(index).eq(&own)?.to_dtype(DType::F32)
    }
}
