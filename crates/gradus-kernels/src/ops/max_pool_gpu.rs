//! The launches of max pooling and its gradient.

use std::sync::Arc;

use gradus_tensor::gpu::Gpu;
use gradus_tensor::{Array, DType, Kind, Result};

use super::lines_gpu::{ITERATIONS, fresh, memory, run as launch, start};
use super::max_pool::{MaxPool, Windows};
use crate::gpu::Grid;

/// The maxima and their positions for a dense array.
///
/// # Errors
/// `Kind::Unsupported` for windows larger than an invocation is allowed to walk; what compiling
/// and recording can report.
pub(super) fn run(gpu: &Arc<Gpu>, pool: &MaxPool, x: &Array) -> Result<(Array, Array)> {
    must_be_small(gpu, pool, pool.largest())?;
    let values = fresh(gpu, pool.output_shape(), x.dtype())?;
    let indices = fresh(gpu, pool.output_shape(), DType::I32)?;
    let total = pool.output_shape().numel();
    let mut params = vec![total as u32, start(x)];
    params.extend(geometry(pool));
    let op = pool.op();
    let buffers = [memory(op, x)?, memory(op, &values)?, memory(op, &indices)?];
    launch(gpu, "max_pool", &tune(pool), &buffers, &params, Grid::Threads(total as u64))?;
    Ok((values, indices))
}

/// The gradient from dense operands.
///
/// # Errors
/// As [`run`].
pub(super) fn run_grad(
    gpu: &Arc<Gpu>,
    pool: &MaxPool,
    g: &Array,
    indices: &Array,
) -> Result<Array> {
    // An element lies in no more windows than there are elements in one, and no more than there
    // are.
    must_be_small(gpu, pool, overlapping(pool))?;
    let out = fresh(gpu, pool.input_shape(), g.dtype())?;
    let total = pool.input_shape().numel();
    let mut params = vec![total as u32, start(g), start(indices)];
    params.extend(geometry(pool));
    let op = pool.op();
    let buffers = [memory(op, g)?, memory(op, indices)?, memory(op, &out)?];
    launch(gpu, "max_pool_grad", &tune(pool), &buffers, &params, Grid::Threads(total as u64))?;
    Ok(out)
}

/// How many windows an element lies in at most.
fn overlapping(pool: &MaxPool) -> usize {
    (0..3)
        .map(|d| match &pool.windows {
            Windows::Sliding(all) => {
                let span = (all[d].kernel_size - 1).saturating_mul(all[d].dilation);
                (span / all[d].stride + 1).min(pool.output[d])
            }
            Windows::Adaptive => pool.output[d].div_ceil(pool.input[d].max(1)) + 1,
        })
        .product()
}

/// # Errors
/// `Kind::Unsupported` for loops that a software adapter would leave in silence, and for adaptive
/// windows whose bounds need more than 32 bits.
fn must_be_small(gpu: &Gpu, pool: &MaxPool, passes: usize) -> Result<()> {
    let refuse = |what: String, place| Err(Kind::Unsupported { op: pool.op(), what, place }.into());
    if gpu.profile().software && passes > ITERATIONS {
        return refuse(format!("a walk over {passes} elements"), "on a software adapter");
    }
    let sizes = pool.input.iter().zip(&pool.output);
    let wide = sizes.map(|(&i, &o)| (i as u64 + 1) * (o as u64 + 1)).max();
    if pool.windows == Windows::Adaptive && wide > Some(u32::MAX.into()) {
        return refuse(format!("adaptive pooling of {}", pool.input_shape()), "on a GPU");
    }
    Ok(())
}

fn tune(pool: &MaxPool) -> [(&'static str, u32); 3] {
    let outer = (0..2).find(|&d| (pool.input[d], pool.output[d]) != (1, 1));
    let (adaptive, dilated) = match &pool.windows {
        Windows::Sliding(all) => (false, all.iter().any(|window| window.dilation > 1)),
        Windows::Adaptive => (true, false),
    };
    [
        ("ADAPTIVE", u32::from(adaptive)),
        ("DIMS", 3 - outer.unwrap_or(2) as u32),
        ("DILATED", u32::from(dilated)),
    ]
}

/// The sizes of planes and windows, as both shaders read them.
fn geometry(pool: &MaxPool) -> Vec<u32> {
    let mut words = Vec::with_capacity(18);
    let all = match &pool.windows {
        Windows::Sliding(all) => *all,
        Windows::Adaptive => Default::default(),
    };
    for (d, window) in all.iter().enumerate() {
        let [kernel, stride] = [window.kernel_size, window.stride];
        let sizes =
            [pool.input[d], pool.output[d], kernel, stride, window.padding, window.dilation];
        words.extend(sizes.map(|size| size as u32));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::max_pool::tests::pools;
    use crate::ops::lines::checks::{Dice, array, bits, scrambled};
    use crate::ops::lines_gpu::checks::gpu;
    use crate::{max_pool, max_pool_grad};

    #[test]
    fn finds_the_same_maxima_and_gradients_as_the_cpu() {
        let Some(device) = gpu() else { return };
        let mut dice = Dice(42);
        for pool in pools() {
            for odd in [false, true] {
                let shape = pool.input_shape();
                let data = dice.floats(shape.numel(), odd);
                let (y, at) = max_pool(&array(&data, shape), &pool).expect("computes");
                let g = dice.floats(y.shape().numel(), false);
                let dx = max_pool_grad(&array(&g, y.shape()), &at, &pool).expect("computes");
                let x = scrambled(&data, shape).to(&device).expect("uploads");
                let (far, far_at) = max_pool(&x, &pool).expect("computes");
                let what = format!("{pool:?}, odd {odd}");
                assert_eq!(bits(&far), bits(&y), "{what}");
                assert_eq!(bits(&far_at), bits(&at), "{what}");
                let g = scrambled(&g, y.shape()).to(&device).expect("uploads");
                let far = max_pool_grad(&g, &far_at, &pool).expect("computes");
                assert_eq!(bits(&far), bits(&dx), "{what}");
            }
        }
    }
}
