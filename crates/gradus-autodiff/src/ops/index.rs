//! Indexing by tensors: gather, scatter, rows, sorting.

use gradus_tensor::{Dim, Error, Problem, Result, Shape};
use smallvec::SmallVec;

use super::one;
use crate::graph::{Grads, Keep, record_fn};
use crate::tensor::Tensor;

/// Rows of `weight [V, D]` by index: `[*] → [*, D]`. PyTorch: `nn.functional.embedding`.
/// *Gradient*: rows are summed where they were read, in a fixed order.
///
/// # Errors
/// `Kind::Shape` unless the weight is a matrix, `Kind::DType` for indices that are not integers,
/// `Kind::Index` for one outside `0..V`.
pub fn embedding(index: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let (si, sw) = (index.shape(), weight.shape());
    if sw.rank() != 2 {
        let problem = Problem::Rank { name: "weight", got: sw.rank(), expected: "2" };
        return Err(Error::shape("embedding", problem, &[("index", &si), ("weight", &sw)]));
    }
    let rows = weight.index_select(0, &index.reshape(&[-1])?)?;
    let out: Shape = si.iter().copied().chain([sw[1]]).collect();
    rows.reshape_to(&out)
}

impl Tensor {
    /// Positions `index` (one dimension) of `dim`. PyTorch: `index_select`.
    ///
    /// # Errors
    /// `Kind::DType` for indices that are not integers, `Kind::Index` for one out of range.
    pub fn index_select(&self, dim: Dim, index: &Tensor) -> Result<Tensor> {
        let value = gradus_kernels::index_select(&self.value(), dim, &index.value())?;
        let (size, index) = (self.shape()[self.shape().dim("index_select", dim)?], index.detach());
        Ok(record_fn("index_select", value, &[self], Keep::NOTHING, move |_, g| {
            one(g.index_sum(dim, &index, size)?)
        }))
    }

    /// Zeros of `size` along `dim` to which position `i` is added at `index[i]`.
    pub(super) fn index_sum(&self, dim: Dim, index: &Tensor, size: usize) -> Result<Tensor> {
        let shape = self.shape();
        let whole = shape.with(shape.dim("index_add", dim)?, size);
        let zeros = Tensor::full(whole, 0.0, self.dtype(), &self.device()).value();
        let value = gradus_kernels::index_add(&zeros, dim, &index.value(), &self.value())?;
        let index = index.clone();
        Ok(record_fn("index_add", value, &[self], Keep::NOTHING, move |_, g| {
            one(g.index_select(dim, &index)?)
        }))
    }

    /// `out[i][j][k] = x[i][index[i][j][k]][k]` for `dim` 1, and so on. PyTorch: `gather`.
    ///
    /// # Errors
    /// `Kind::Shape` when the index is larger than x in another dimension, `Kind::DType`,
    /// `Kind::Index`.
    pub fn gather(&self, dim: Dim, index: &Tensor) -> Result<Tensor> {
        let value = gradus_kernels::gather(&self.value(), dim, &index.value())?;
        let (shape, index) = (self.shape(), index.detach());
        Ok(record_fn("gather", value, &[self], Keep::NOTHING, move |_, g| {
            let zeros = Tensor::full(&shape, 0.0, g.dtype(), &g.device());
            one(zeros.scatter_add(dim, &index, g)?)
        }))
    }

    /// `x` with `out[index[i][j]][j] += src[i][j]` for `dim` 0, and so on, added in a fixed order.
    /// PyTorch: `scatter_add`.
    ///
    /// # Errors
    /// As [`Tensor::gather`].
    pub fn scatter_add(&self, dim: Dim, index: &Tensor, src: &Tensor) -> Result<Tensor> {
        let values = (self.value(), index.value(), src.value());
        let value = gradus_kernels::scatter_add(&values.0, dim, &values.1, &values.2)?;
        let (index, src_shape) = (index.detach(), src.shape());
        Ok(record_fn("scatter_add", value, &[self, src], Keep::NOTHING, move |saved, g| {
            let mut grads: Grads = SmallVec::from_elem(None, 2);
            grads[0] = saved.needs(0).then(|| g.clone());
            if saved.needs(1) {
                grads[1] = Some(g.gather(dim, &index)?.widened(&src_shape)?);
            }
            Ok(grads)
        }))
    }

    /// Zeros of `shape` behind this tensor, which lies at its start.
    fn widened(&self, shape: &Shape) -> Result<Tensor> {
        let own = self.shape();
        let mut pad = Vec::new();
        for d in (0..own.rank()).rev() {
            pad.extend([0, shape[d] as i64 - own[d] as i64]);
        }
        if own == *shape { Ok(self.clone()) } else { self.pad(&pad, 0.0) }
    }

    /// Elements in order along `dim` and where they were: (values, int32 indices). Stable; NaN
    /// counts as the largest. PyTorch: `sort`.
    ///
    /// # Errors
    /// `Kind::Shape` when the dimension does not exist.
    pub fn sort(&self, dim: Dim, descending: bool) -> Result<(Tensor, Tensor)> {
        let (values, indices) = gradus_kernels::sort(&self.value(), dim, descending)?;
        Ok(self.reordered("sort", &values.into(), indices.into(), dim))
    }

    /// Indices that would sort along `dim`. PyTorch: `argsort`. Not differentiable.
    ///
    /// # Errors
    /// As [`Tensor::sort`].
    pub fn argsort(&self, dim: Dim, descending: bool) -> Result<Tensor> {
        Ok(gradus_kernels::sort(&self.value(), dim, descending)?.1.into())
    }

    /// The `k` largest (or smallest) elements along `dim`, in order, and their indices. PyTorch:
    /// `topk`.
    ///
    /// # Errors
    /// `Kind::Argument` when the dimension has fewer than k elements.
    pub fn topk(&self, k: usize, dim: Dim, largest: bool) -> Result<(Tensor, Tensor)> {
        let (values, indices) = gradus_kernels::topk(&self.value(), k, dim, largest)?;
        Ok(self.reordered("topk", &values.into(), indices.into(), dim))
    }

    /// Records values that were picked from this tensor by indices along `dim`.
    fn reordered(
        &self,
        op: &'static str,
        values: &Tensor,
        indices: Tensor,
        dim: Dim,
    ) -> (Tensor, Tensor) {
        let (shape, index) = (self.shape(), indices.clone());
        let values = record_fn(op, values.value(), &[self], Keep::NOTHING, move |_, g| {
            let zeros = Tensor::full(&shape, 0.0, g.dtype(), &g.device());
            one(zeros.scatter_add(dim, &index, g)?)
        });
        (values, indices)
    }
}
