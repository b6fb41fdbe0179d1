//! Convolutions on the CPU.
use gradus_tensor::{Array, Device, Result};

use super::ConvOp;

pub(super) fn run(op: &ConvOp) -> Result<Array> {
    Array::alloc(&Device::cpu(), &op.out, op.a.dtype())
}
