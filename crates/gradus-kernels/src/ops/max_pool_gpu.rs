//! The launches of max pooling and its gradient.

mod tiles;

use std::sync::Arc;

use gradus_tensor::gpu::{Access, Gpu, GpuBuffer};
use gradus_tensor::{Array, DType, Kind, Result};
use smallvec::SmallVec;

use super::lines_gpu::{ITERATIONS, fresh, memory, run as launch, start};
use super::matmul_gpu::{OWN_BINDINGS, finished};
use super::max_pool::{MaxPool, MaxPoolGrad, Windows};
use crate::expr::{Emitted, Plan, Width, emit_finish, library};
use crate::gpu::{Grid, Kernel, Launch, composed, launch as launch_kernel};
use tiles::Tiles;

/// Invocations of a workgroup.
const WORKGROUP: u32 = 64;

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
    let op = pool.op();
    let buffers = [memory(op, x)?, memory(op, &values)?, memory(op, &indices)?];
    if let Some(tiles) = Tiles::of(pool) {
        tiles.run(gpu, x, &buffers)?;
        return Ok((values, indices));
    }
    let mut params = vec![total as u32, start(x)];
    params.extend(geometry(pool));
    launch(gpu, "max_pool", &tune(pool), &buffers, &params, Grid::Threads(total as u64))?;
    Ok((values, indices))
}

/// The gradient from dense operands; `finish` is applied to each element.
///
/// # Errors
/// As [`run`].
pub(super) fn run_grad(gpu: &Arc<Gpu>, op: &MaxPoolGrad, finish: Option<&Plan>) -> Result<Array> {
    let MaxPoolGrad { pool, g, indices } = op;
    // An element lies in no more windows than there are elements in one, and no more than there
    // are.
    must_be_small(gpu, pool, overlapping(pool))?;
    let how = match Tiles::of(pool) {
        Some(tiles) => tiles.gradient(gpu, g, indices),
        None => Gradient::of_windows(pool, g, indices),
    };
    let operands = [memory(pool.op(), g)?, memory(pool.op(), indices)?];
    finished(gpu, pool.input_shape(), 1, finish, |follow, out| {
        let [g, indices] = operands;
        how.launch(gpu, follow, &[g, indices, memory(pool.op(), out)?])
    })
}

