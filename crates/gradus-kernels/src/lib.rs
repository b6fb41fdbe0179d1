//! Compute kernels: the op tables, lazy pointwise expressions, and structured ops, each on the
//! CPU and as WGSL on the GPU.
//!
//! A [`Value`] is an array or a promise of one. Pointwise ops only extend an expression; it is
//! computed, as one kernel, when a reduction, a structured op or a read-back needs it.
//!
//! ```
//! use gradus_kernels::{Binary, Reduce, Unary, Value, reduce};
//! use gradus_tensor::Array;
//!
//! let x = Value::from(Array::from_vec(vec![1.0f32, -2.0, 3.0], [3])?);
//! let y = Value::unary(Unary::relu, &x, [0.0; 2])?;
//! let y = Value::binary(Binary::mul, &y, &x)?; // nothing has been computed yet
//! let sum = reduce(Reduce::sum, &y, &[], false)?;
//! assert_eq!(sum.array()?.to_vec::<f32>()?, [10.0]);
//! # Ok::<(), gradus_tensor::Error>(())
//! ```

mod expr;
mod math;
mod ops;
mod table;

#[cfg(feature = "gpu")]
mod gpu;

pub use expr::{Assign, Value, assign, copy_into};
pub use ops::*;
pub use table::{BINARY, Binary, BinaryDef, COMPARE, Compare, CompareDef, UNARY, Unary, UnaryDef};
