//! Vector norms and what divides by them.

use gradus_tensor::{Dim, Result};

use super::where_;
use crate::tensor::Tensor;

impl Tensor {
    /// `(Σ |x|^p)^(1/p)` over `dims`. PyTorch: `norm`. p may be 0 (count of non-zeros) or
    /// infinite (largest magnitude). The gradient of the 2-norm at zero is zero.
    ///
    /// # Errors
    /// `Kind::Shape` when a dimension does not exist.
    pub fn norm(&self, p: f64, dims: &[Dim], keepdim: bool) -> Result<Tensor> {
        self.must_be_float("norm")?;
        if p == f64::INFINITY {
            return self.abs()?.amax(dims, keepdim);
        }
        if p == f64::NEG_INFINITY {
            return self.abs()?.amin(dims, keepdim);
        }
        if p == 0.0 {
            return self.ne(0.0)?.to_dtype(self.dtype())?.sum(dims, keepdim);
        }
        if p == 1.0 {
            return self.abs()?.sum(dims, keepdim);
        }
        let powers = if p == 2.0 { self.square()? } else { self.abs()?.pow_scalar(p)? };
        let sum = powers.sum(dims, keepdim)?;
        // The root's slope is infinite at zero: there the result is a constant instead.
        let zero = sum.detach().eq(0.0)?;
        let safe = sum.masked_fill(&zero, 1.0)?;
        let root = if p == 2.0 { safe.sqrt()? } else { safe.pow_scalar(1.0 / p)? };
        root.masked_fill(&zero, 0.0)
    }

    /// `x / max(‖x‖_p, eps)` along `dim`. PyTorch: `nn.functional.normalize` (eps 1e-12).
    ///
    /// # Errors
    /// As [`Tensor::norm`].
    pub fn normalize(&self, p: f64, dim: Dim, eps: f64) -> Result<Tensor> {
        self.div(&self.norm(p, &[dim], true)?.clamp_min(eps)?)
    }

    /// Cosine of the angle between two tensors along `dim`:
    /// `a·b / (max(‖a‖, eps) · max(‖b‖, eps))`. PyTorch: `nn.functional.cosine_similarity`
    /// (eps 1e-8).
    ///
    /// # Errors
    /// `Kind::Shape` when the shapes do not broadcast.
    pub fn cosine_similarity(&self, other: &Tensor, dim: Dim, eps: f64) -> Result<Tensor> {
        let length = |x: &Tensor| -> Result<Tensor> { x.norm(2.0, &[dim], true)?.clamp_min(eps) };
        let (a, b) = (self.div(&length(self)?)?, other.div(&length(other)?)?);
        a.mul(&b)?.sum(&[dim], false)
    }

    /// Where elements are finite: neither infinite nor NaN. PyTorch: `isfinite`.
    ///
    /// # Errors
    /// What computing the operand can report.
    pub fn isfinite(&self) -> Result<Tensor> {
        self.abs()?.lt(f64::INFINITY)
    }

    /// NaN replaced by `value`. PyTorch: `nan_to_num` for NaN alone.
    ///
    /// # Errors
    /// What computing the operand can report.
    pub fn nan_to(&self, value: f64) -> Result<Tensor> {
        where_(&self.eq(self)?, self, value)
    }
}
