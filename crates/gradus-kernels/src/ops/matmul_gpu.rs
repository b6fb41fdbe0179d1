//! Matrix products on the GPU.

use std::sync::Arc;

use gradus_tensor::gpu::Gpu;
use gradus_tensor::{Array, Kind, Result};

use super::matmul::MatmulOp;
use crate::expr::Plan;

pub(super) fn run(_: &Arc<Gpu>, _: &MatmulOp, _: Option<&Plan>) -> Result<Array> {
    Err(Kind::Unsupported { op: "matmul", what: "this".into(), place: "yet" }.into())
}