/// A kernel of the gradient.
struct Gradient {
    name: &'static str,
    tune: SmallVec<[(&'static str, u32); 6]>,
    /// Texts of further holes; devices and constants determine them.
    holes: SmallVec<[(&'static str, &'static str); 2]>,
    /// How elements are stored.
    stores: Width,
    params: Vec<u32>,
    threads: u64,
}

impl Gradient {
    /// Of any windows.
    fn of_windows(pool: &MaxPool, g: &Array, indices: &Array) -> Self {
        let total = pool.input_shape().numel();
        let mut params = vec![total as u32, start(g), start(indices)];
        params.extend(geometry(pool));
        let tune = SmallVec::from_slice(&tune(pool));
        let (name, holes, stores) = ("max_pool_grad", SmallVec::new(), Width::One);
        Gradient { name, tune, holes, stores, params, threads: total as u64 }
    }

    /// Records it with what follows; `own` are the buffers of the operands and the result.
    fn launch(
        &self,
        gpu: &Arc<Gpu>,
        (finish, parts): (Option<&Plan>, &Emitted),
        own: &[&Arc<GpuBuffer>; OWN_BINDINGS],
    ) -> Result<()> {
        let mut key: SmallVec<[u8; 128]> = SmallVec::from_slice(self.name.as_bytes());
        key.extend(self.tune.iter().map(|&(_, value)| value as u8));
        key.extend_from_slice(&parts.key);
        let mut buffers: SmallVec<[&Arc<GpuBuffer>; 8]> = SmallVec::from_slice(own);
        buffers.extend(&parts.buffers);
        let mut access: SmallVec<[Access; 8]> =
            SmallVec::from_slice(&[Access::Read, Access::Read, Access::ReadWrite]);
        access.extend_from_slice(&parts.access);
        let params: SmallVec<[u32; 40]> = self.params.iter().chain(&parts.words).copied().collect();
        let text = || {
            let parts = emit_finish(finish, OWN_BINDINGS, DType::F32, Some(self.stores));
            let own: String = self.holes.iter().map(|(_, text)| *text).collect();
            let functions = library(&(own + &parts.functions)) + &parts.functions;
            let mut holes: SmallVec<[(&str, &str); 5]> = SmallVec::from_slice(&[
                ("bindings", parts.bindings.as_str()),
                ("params", parts.fields.as_str()),
                ("functions", functions.as_str()),
            ]);
            holes.extend(self.holes.iter().copied());
            composed(self.name, &self.tune, &holes)
        };
        let kernel = Kernel::Generated {
            key: &key,
            name: self.name,
            access: &access,
            workgroup: [WORKGROUP, 1, 1],
            text: &text,
        };
        let grid = Grid::Threads(self.threads);
        launch_kernel(gpu, &Launch { kernel, buffers: &buffers, params: &params, grid })
    }
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

/// Dimensions without those of one element and one window in front.
fn dims(pool: &MaxPool) -> u32 {
    let outer = (0..2).find(|&d| (pool.input[d], pool.output[d]) != (1, 1));
    3 - outer.unwrap_or(2) as u32
}

fn tune(pool: &MaxPool) -> [(&'static str, u32); 3] {
    let (adaptive, dilated) = match &pool.windows {
        Windows::Sliding(all) => (false, all.iter().any(|window| window.dilation > 1)),
        Windows::Adaptive => (true, false),
    };
    [("ADAPTIVE", u32::from(adaptive)), ("DIMS", dims(pool)), ("DILATED", u32::from(dilated))]
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
    use gradus_tensor::gpu::{Gpu, GpuOptions};
    use gradus_tensor::{Device, Shape};

    use super::super::max_pool::tests::pools;
    use crate::ops::lines::checks::{Dice, array, bits, scrambled};
    use crate::ops::lines_gpu::checks::gpu;
    use crate::table::Binary;
    use crate::{MaxPool, Sliding, Value, max_pool, max_pool_grad};

    /// Values and positions, and the gradient, of `x` and `g` on a device.
    fn computed(x: &Value, g: &Value, pool: &MaxPool) -> [Vec<u64>; 3] {
        let (y, at) = max_pool(x, pool).expect("computes");
        let dx = max_pool_grad(g, &at, pool).expect("computes");
        [bits(&y), bits(&at), bits(&dx)]
    }

    #[test]
    fn finds_the_same_maxima_and_gradients_as_the_cpu() {
        let Some(device) = gpu() else { return };
        let mut dice = Dice(42);
        for pool in pools() {
            for odd in [false, true] {
                let [shape, pooled] = [pool.input_shape(), pool.output_shape()];
                let (x, g) = (dice.floats(shape.numel(), odd), dice.floats(pooled.numel(), false));
                let near = computed(&array(&x, shape), &array(&g, pooled), &pool);
                let sent = |value: Value| value.to(&device).expect("uploads");
                let (x, g) = (sent(scrambled(&x, shape)), sent(scrambled(&g, pooled)));
                assert_eq!(computed(&x, &g, &pool), near, "{pool:?}, odd {odd}");
            }
        }
    }

    /// Everything begins somewhere in its memory, at even and at odd elements.
    #[test]
    fn windows_that_tile_agree_with_the_cpu_wherever_arrays_begin() {
        let Some(device) = gpu() else { return };
        let options = GpuOptions { web_limits: true, ..GpuOptions::default() };
        let limited = Device::from_gpu(Gpu::open(&options).expect("the same adapter"));
        let mut dice = Dice(7);
        let shapes: [(&[usize], &[usize]); 6] = [
            (&[3, 12], &[2]),
            (&[2, 3, 8, 6], &[2, 2]),
            (&[2, 3, 6, 9], &[2, 3]),
            (&[2, 6, 8], &[6, 4]),
            (&[2, 4, 6, 8], &[2, 3, 4]),
            (&[2, 1, 4, 3, 5], &[1, 3, 5]),
        ];
        for (shape, sizes) in shapes {
            let shape = Shape::from(shape);
            let window =
                |&size: &usize| Sliding { kernel_size: size, stride: size, ..Sliding::default() };
            let windows: Vec<Sliding> = sizes.iter().map(window).collect();
            let pool = MaxPool::sliding("test", &shape, &windows).expect("windows fit");
            assert!(super::Tiles::of(&pool).is_some());
            for (device, begin) in [(&device, 0), (&device, 1), (&device, 2), (&limited, 2)] {
                let lying = |device: &Device, data: &[f32], shape: &Shape| {
                    let memory = [&[9.0; 2][..begin], data].concat();
                    let all = array(&memory, &[memory.len()].into()).to(device).expect("uploads");
                    let part = all.narrow(0, begin, data.len()).expect("inside");
                    part.reshaped(shape).expect("as many")
                };
                let (x, g) = (
                    dice.floats(shape.numel(), true),
                    dice.floats(pool.output_shape().numel(), false),
                );
                let on = |device: &Device| {
                    let x = lying(device, &x, &shape);
                    computed(&x, &lying(device, &g, pool.output_shape()), &pool)
                };
                assert_eq!(on(device), on(&Device::cpu()), "{pool:?}, {begin}");
            }
        }
    }

    /// `dx · h + 1`, of two dimensions in place of the planes', in one launch.
    #[test]
    fn what_follows_a_gradient_is_part_of_its_kernel() {
        if gpu().is_none() {
            return;
        }
        // Nobody else launches here.
        let alone = Gpu::open(&GpuOptions::default()).expect("the same adapter");
        let device = Device::from_gpu(alone);
        let mut dice = Dice(3);
        for (kernel_size, stride) in [(2, 2), (3, 3), (3, 2)] {
            let shape = Shape::from([2, 3, 12, 6]);
            let window = Sliding { kernel_size, stride, ..Sliding::default() };
            let pool = MaxPool::sliding("test", &shape, &[window; 2]).expect("windows fit");
            let (data, h) = (dice.floats(shape.numel(), false), dice.floats(shape.numel(), false));
            let g = dice.floats(pool.output_shape().numel(), false);
            let followed = |device: &Device| {
                let sent =
                    |data: &[f32], shape: &Shape| array(data, shape).to(device).expect("uploads");
                let (_, at) = max_pool(&sent(&data, &shape), &pool).expect("computes");
                let (g, h) = (sent(&g, pool.output_shape()), sent(&h, &[6, 72].into()));
                let gpu = device.as_gpu();
                let dispatches = || {
                    gpu.map(|gpu| {
                        gpu.flush().expect("recorded");
                        gpu.stats().dispatches
                    })
                };
                let before = dispatches();
                let dx = max_pool_grad(&g, &at, &pool).expect("computes");
                let flat = dx.reshape(&[6, 72]).expect("as many");
                drop(dx);
                let one = Value::constant(1.0, [6, 72], g.dtype(), device);
                let product = Value::binary(Binary::mul, &flat, &h).expect("computes");
                drop(flat);
                let sum = Value::binary(Binary::add, &product, &one).expect("computes");
                drop(product);
                let bits = bits(&sum.array().expect("computes").into());
                (bits, before.zip(dispatches()).map(|(before, after)| after - before))
            };
            let (far, dispatches) = followed(&device);
            assert_eq!(far, followed(&Device::cpu()).0, "{kernel_size} by {stride}");
            assert_eq!(dispatches, Some(1), "{kernel_size} by {stride}");
        }
    }
}
