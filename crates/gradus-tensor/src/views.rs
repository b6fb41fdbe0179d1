//! Views: the same storage under another shape. None of these copies or computes.
//!
//! The rules are written once, on [`Layout`]; [`Array`] and the layers above apply them to
//! whatever the layout describes.

use crate::array::Array;
use crate::error::{Error, Problem, Result};
use crate::layout::Layout;
use crate::shape::{Dim, Shape};

impl Layout {
    /// Dimensions in the order `dims`, as PyTorch's `permute`.
    ///
    /// # Errors
    /// `Kind::Shape` when `dims` is not a permutation.
    pub fn permuted(&self, dims: &[Dim]) -> Result<Self> {
        let shape = self.shape();
        if dims.len() != shape.rank() {
            let problem = Problem::Rule { rule: "every dimension must be named once" };
            return Err(Error::shape("permute", problem, &[("x", shape)]));
        }
        let mut order = Vec::with_capacity(dims.len());
        for &d in dims {
            let dim = shape.dim("permute", d)?;
            if order.contains(&dim) {
                let problem = Problem::RepeatedDim { dim: d };
                return Err(Error::shape("permute", problem, &[("x", shape)]));
            }
            order.push(dim);
        }
        Ok(self.permute(&order))
    }

    /// Two dimensions swapped.
    ///
    /// # Errors
    /// `Kind::Shape` when a dimension does not exist.
    pub fn transposed(&self, dim0: Dim, dim1: Dim) -> Result<Self> {
        let (a, b) = (self.shape().dim("transpose", dim0)?, self.shape().dim("transpose", dim1)?);
        let mut order: Vec<usize> = (0..self.shape().rank()).collect();
        order.swap(a, b);
        Ok(self.permute(&order))
    }

    /// `length` positions of `dim` from `start`.
    ///
    /// # Errors
    /// `Kind::Shape` when the range leaves the dimension.
    pub fn narrowed(&self, dim: Dim, start: usize, length: usize) -> Result<Self> {
        let d = self.shape().dim("narrow", dim)?;
        let size = self.shape()[d];
        if start.checked_add(length).is_none_or(|end| end > size) {
            let problem = Problem::OutOfRange {
                start: start as i64,
                end: start.saturating_add(length) as i64,
                dim: d,
                size,
            };
            return Err(Error::shape("narrow", problem, &[("x", self.shape())]));
        }
        Ok(self.slice(d, start, length, 1))
    }

    /// Positions `start`, `start + step` … below `end` of `dim`; `start` and `end` count from the
    /// back when negative and are clamped, as Python slices.
    ///
    /// # Errors
    /// `Kind::Argument` when the step is zero; `Kind::Shape` when the dimension does not exist.
    pub fn sliced(&self, dim: Dim, start: i64, end: i64, step: usize) -> Result<Self> {
        let d = self.shape().dim("slice", dim)?;
        if step == 0 {
            return Err(Error::argument("slice", "step", 0, "at least 1"));
        }
        let size = self.shape()[d] as i64;
        let clamp = |p: i64| (if p < 0 { p + size } else { p }).clamp(0, size) as usize;
        let (start, end) = (clamp(start), clamp(end));
        let length = end.saturating_sub(start).div_ceil(step);
        Ok(self.slice(d, start, length, step as isize))
    }

    /// The order of elements reversed along `dims`.
    ///
    /// # Errors
    /// `Kind::Shape` when a dimension does not exist or is named twice.
    pub fn flipped(&self, dims: &[Dim]) -> Result<Self> {
        let mut out = self.clone();
        if dims.is_empty() {
            return Ok(out);
        }
        for d in self.shape().dims_of("flip", dims)? {
            let size = self.shape()[d];
            out = out.slice(d, size.saturating_sub(1), size, -1);
        }
        Ok(out)
    }

    /// A dimension of size 1 inserted at `dim`.
    ///
    /// # Errors
    /// `Kind::Shape` when the position does not exist.
    pub fn unsqueezed(&self, dim: Dim) -> Result<Self> {
        Ok(self.unsqueeze(self.shape().dim_of("unsqueeze", dim, self.shape().rank() + 1)?))
    }

    /// Dimension `dim` removed if its size is 1, as PyTorch's `squeeze(dim)`.
    ///
    /// # Errors
    /// `Kind::Shape` when the dimension does not exist.
    pub fn squeezed(&self, dim: Dim) -> Result<Self> {
        let d = self.shape().dim("squeeze", dim)?;
        Ok(if self.shape()[d] == 1 { self.squeeze(d) } else { self.clone() })
    }
}

impl Array {
    /// As [`Layout::permuted`].
    ///
    /// # Errors
    /// `Kind::Shape` when `dims` is not a permutation.
    pub fn permute(&self, dims: &[Dim]) -> Result<Self> {
        Ok(self.with_layout(self.layout().permuted(dims)?))
    }

    /// As [`Layout::transposed`].
    ///
    /// # Errors
    /// `Kind::Shape` when a dimension does not exist.
    pub fn transpose(&self, dim0: Dim, dim1: Dim) -> Result<Self> {
        Ok(self.with_layout(self.layout().transposed(dim0, dim1)?))
    }

    /// As [`Layout::narrowed`].
    ///
    /// # Errors
    /// `Kind::Shape` when the range leaves the dimension.
    pub fn narrow(&self, dim: Dim, start: usize, length: usize) -> Result<Self> {
        Ok(self.with_layout(self.layout().narrowed(dim, start, length)?))
    }

    /// As [`Layout::expand`].
    ///
    /// # Errors
    /// `Kind::Shape` when the shape does not broadcast.
    pub fn expand(&self, shape: impl Into<Shape>) -> Result<Self> {
        Ok(self.with_layout(self.layout().expand("expand", &shape.into())?))
    }

    /// The same elements under another shape, when strides can express it; `None` when only a
    /// copy can.
    ///
    /// # Errors
    /// `Kind::Shape` when the element counts differ.
    pub fn view(&self, shape: &[i64]) -> Result<Option<Self>> {
        let shape = self.shape().infer("reshape", shape)?;
        Ok(self.layout().reshape(&shape).map(|layout| self.with_layout(layout)))
    }
}
