//! Reductions and what is made of them.

use gradus_kernels::{Reduce, Value};
use gradus_tensor::{DType, Dim, Result, Shape};
use smallvec::SmallVec;

use super::{one, where_};
use crate::graph::{Keep, record_fn};
use crate::tensor::Tensor;

impl Tensor {
    fn reduced(&self, op: Reduce, dims: &[Dim], keepdim: bool) -> Result<Value> {
        gradus_kernels::reduce(op, &self.value(), dims, keepdim)
    }

    /// This shape with the reduced dimensions kept at size 1.
    fn keepdim_shape(&self, op: &'static str, dims: &[Dim]) -> Result<Shape> {
        let mut shape = self.shape();
        for d in shape.dims_of(op, dims)? {
            shape = shape.with(d, 1);
        }
        Ok(shape)
    }

    /// Sum over `dims`, over all of them when empty. PyTorch: `sum`. Bools and bytes sum to int32.
    ///
    /// # Errors
    /// `Kind::Shape` when a dimension does not exist.
    pub fn sum(&self, dims: &[Dim], keepdim: bool) -> Result<Tensor> {
        let value = self.reduced(Reduce::sum, dims, keepdim)?;
        let (kept, whole) = (self.keepdim_shape("sum", dims)?, self.shape());
        Ok(record_fn("sum", value, &[self], Keep::NOTHING, move |_, g| {
            one(g.reshape_to(&kept)?.expand_to(&whole)?)
        }))
    }

    /// Sum of all elements, as a scalar.
    ///
    /// # Errors
    /// What computing the operand can report.
    pub fn sum_all(&self) -> Result<Tensor> {
        self.sum(&[], false)
    }

    /// Mean over `dims`, over all of them when empty. PyTorch: `mean`. NaN over no elements.
    ///
    /// # Errors
    /// `Kind::Shape` when a dimension does not exist, `Kind::DType` unless it is a float.
    pub fn mean(&self, dims: &[Dim], keepdim: bool) -> Result<Tensor> {
        self.must_be_float("mean")?;
        let shape = self.shape();
        let count: usize = shape.dims_of("mean", dims)?.iter().map(|&d| shape[d]).product();
        self.sum(dims, keepdim)?.mul(1.0 / count as f64)
    }

    /// Mean of all elements, as a scalar.
    ///
    /// # Errors
    /// `Kind::DType` unless it is a float.
    pub fn mean_all(&self) -> Result<Tensor> {
        self.mean(&[], false)
    }

    /// Product over one dimension. PyTorch: `prod(dim)`. The gradient is right at zeros too.
    ///
    /// # Errors
    /// `Kind::Shape` when the dimension does not exist.
    pub fn prod(&self, dim: Dim, keepdim: bool) -> Result<Tensor> {
        let d = self.shape().dim("prod", dim)?;
        if !self.requires_grad() || !crate::is_grad_enabled() {
            return Ok(self.reduced(Reduce::prod, &[dim], keepdim)?.into());
        }
        // A tree of products is differentiable everywhere, unlike y / x at x = 0.
        let (mut y, dim) = (self.clone(), d as i64);
        while y.shape()[d] > 1 {
            let size = y.shape()[d];
            let half = size / 2;
            let pairs = y.narrow(dim, 0, half)?.mul(&y.narrow(dim, half, half)?)?;
            y = match size % 2 {
                0 => pairs,
                _ => super::cat(&[&pairs, &y.narrow(dim, size - 1, 1)?], dim)?,
            };
        }
        if y.shape()[d] == 0 {
            return Ok(self.reduced(Reduce::prod, &[dim], keepdim)?.into());
        }
        if keepdim { Ok(y) } else { y.squeeze(dim) }
    }

    /// Largest element over `dims`, over all of them when empty. PyTorch: `amax`. Equal elements
    /// share the gradient.
    ///
    /// # Errors
    /// `Kind::Shape` when a dimension does not exist or there are no elements.
    pub fn amax(&self, dims: &[Dim], keepdim: bool) -> Result<Tensor> {
        self.extreme(Reduce::amax, dims, keepdim)
    }

    /// Smallest element over `dims`, over all of them when empty. PyTorch: `amin`. Equal elements
    /// share the gradient.
    ///
    /// # Errors
    /// `Kind::Shape` when a dimension does not exist or there are no elements.
    pub fn amin(&self, dims: &[Dim], keepdim: bool) -> Result<Tensor> {
        self.extreme(Reduce::amin, dims, keepdim)
    }

    fn extreme(&self, op: Reduce, dims: &[Dim], keepdim: bool) -> Result<Tensor> {
        let name = op.def().name;
        let value = self.reduced(op, dims, keepdim)?;
        let (kept, dims) = (self.keepdim_shape(name, dims)?, SmallVec::<[i64; 6]>::from(dims));
        let keep = Keep { inputs: [true; 3], output: true };
        Ok(record_fn(name, value, &[self], keep, move |saved, g| {
            let (x, y) = (saved.input(0), saved.output().reshape_to(&kept)?);
            let hit = x.detach().eq(y.detach())?.to_dtype(g.dtype())?;
            let share = hit.div(&hit.sum(&dims, true)?)?;
            one(g.reshape_to(&kept)?.mul(&share)?)
        }))
    }

