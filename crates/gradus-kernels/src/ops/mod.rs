//! Structured ops: each file holds one op's geometry (its only shape rule), its CPU twin and the
//! launch of its shader.

mod cross_entropy;
mod index;
mod lines;
mod matmul;
mod matvec;
mod reduce;
mod softmax;

pub use cross_entropy::{CrossEntropy, softmax_cross_entropy};
pub use matmul::matmul;
pub use reduce::{REDUCE, Reduce, ReduceDef, reduce};
pub use softmax::softmax;
