//! Structured ops: each file holds one op's geometry (its only shape rule), its CPU twin and the
//! launch of its shader.

mod arg_reduce;
#[cfg(feature = "gpu")]
mod arg_reduce_gpu;
mod conv;
#[cfg(feature = "gpu")]
mod conv_gpu;
mod cross_entropy;
#[cfg(feature = "gpu")]
mod cross_entropy_gpu;
mod gather;
#[cfg(feature = "gpu")]
mod gather_gpu;
mod gemm;
mod index;
mod lines;
#[cfg(feature = "gpu")]
mod lines_gpu;
mod matmul;
#[cfg(feature = "gpu")]
mod matmul_gpu;
mod matvec;
mod reduce;
#[cfg(feature = "gpu")]
mod reduce_gpu;
mod scan;
#[cfg(feature = "gpu")]
mod scan_gpu;
mod scatter;
#[cfg(feature = "gpu")]
mod scatter_gpu;
mod softmax;
#[cfg(feature = "gpu")]
mod softmax_gpu;
mod sort;
#[cfg(feature = "gpu")]
mod sort_gpu;

pub use arg_reduce::{ArgReduce, arg_reduce};
pub use conv::{ConvGeometry, ConvSpec, conv, conv_data, conv_filter};
pub use cross_entropy::{CrossEntropy, softmax_cross_entropy};
pub use gather::{gather, index_select};
pub use matmul::matmul;
pub use reduce::{REDUCE, Reduce, ReduceDef, reduce};
pub use scan::{Scan, scan};
pub use scatter::{index_add, scatter_add};
pub use softmax::softmax;
pub use sort::{sort, topk};
