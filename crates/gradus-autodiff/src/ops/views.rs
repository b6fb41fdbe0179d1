//! Views and their gradients: the gradient of a view is the opposite view.

use gradus_tensor::{Dim, Error, Problem, Result, Shape};
use smallvec::SmallVec;

use super::one;
use crate::graph::{Keep, record_fn};
use crate::tensor::Tensor;

impl Tensor {
    /// Dimensions in the order `dims`. PyTorch: `permute`.
    ///
    /// # Errors
    /// `Kind::Shape` when `dims` is not a permutation.
    pub fn permute(&self, dims: &[Dim]) -> Result<Tensor> {
        let value = self.value().permute(dims)?;
        let rank = dims.len() as i64;
        let mut back: SmallVec<[i64; 6]> = SmallVec::from_elem(0, dims.len());
        for (i, &d) in dims.iter().enumerate() {
            back[d.rem_euclid(rank) as usize] = i as i64;
        }
        Ok(record_fn("permute", value, &[self], Keep::NOTHING, move |_, g| one(g.permute(&back)?)))
    }

    /// Two dimensions swapped. PyTorch: `transpose`.
    ///
    /// # Errors
    /// `Kind::Shape` when a dimension does not exist.
    pub fn transpose(&self, dim0: Dim, dim1: Dim) -> Result<Tensor> {
        let value = self.value().transpose(dim0, dim1)?;
        Ok(record_fn("transpose", value, &[self], Keep::NOTHING, move |_, g| {
            one(g.transpose(dim0, dim1)?)
        }))
    }

    /// The last two dimensions swapped. PyTorch: `.mT`, and `.t()` of a matrix.
    ///
    /// # Errors
    /// `Kind::Shape` when there are fewer than two dimensions.
    pub fn t(&self) -> Result<Tensor> {
        self.transpose(-2, -1)
    }

    /// The same elements under another shape, with one size `-1` inferred. PyTorch: `reshape`,
    /// `view`.
    ///
    /// # Errors
    /// `Kind::Shape` when the element counts differ.
    pub fn reshape(&self, shape: &[i64]) -> Result<Tensor> {
        self.reshape_to(&self.shape().infer("reshape", shape)?)
    }

    /// As [`Tensor::reshape`], under PyTorch's other name.
    ///
    /// # Errors
    /// As [`Tensor::reshape`].
    pub fn view(&self, shape: &[i64]) -> Result<Tensor> {
        self.reshape(shape)
    }

    pub(crate) fn reshape_to(&self, shape: &Shape) -> Result<Tensor> {
        let before = self.shape();
        if before == *shape {
            return Ok(self.clone());
        }
        let value = self.value().reshaped(shape)?;
        Ok(record_fn("reshape", value, &[self], Keep::NOTHING, move |_, g| {
            one(g.reshape_to(&before)?)
        }))
    }

    /// Dimensions `start..=end` merged into one. PyTorch: `flatten`.
    ///
    /// # Errors
    /// `Kind::Shape` when a dimension does not exist; `Kind::Argument` when end comes first.
    pub fn flatten(&self, start: Dim, end: Dim) -> Result<Tensor> {
        let shape = self.shape();
        if shape.rank() == 0 {
            return self.reshape(&[1]);
        }
        let (first, last) = (shape.dim("flatten", start)?, shape.dim("flatten", end)?);
        if last < first {
            return Err(Error::argument("flatten", "end_dim", end, "a dimension after start_dim"));
        }
        let merged: usize = shape[first..=last].iter().product();
        let sizes = shape[..first].iter().copied().chain([merged]);
        self.reshape_to(&sizes.chain(shape[last + 1..].iter().copied()).collect())
    }

    /// Broadcast to `shape`, `-1` keeping a size. PyTorch: `expand`. The gradient is summed.
    ///
    /// # Errors
    /// `Kind::Shape` when the shape does not broadcast.
    pub fn expand(&self, shape: &[i64]) -> Result<Tensor> {
        let own = self.shape();
        let missing = shape.len().saturating_sub(own.rank());
        let full: Shape = shape
            .iter()
            .enumerate()
            .map(|(i, &s)| match s {
                -1 if i >= missing => own[i - missing],
                _ => s.max(0) as usize,
            })
            .collect();
        self.expand_to(&full)
    }

    pub(crate) fn expand_to(&self, shape: &Shape) -> Result<Tensor> {
        let own = self.shape();
        if own == *shape {
            return Ok(self.clone());
        }
        let value = self.value().expand(shape)?;
        Ok(record_fn("expand", value, &[self], Keep::NOTHING, move |_, g| {
            one(super::unbroadcast(g.clone(), &own)?)
        }))
    }

