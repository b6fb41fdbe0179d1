//! The launch of softmax.

use std::sync::Arc;

use gradus_tensor::gpu::Gpu;
use gradus_tensor::{Array, Result};

use super::lines::Lines;
use super::lines_gpu::{NAN, Split, fresh, memory, run as launch, start};

/// Softmax of a dense array with elements.
///
/// # Errors
/// What compiling and recording can report.
pub(super) fn run(
    gpu: &Arc<Gpu>,
    x: &Array,
    lines: Lines,
    log: bool,
    split: Split,
) -> Result<Array> {
    let out = fresh(gpu, x.shape(), x.dtype())?;
    let params =
        [start(x), lines.count() as u32, lines.n as u32, lines.inner as u32, u32::from(log), NAN];
    let buffers = [memory("softmax", x)?, memory("softmax", &out)?];
    launch(gpu, "softmax", &split.tune(), &buffers, &params, split.grid(lines.count()))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use gradus_tensor::DType;

    use super::*;
    use crate::ops::lines::checks::{Dice, array, assert_close, scrambled, shapes, values};
    use crate::ops::lines_gpu::checks::gpu;
    use crate::{Value, softmax};

    #[test]
    fn both_variants_match_the_cpu() {
        let Some(device) = gpu() else { return };
        let Some(gpu) = device.as_gpu() else { return };
        let mut dice = Dice(21);
        for (shape, dim) in shapes() {
            let (lines, _) = Lines::of("test", &shape, dim).expect("exists");
            for (odd, log) in [(false, false), (false, true), (true, false), (true, true)] {
                let data = dice.floats(shape.numel(), odd);
                let x = array(&data, &shape);
                let what = format!("{shape} along {dim}, odd {odd}, log {log}");
                let expected: Vec<f32> = values(&softmax(&x, dim, log).expect("computes"));
                let expected: Vec<f64> = expected.into_iter().map(f64::from).collect();
                for x in [x, scrambled(&data, &shape)] {
                    let there = x.to(&device).expect("uploads");
                    let y = softmax(&there, dim, log).expect("computes");
                    assert_close(&values(&y), &expected, 4e-6, &what);
                }
                if lines.numel() > 0 {
                    let x = array(&data, &shape).to(&device).expect("uploads");
                    let x = x.dense().expect("dense");
                    let y = run(gpu, &x, lines, log, Split::Group).expect("computes");
                    assert_close(&values(&Value::from(y)), &expected, 4e-6, &what);
                }
            }
        }
    }

    #[test]
    fn a_line_longer_than_one_invocation_may_walk() {
        let Some(device) = gpu() else { return };
        let n = 70_001;
        let x = Value::constant(3.0, [n], DType::F32, &device);
        let y: Vec<f32> = values(&softmax(&x, 0, false).expect("computes"));
        assert!(y.iter().all(|y| (y * n as f32 - 1.0).abs() < 1e-3));
    }
}
