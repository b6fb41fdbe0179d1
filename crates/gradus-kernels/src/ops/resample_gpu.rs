//! The launch of resampling.

use std::sync::Arc;

use gradus_tensor::gpu::Gpu;
use gradus_tensor::{Array, Kind, Result, Shape};

use super::lines::Lines;
use super::lines_gpu::{ITERATIONS, fresh, memory, run as launch, start};
use super::resample::Table;
use crate::gpu::Grid;

/// Resamples a dense array with elements.
///
/// # Errors
/// `Kind::Unsupported` for bands longer than one invocation is allowed to walk; what compiling and
/// recording can report.
pub(super) fn run(
    gpu: &Arc<Gpu>,
    x: &Array,
    lines: Lines,
    table: &Table,
    shape: &Shape,
) -> Result<Array> {
    if gpu.profile().software && table.width > ITERATIONS {
        let what = format!("a window of {} elements", table.width);
        let place = "on a software adapter";
        return Err(Kind::Unsupported { op: "resample", what, place }.into());
    }
    let out = fresh(gpu, shape, x.dtype())?;
    let words = table.on(&x.device())?;
    let sizes = [shape.numel(), lines.n, table.len(), lines.inner, table.width];
    let [total, n, m, inner, width] = sizes.map(|size| size as u32);
    let params = [total, n, m, inner, width, start(x), start(&words)];
    let buffers = [memory("resample", x)?, memory("resample", &words)?, memory("resample", &out)?];
    launch(gpu, "resample", &[], &buffers, &params, Grid::Threads(total.into()))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::resample::tests::all_bands;
    use super::*;
    use crate::ops::lines::checks::{Dice, array, assert_close, scrambled, shapes, values};
    use crate::ops::lines_gpu::checks::gpu;
    use crate::resample;

    #[test]
    fn every_table_matches_the_cpu() {
        let Some(device) = gpu() else { return };
        let mut dice = Dice(32);
        for (shape, dim) in shapes().into_iter().filter(|(shape, _)| shape.rank() > 0) {
            let (_, d) = Lines::of("test", &shape, dim).expect("exists");
            // Kinds of tables differ in their words alone: some of them will do.
            for bands in all_bands(&shape, d).into_iter().step_by(4) {
                let turned = shape.with(d, bands.output());
                for (bands, shape) in [(bands.clone(), &shape), (bands.transposed(), &turned)] {
                    let data = dice.floats(shape.numel(), false);
                    let x = scrambled(&data, shape);
                    let expected: Vec<f32> = values(&resample(&x, dim, &bands).expect("computes"));
                    let expected: Vec<f64> = expected.into_iter().map(f64::from).collect();
                    for x in [array(&data, shape), x] {
                        let far = x.to(&device).expect("uploads");
                        let y = resample(&far, dim, &bands).expect("computes");
                        assert_close(&values(&y), &expected, 2e-6, &format!("{shape} {bands:?}"));
                    }
                }
            }
        }
    }
}