    /// A dimension of size 1 inserted at `dim`. PyTorch: `unsqueeze`; NumPy: `expand_dims`.
    ///
    /// # Errors
    /// `Kind::Shape` when the position does not exist.
    pub fn unsqueeze(&self, dim: Dim) -> Result<Tensor> {
        let mut sizes = self.shape().to_vec();
        sizes.insert(self.shape().dim_of("unsqueeze", dim, sizes.len() + 1)?, 1);
        self.reshape_to(&sizes.into())
    }

    /// Dimension `dim` removed if its size is 1. PyTorch: `squeeze(dim)`.
    ///
    /// # Errors
    /// `Kind::Shape` when the dimension does not exist.
    pub fn squeeze(&self, dim: Dim) -> Result<Tensor> {
        let shape = self.shape();
        let d = shape.dim("squeeze", dim)?;
        if shape[d] != 1 {
            return Ok(self.clone());
        }
        self.reshape_to(&shape.without(d))
    }

    /// `length` positions of `dim` from `start`. PyTorch: `narrow`. The gradient is padded with
    /// zeros.
    ///
    /// # Errors
    /// `Kind::Shape` when the range leaves the dimension.
    pub fn narrow(&self, dim: Dim, start: usize, length: usize) -> Result<Tensor> {
        let value = self.value().narrow(dim, start, length)?;
        let before = self.shape();
        let d = before.dim("narrow", dim)?;
        Ok(record_fn("narrow", value, &[self], Keep::NOTHING, move |_, g| {
            one(g.placed_in(&before, d, start as isize, 1)?)
        }))
    }

    /// Every `step`-th position of `dim` from `start` to before `end`; both count from the back
    /// when negative and are clamped, as Python's `x[start:end:step]`.
    ///
    /// # Errors
    /// `Kind::Shape` when the dimension does not exist, `Kind::Argument` for step 0.
    pub fn slice(&self, dim: Dim, start: i64, end: i64, step: usize) -> Result<Tensor> {
        let value = self.value().slice(dim, start, end, step)?;
        let before = self.shape();
        let d = before.dim("slice", dim)?;
        let size = before[d] as i64;
        let first = (if start < 0 { start + size } else { start }).clamp(0, size) as isize;
        Ok(record_fn("slice", value, &[self], Keep::NOTHING, move |_, g| {
            one(g.placed_in(&before, d, first, step)?)
        }))
    }

    /// One position of `dim`, which disappears. PyTorch: `select`, `x[i]`.
    ///
    /// # Errors
    /// `Kind::Shape` when the position does not exist.
    pub fn select(&self, dim: Dim, index: i64) -> Result<Tensor> {
        let shape = self.shape();
        let d = shape.dim("select", dim)?;
        let size = shape[d] as i64;
        if !(-size..size).contains(&index) {
            let problem =
                Problem::OutOfRange { start: index, end: index + 1, dim: d, size: shape[d] };
            return Err(Error::shape("select", problem, &[("x", &shape)]));
        }
        self.narrow(dim, index.rem_euclid(size) as usize, 1)?.squeeze(d as i64)
    }

    /// The order reversed along `dims`. PyTorch: `flip`.
    ///
    /// # Errors
    /// `Kind::Shape` when a dimension does not exist or is named twice.
    pub fn flip(&self, dims: &[Dim]) -> Result<Tensor> {
        let value = self.value().flip(dims)?;
        let dims: SmallVec<[i64; 6]> = SmallVec::from_slice(dims);
        Ok(record_fn("flip", value, &[self], Keep::NOTHING, move |_, g| one(g.flip(&dims)?)))
    }

    /// Zeros of `whole` with this tensor at positions `start, start + step …` of dimension `d`.
    pub(crate) fn placed_in(
        &self,
        whole: &Shape,
        d: usize,
        start: isize,
        step: usize,
    ) -> Result<Tensor> {
        let zeros = Tensor::full(whole, 0.0, self.dtype(), &self.device());
        let (mut starts, mut steps) = (vec![0; whole.rank()], vec![1; whole.rank()]);
        (starts[d], steps[d]) = (start, step);
        let value = self.value().placed(&starts, &steps, &zeros.value())?;
        let length = self.shape()[d];
        Ok(record_fn("placed", value, &[self], Keep::NOTHING, move |_, g| {
            // Positions that stick out were never seen.
            let end = start + (length * step) as isize;
            one(g.slice(d as i64, start as i64, end as i64, step)?)
        }))
    }
}