    /// `log Σ e^x` over `dims` without overflow. PyTorch: `logsumexp`. *Gradient*: softmax.
    ///
    /// # Errors
    /// `Kind::Shape` when a dimension does not exist or there are no elements.
    pub fn logsumexp(&self, dims: &[Dim], keepdim: bool) -> Result<Tensor> {
        self.must_be_float("logsumexp")?;
        let top = self.detach().amax(dims, true)?;
        // An infinite maximum must not make inf - inf.
        let top = where_(&top.abs()?.lt(f64::INFINITY)?, &top, 0.0)?;
        let sum = self.sub(&top)?.exp()?.sum(dims, true)?;
        let y = sum.log()?.add(&top)?;
        if keepdim { Ok(y) } else { y.reshape_to(&self.narrowed_shape("logsumexp", dims)?) }
    }

    fn narrowed_shape(&self, op: &'static str, dims: &[Dim]) -> Result<Shape> {
        let shape = self.shape();
        let gone = shape.dims_of(op, dims)?;
        Ok((0..shape.rank()).filter(|d| !gone.contains(d)).map(|d| shape[d]).collect())
    }

    /// Variance over `dims`, divided by `n - correction`. PyTorch: `var` (correction 1 by
    /// default there).
    ///
    /// # Errors
    /// `Kind::Shape` when a dimension does not exist, `Kind::DType` unless it is a float.
    pub fn var(&self, dims: &[Dim], correction: usize, keepdim: bool) -> Result<Tensor> {
        let shape = self.shape();
        let count: usize = shape.dims_of("var", dims)?.iter().map(|&d| shape[d]).product();
        let centred = self.sub(&self.mean(dims, true)?)?;
        let scale = 1.0 / count.saturating_sub(correction) as f64;
        centred.square()?.sum(dims, keepdim)?.mul(scale)
    }

    /// Square root of [`Tensor::var`]. PyTorch: `std`.
    ///
    /// # Errors
    /// As [`Tensor::var`].
    pub fn std(&self, dims: &[Dim], correction: usize, keepdim: bool) -> Result<Tensor> {
        self.var(dims, correction, keepdim)?.sqrt()
    }

    /// Whether any element over `dims` is not zero. PyTorch: `any`. Not differentiable.
    ///
    /// # Errors
    /// `Kind::Shape` when a dimension does not exist.
    pub fn any(&self, dims: &[Dim], keepdim: bool) -> Result<Tensor> {
        let truth = self.to_dtype(DType::Bool)?;
        truth.to_dtype(DType::I32)?.sum(dims, keepdim)?.to_dtype(DType::Bool)
    }

    /// Whether every element over `dims` is not zero. PyTorch: `all`. Not differentiable.
    ///
    /// # Errors
    /// `Kind::Shape` when a dimension does not exist.
    pub fn all(&self, dims: &[Dim], keepdim: bool) -> Result<Tensor> {
        let truth = self.to_dtype(DType::Bool)?;
        truth.logical_not()?.any(dims, keepdim)?.logical_not()
    }

    /// Index of the largest element over `dim`, or of the flattened tensor: int32, the first of
    /// equals, NaN before all. PyTorch: `argmax`. Not differentiable.
    ///
    /// # Errors
    /// `Kind::Shape` when the dimension does not exist or there are no elements.
    pub fn argmax(&self, dim: Option<Dim>, keepdim: bool) -> Result<Tensor> {
        let op = gradus_kernels::ArgReduce::argmax;
        Ok(gradus_kernels::arg_reduce(op, &self.value(), dim, keepdim)?.into())
    }

    /// Index of the smallest element; see [`Tensor::argmax`].
    ///
    /// # Errors
    /// As [`Tensor::argmax`].
    pub fn argmin(&self, dim: Option<Dim>, keepdim: bool) -> Result<Tensor> {
        let op = gradus_kernels::ArgReduce::argmin;
        Ok(gradus_kernels::arg_reduce(op, &self.value(), dim, keepdim)?.into())
    }

    /// Largest elements over `dim` and their first indices. PyTorch: `max(dim)`.
    ///
    /// # Errors
    /// As [`Tensor::argmax`].
    pub fn max(&self, dim: Dim, keepdim: bool) -> Result<(Tensor, Tensor)> {
        self.picked(&self.argmax(Some(dim), true)?, dim, keepdim)
    }

    /// Smallest elements over `dim` and their first indices. PyTorch: `min(dim)`.
    ///
    /// # Errors
    /// As [`Tensor::argmax`].
    pub fn min(&self, dim: Dim, keepdim: bool) -> Result<(Tensor, Tensor)> {
        self.picked(&self.argmin(Some(dim), true)?, dim, keepdim)
    }

    fn picked(&self, index: &Tensor, dim: Dim, keepdim: bool) -> Result<(Tensor, Tensor)> {
        let values = self.gather(dim, index)?;
        if keepdim {
            return Ok((values, index.clone()));
        }
        Ok((values.squeeze(dim)?, index.squeeze(dim)?))
    }
}
