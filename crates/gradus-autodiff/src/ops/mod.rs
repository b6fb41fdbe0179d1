//! The tensor's operations and their gradient rules, by family.

mod attention;
mod conv;
mod create;
mod einsum;
mod index;
mod interpolate;
mod joins;
mod matmul;
mod normalization;
mod norms;
mod pointwise;
mod pool;
mod recurrent;
mod reduce;
mod scan;
mod softmax;
mod standardize;
mod unfold;
mod unpool;
mod views;

pub use attention::scaled_dot_product_attention;
pub use create::{arange, linspace};
pub use einsum::einsum;
pub use index::embedding;
pub use joins::{cat, stack};
pub use normalization::RunningStats;
pub use pointwise::where_;
pub(crate) use pointwise::{binary_rule, unary_rule};
pub use recurrent::{gru_cell, lstm_cell};

pub use standardize::Standardized;

use gradus_tensor::{Result, Shape};
use smallvec::SmallVec;

use crate::graph::Grads;
use crate::tensor::Tensor;

/// The gradients of an op with one operand.
fn one(g: Tensor) -> Result<Grads> {
    Ok(SmallVec::from_elem(Some(g), 1))
}

/// Sums a gradient over the dimensions that broadcasting stretched.
pub(crate) fn unbroadcast(g: Tensor, shape: &Shape) -> Result<Tensor> {
    let wide = g.shape();
    if wide == *shape {
        return Ok(g);
    }
    let missing = wide.rank() - shape.rank();
    let dims: SmallVec<[i64; 6]> = (0..wide.rank())
        .filter(|&d| d < missing || (shape[d - missing] == 1 && wide[d] != 1))
        .map(|d| d as i64)
        .collect();
    let summed = if dims.is_empty() { g } else { g.sum(&dims, true)? };
    summed.reshape_to(shape)
}
