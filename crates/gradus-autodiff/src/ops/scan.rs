//! Running sums and products.

use gradus_kernels::Scan;
use gradus_tensor::{Dim, Result};

use super::{cat, one};
use crate::graph::{Keep, record_fn};
use crate::tensor::Tensor;

impl Tensor {
    /// Running sum along `dim`. PyTorch: `cumsum`. *Gradient*: the running sum from the back.
    ///
    /// # Errors
    /// `Kind::Shape` when the dimension does not exist.
    pub fn cumsum(&self, dim: Dim) -> Result<Tensor> {
        let value = gradus_kernels::scan(Scan::cumsum, &self.value(), dim)?;
        Ok(record_fn("cumsum", value, &[self], Keep::NOTHING, move |_, g| {
            one(g.flip(&[dim])?.cumsum(dim)?.flip(&[dim])?)
        }))
    }

    /// Running product along `dim`. PyTorch: `cumprod`. The gradient is right at zeros too: where
    /// one is wanted, the product is made of log₂ n doubling steps, each differentiable.
    ///
    /// # Errors
    /// `Kind::Shape` when the dimension does not exist.
    pub fn cumprod(&self, dim: Dim) -> Result<Tensor> {
        if !self.requires_grad() || !crate::is_grad_enabled() {
            return Ok(gradus_kernels::scan(Scan::cumprod, &self.value(), dim)?.into());
        }
        let d = self.shape().dim("cumprod", dim)?;
        let (size, dim) = (self.shape()[d], d as i64);
        let mut y = self.clone();
        let mut reach = 1;
        while reach < size {
            let head = y.narrow(dim, 0, reach)?;
            let rest = y.narrow(dim, reach, size - reach)?;
            let before = y.narrow(dim, 0, size - reach)?;
            y = cat(&[&head, &rest.mul(&before)?], dim)?;
            reach *= 2;
        }
        Ok(y)
    }
}
