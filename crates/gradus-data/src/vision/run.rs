//! Running plans: on the CPU image by image, on all threads.

use std::sync::Arc;

use bytemuck::Pod;
use gradus_tensor::{Array, CpuBuffer, DType, Error, Layout, Problem, Result, Shape, Storage};
use rayon::prelude::*;

use super::picture::{Batch, ImageSize, View};
use super::step::{Plan, Planned, Step};
use crate::gather::dense_host;

/// Work below which a thread of its own is not worth its start, in bytes of results.
const SMALL: usize = 1 << 14;

/// Runs one plan for all images, on the device that holds them.
///
/// # Errors
/// Those of planning and of the kernels.
pub(crate) fn deterministic(
    op: &'static str,
    x: &Array,
    plan: impl FnOnce(&mut Plan) -> Result<()>,
) -> Result<Array> {
    let batch = Batch::of(op, x)?;
    let mut one = Plan::new(batch.size, batch.dtype);
    plan(&mut one)?;
    run(op, x, &batch, &vec![one; batch.count])
}

/// Runs a plan for each image.
///
/// # Errors
/// `Kind::Shape` when the results have different sizes; what kernels report.
pub(crate) fn run(op: &'static str, x: &Array, batch: &Batch, plans: &[Plan]) -> Result<Array> {
    let (size, dtype) = match plans.first() {
        Some(first) => (first.size, first.dtype),
        None => (batch.size, batch.dtype),
    };
    if let Some(other) = plans.iter().find(|plan| (plan.size, plan.dtype) != (size, dtype)) {
        let rule = "the images of a batch must come out in one size and type";
        let operands = [("first", &size.shape()), ("other", &other.size.shape())];
        return Err(Error::shape(op, Problem::Rule { rule }, &operands));
    }
    if plans.iter().all(|plan| plan.steps.is_empty()) {
        return Ok(x.clone());
    }
    #[cfg(feature = "gpu")]
    if !x.device().is_cpu() {
        return super::run_gpu::run(x, batch, plans, &batch.shape(size));
    }
    let x = dense_host(x.clone())?;
    let from = stored(&x);
    let (in_bytes, out_bytes) = (bytes_of(batch.size, batch.dtype), bytes_of(size, dtype));
    let mut out = CpuBuffer::new(out_bytes * plans.len())?;
    if out_bytes > 0 {
        let image = |n: usize, plan: &Plan, out: &mut [u8]| {
            let x = &from[n * in_bytes..][..in_bytes];
            chain(plan, x, batch.size, batch.dtype, out)
        };
        match plans {
            [plan] => image(0, plan, out.bytes_mut())?,
            _ => {
                let images = out.bytes_mut().par_chunks_exact_mut(out_bytes).zip(plans);
                let images = images.enumerate().with_min_len(SMALL.div_ceil(out_bytes));
                images.try_for_each(|(n, (out, plan))| image(n, plan, out))?;
            }
        }
    }
    Ok(host_array(out, batch.shape(size), dtype))
}

/// Bytes of an image.
pub(crate) fn bytes_of(size: ImageSize, dtype: DType) -> usize {
    size.numel() * dtype.size()
}

/// A dense array in host memory.
pub(crate) fn host_array(buffer: CpuBuffer, shape: Shape, dtype: DType) -> Array {
    Array::new(Storage::Cpu(Arc::new(buffer)), Layout::dense(shape), dtype)
}

/// The bytes of a dense array in host memory.
pub(crate) fn stored(x: &Array) -> &[u8] {
    let bytes = x.cpu_buffer().map(|buffer| buffer.bytes()).unwrap_or_default();
    let start = x.layout().offset() * x.dtype().size();
    &bytes[start..start + x.shape().numel() * x.dtype().size()]
}

/// All steps of one image; the last writes the result.
fn chain(plan: &Plan, x: &[u8], size: ImageSize, dtype: DType, out: &mut [u8]) -> Result<()> {
    let Some((last, before)) = plan.steps.split_last() else {
        out.copy_from_slice(x);
        return Ok(());
    };
    let mut held: Option<CpuBuffer> = None;
    let (mut size, mut dtype) = (size, dtype);
    for step in before {
        let mut next = CpuBuffer::new(bytes_of(step.size, step.dtype))?;
        let x = held.as_ref().map_or(x, CpuBuffer::bytes);
        one(step, x, size, dtype, next.bytes_mut())?;
        (held, size, dtype) = (Some(next), step.size, step.dtype);
    }
    one(last, held.as_ref().map_or(x, CpuBuffer::bytes), size, dtype, out)
}

/// One step. A step that changes the type sees both.
fn one(step: &Planned, x: &[u8], size: ImageSize, dtype: DType, out: &mut [u8]) -> Result<()> {
    match (&step.step, dtype, step.dtype) {
        (Step::Convert(convert), DType::U8, DType::F32) => convert.widen(x, typed(out)),
        (Step::Convert(convert), DType::F32, DType::U8) => {
            convert.narrow(bytemuck::cast_slice(x), out);
        }
        (Step::Convert(convert), _, _) => {
            convert.paint(View { data: bytemuck::cast_slice(x), size }, typed(out));
        }
        (step_of, DType::U8, _) => step_of.paint(step.op, View { data: x, size }, out)?,
        (step_of, _, _) => {
            let view = View { data: bytemuck::cast_slice::<u8, f32>(x), size };
            step_of.paint(step.op, view, typed(out))?;
        }
    }
    Ok(())
}

fn typed<T: Pod>(bytes: &mut [u8]) -> &mut [T] {
    bytemuck::cast_slice_mut(bytes)
}
