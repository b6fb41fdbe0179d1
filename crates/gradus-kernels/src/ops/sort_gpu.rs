//! The launches of sorting: a bitonic network over (key, place) pairs in lines of a power of two.

use std::sync::Arc;

use gradus_tensor::gpu::{Gpu, GpuBuffer};
use gradus_tensor::{Array, DType, Result, Shape};

use super::lines::Lines;
use super::lines_gpu::{bytes, fresh, kind, memory, run as launch, start};
use crate::gpu::Grid;

/// Pairs that one workgroup sorts in its own memory: twice its invocations.
const BLOCK: usize = 512;

/// Which steps of the network run in workgroup memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Steps {
    /// None: a launch a step.
    Single,
    /// Those between pairs of one block.
    Blocks,
}

impl Steps {
    /// The rule: a software adapter is slow at barriers and workgroup memory, and launches are
    /// cheap there.
    pub(super) fn of(gpu: &Gpu) -> Self {
        if gpu.profile().software { Steps::Single } else { Steps::Blocks }
    }
}

const OP: &str = "sort";

/// Sorted lines, one after another.
pub(super) struct Sorted {
    /// Words of the elements' order.
    pub(super) keys: Arc<GpuBuffer>,
    /// Where each element stood in its line.
    pub(super) places: Arc<GpuBuffer>,
    /// Pairs of a line.
    pub(super) padded: usize,
}

/// The first `k` elements of each sorted line of a dense array, and their places.
///
/// # Errors
/// What compiling and recording can report.
pub(super) fn run(
    gpu: &Arc<Gpu>,
    x: &Array,
    (lines, k, descending): (Lines, usize, bool),
    shape: &Shape,
    steps: Steps,
) -> Result<(Array, Array)> {
    let sorted = sorted(gpu, x, x.dtype(), lines, descending, steps)?;
    let values = fresh(gpu, shape, x.dtype())?;
    let indices = fresh(gpu, shape, DType::I32)?;
    let total = shape.numel();
    let [n, inner, k, padded] = [lines.n, lines.inner, k, sorted.padded].map(|size| size as u32);
    let params = [start(x), n, inner, k, padded, total as u32];
    let packed = bytes(x.dtype());
    let buffers = [memory(OP, x)?, &sorted.places, memory(OP, &values)?, memory(OP, &indices)?];
    let threads = if packed == 1 { total.div_ceil(4) } else { total };
    let grid = Grid::Threads(threads as u64);
    launch(gpu, "sort_store", &[("BYTES", packed)], &buffers, &params, grid)?;
    Ok((values, indices))
}

/// Sorts the lines of a dense array whose elements are read as `dtype`.
///
/// # Errors
/// What compiling and recording can report.
pub(super) fn sorted(
    gpu: &Arc<Gpu>,
    x: &Array,
    dtype: DType,
    lines: Lines,
    descending: bool,
    steps: Steps,
) -> Result<Sorted> {
    let padded = lines.n.next_power_of_two();
    let total = lines.count() * padded;
    let keys = gpu.alloc(total * size_of::<u32>())?;
    let places = gpu.alloc(total * size_of::<u32>())?;
    let tune = [("KIND", kind(dtype)), ("DESCENDING", u32::from(descending))];
    let sizes = [lines.n, lines.inner, padded, total].map(|size| size as u32);
    let params = [start(x), sizes[0], sizes[1], sizes[2], sizes[3]];
    let grid = Grid::Threads(total as u64);
    launch(gpu, "sort_load", &tune, &[memory(OP, x)?, &keys, &places], &params, grid)?;
    let sorted = Sorted { keys, places, padded };
    let mut run = 2;
    if steps == Steps::Blocks {
        sorted.block(gpu, total, 2, padded.min(BLOCK))?;
        run = BLOCK * 2;
    }
    while run <= padded {
        let mut distance = run / 2;
        while distance > 0 && (steps == Steps::Single || distance >= BLOCK) {
            sorted.step(gpu, total, run, distance)?;
            distance /= 2;
        }
        if steps == Steps::Blocks {
            sorted.block(gpu, total, run, run)?;
        }
        run *= 2;
    }
    Ok(sorted)
}

impl Sorted {
    fn step(&self, gpu: &Arc<Gpu>, total: usize, run: usize, distance: usize) -> Result<()> {
        let params = [total, self.padded, run, distance].map(|size| size as u32);
        let grid = Grid::Threads((total / 2) as u64);
        launch(gpu, "sort_step", &[], &[&self.keys, &self.places], &params, grid)
    }

    fn block(&self, gpu: &Arc<Gpu>, total: usize, first: usize, last: usize) -> Result<()> {
        let params = [total, self.padded, first, last].map(|size| size as u32);
        let grid = Grid::Threads((total.div_ceil(BLOCK) * BLOCK / 2) as u64);
        let tune = [("WG", (BLOCK / 2) as u32)];
        launch(gpu, "sort_block", &tune, &[&self.keys, &self.places], &params, grid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::lines::checks::{Dice, array, bits, scrambled, shapes, values};
    use crate::ops::lines::resized;
    use crate::ops::lines_gpu::checks::gpu;
    use crate::{Value, sort, topk};

    #[test]
    fn both_networks_match_the_cpu() {
        let Some(device) = gpu() else { return };
        let Some(gpu) = device.as_gpu() else { return };
        let mut dice = Dice(28);
        let mut all = shapes();
        // Lines that fill a block and that need several.
        all.extend([([3, 512].into(), 1), ([1500, 2].into(), 0)]);
        for (shape, dim) in all {
            let (lines, d) = Lines::of("test", &shape, dim).expect("exists");
            let data = dice.floats(shape.numel(), true);
            for dtype in [DType::F32, DType::I32, DType::U32, DType::U8] {
                for (x, descending) in
                    [(array(&data, &shape), false), (scrambled(&data, &shape), true)]
                {
                    let x = x.cast(dtype).expect("casts");
                    let far = x.to(&device).expect("uploads");
                    for k in [lines.n, lines.n / 3] {
                        if k == 0 && shape.rank() == 0 {
                            continue;
                        }
                        let what = format!("{dtype} {shape} along {dim}, {k}, {descending}");
                        let work = |x: &Value| match k == lines.n {
                            true => sort(x, dim, descending).expect("sorts"),
                            false => topk(x, k, dim, descending).expect("selects"),
                        };
                        let expected = work(&x);
                        let mut got = vec![work(&far)];
                        let out = resized(&shape, d, k);
                        if out.numel() > 0 {
                            let x = far.dense().expect("dense");
                            let part = (lines, k, descending);
                            let (v, i) = run(gpu, &x, part, &out, Steps::Blocks).expect("sorts");
                            got.push((Value::from(v), Value::from(i)));
                        }
                        for (v, i) in got {
                            let places = values::<i32>(&expected.1);
                            assert_eq!(values::<i32>(&i), places, "{what}");
                            assert_eq!(bits(&v), bits(&expected.0), "{what}");
                        }
                    }
                }
            }
        }
    }
}
