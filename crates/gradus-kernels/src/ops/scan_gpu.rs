//! The launches of running sums and products.

use std::sync::Arc;

use gradus_tensor::gpu::{Gpu, GpuBuffer};
use gradus_tensor::{Array, DType, Result};

use super::lines::Lines;
use super::lines_gpu::{ITERATIONS, fresh, memory, run as launch, start};
use super::scan::Scan;
use crate::gpu::Grid;

/// Elements that one workgroup scans.
const BLOCK: usize = 256;

/// How lines are walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk {
    /// One invocation a line.
    Serial,
    /// Blocks of a line side by side, then their totals.
    Blocks,
}

impl Walk {
    /// The rule: blocks for long lines that are too few to fill a device. A software adapter has
    /// few lanes to fill and is slow at barriers: blocks only what one invocation may not walk.
    pub(super) fn of(gpu: &Gpu, lines: Lines) -> Self {
        /// Lines that fill a device.
        const MANY: usize = 8192;
        let serial = if gpu.profile().software {
            lines.n <= ITERATIONS
        } else {
            lines.n <= BLOCK || lines.count() >= MANY
        };
        if serial { Walk::Serial } else { Walk::Blocks }
    }
}

/// The scan of a dense array with elements.
///
/// # Errors
/// What compiling and recording can report.
pub(super) fn run(gpu: &Arc<Gpu>, op: Scan, x: &Array, lines: Lines, walk: Walk) -> Result<Array> {
    let out = fresh(gpu, x.shape(), x.dtype())?;
    let tune =
        [("KIND", u32::from(x.dtype() != DType::F32)), ("OP", u32::from(op == Scan::cumprod))];
    let (from, to) = (memory(op.name(), x)?, memory(op.name(), &out)?);
    match walk {
        Walk::Serial => {
            let [count, n, inner] = [lines.count(), lines.n, lines.inner].map(|size| size as u32);
            let params = [start(x), count, n, inner];
            launch(gpu, "scan", &tune, &[from, to], &params, Grid::Threads(count.into()))?;
        }
        Walk::Blocks => blocks(gpu, tune, (from, start(x)), to, lines)?,
    }
    Ok(out)
}

/// Scans blocks, then the totals of blocks as lines of their own, then combines both.
fn blocks(
    gpu: &Arc<Gpu>,
    tune: [(&'static str, u32); 2],
    (from, start): (&Arc<GpuBuffer>, u32),
    to: &Arc<GpuBuffer>,
    lines: Lines,
) -> Result<()> {
    let blocks = lines.n.div_ceil(BLOCK);
    let totals = Lines { outer: lines.count(), n: blocks, inner: 1 };
    let sums = gpu.alloc(totals.numel() * size_of::<u32>())?;
    let [count, n, inner, per_line] =
        [lines.count(), lines.n, lines.inner, blocks].map(|size| size as u32);
    let params = [start, count, n, inner, per_line];
    let grid = Grid::Threads((totals.numel() * BLOCK) as u64);
    launch(gpu, "scan_blocks", &tune, &[from, to, &sums], &params, grid)?;
    if blocks == 1 {
        return Ok(());
    }
    let running = gpu.alloc(totals.numel() * size_of::<u32>())?;
    self::blocks(gpu, tune, (&sums, 0), &running, totals)?;
    let params = [lines.numel() as u32, n, inner, per_line];
    let tune = [tune[0], tune[1], ("BLOCK", BLOCK as u32)];
    let grid = Grid::Threads(lines.numel() as u64);
    launch(gpu, "scan_add", &tune, &[&running, to], &params, grid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::lines::checks::{Dice, array, assert_close, scrambled, shapes, values};
    use crate::ops::lines_gpu::checks::gpu;
    use crate::{Value, scan};

    #[test]
    fn both_walks_match_the_cpu() {
        let Some(device) = gpu() else { return };
        let Some(gpu) = device.as_gpu() else { return };
        let mut dice = Dice(27);
        let mut all = shapes();
        // Two and three levels of blocks.
        all.extend([([2, 1000, 3].into(), 1), ([70_001].into(), 0), ([512].into(), 0)]);
        for (shape, dim) in all {
            let (lines, _) = Lines::of("test", &shape, dim).expect("exists");
            for (op, dtype) in [
                (Scan::cumsum, DType::F32),
                (Scan::cumprod, DType::F32),
                (Scan::cumsum, DType::I32),
                (Scan::cumprod, DType::U32),
            ] {
                let mut data = dice.floats(shape.numel(), false);
                if op == Scan::cumprod && dtype == DType::F32 {
                    data.iter_mut().for_each(|x| *x = 1.0 + *x / 1000.0);
                }
                for x in [array(&data, &shape), scrambled(&data, &shape)] {
                    let x = x.cast(dtype).expect("casts");
                    let far = x.to(&device).expect("uploads");
                    let mut got = vec![scan(op, &far, dim).expect("computes")];
                    if lines.numel() > 0 {
                        let x = far.dense().expect("dense");
                        let y = run(gpu, op, &x, lines, Walk::Blocks).expect("computes");
                        got.push(Value::from(y));
                    }
                    let y = scan(op, &x, dim).expect("computes");
                    let what = format!("{op:?} of {dtype} {shape} along {dim}");
                    for got in got {
                        if dtype == DType::F32 {
                            let y: Vec<f32> = values(&y);
                            let y: Vec<f64> = y.into_iter().map(f64::from).collect();
                            assert_close(&values(&got), &y, 1e-4, &what);
                        } else {
                            assert_eq!(values::<i64>(&got), values::<i64>(&y), "{what}");
                        }
                    }
                }
            }
        }
    }
}
