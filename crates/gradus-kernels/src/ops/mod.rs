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
mod index;
mod lines;
#[cfg(feature = "gpu")]
mod lines_gpu;
mod matmul;
#[cfg(feature = "gpu")]
mod matmul_gpu;
mod matvec;
mod max_pool;
#[cfg(feature = "gpu")]
mod max_pool_gpu;
mod reduce;
#[cfg(feature = "gpu")]
mod reduce_gpu;
mod resample;
#[cfg(feature = "gpu")]
mod resample_gpu;
mod scan;
#[cfg(feature = "gpu")]
mod scan_gpu;
mod scatter;
#[cfg(feature = "gpu")]
mod scatter_gpu;
mod sliding;
mod softmax;
#[cfg(feature = "gpu")]
mod softmax_gpu;
mod sort;
#[cfg(feature = "gpu")]
mod sort_gpu;
mod warp;
#[cfg(feature = "gpu")]
mod warp_gpu;

pub use arg_reduce::{ArgReduce, arg_reduce};
pub use conv::{ConvGeometry, ConvSpec, conv, conv_data, conv_filter};
pub use cross_entropy::{CrossEntropy, mean_cross_entropy, softmax_cross_entropy};
pub use gather::{gather, index_select};
pub use matmul::matmul;
pub use max_pool::{MaxPool, max_pool, max_pool_grad};
pub use reduce::{REDUCE, Reduce, ReduceDef, reduce};
pub use resample::{Bands, Divisor, Filter, Sampling, resample};
pub use scan::{Scan, scan};
pub use scatter::{index_add, scatter_add};
pub use sliding::{Sliding, spatial_dims};
pub use softmax::softmax;
pub use sort::{sort, topk};
pub use warp::{Warp, WarpBorder, WarpMap, WarpMode, WarpPixel, warp};
