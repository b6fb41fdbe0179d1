//! The differentiable array that users hold: [`Tensor`] with PyTorch's semantics.
//!
//! ```
//! use gradus_autodiff::Tensor;
//!
//! let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0], [3])?.requires_grad_(true);
//! let loss = x.square()?.sum_all()?;
//! loss.backward()?;
//! assert_eq!(x.grad().expect("a leaf has a gradient").to_vec::<f32>()?, [2.0, 4.0, 6.0]);
//! # Ok::<(), gradus_autodiff::Error>(())
//! ```

mod backward;
mod capture;
mod conv_options;
mod flops;
mod gradcheck;
mod graph;
mod interpolate_options;
mod mode;
mod operand;
mod ops;
mod pool_options;
mod sizes;
mod sym;
mod tensor;

pub use backward::{backward, backward_with, grad};
pub use capture::{Capture, depends_on};
pub use conv_options::{ConvOptions, ConvTransposeOptions, Padding};
pub use flops::count_flops;
pub use gradcheck::{GradCheck, gradcheck, gradgradcheck};
pub use gradus_tensor::{Array, DType, Device, Dim, Element, Error, Kind, Result, Shape};
pub use interpolate_options::{Interpolate, InterpolateMode, PerDim};
pub use mode::{NoGrad, is_grad_enabled, no_grad, set_grad_enabled};
pub use operand::Operand;
pub use ops::{
    RunningStats, Standardized, arange, cat, einsum, embedding, gru_cell, linspace, lstm_cell,
    scaled_dot_product_attention, stack, where_,
};
pub use pool_options::{AvgPoolOptions, MaxPoolOptions};
pub use sizes::Sizes;
pub use tensor::{Tensor, update_leaves};
