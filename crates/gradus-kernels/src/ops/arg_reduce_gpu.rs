//! The launch of argmax and argmin.

use std::sync::Arc;

use gradus_tensor::gpu::Gpu;
use gradus_tensor::{Array, DType, Result, Shape};

use super::arg_reduce::ArgReduce;
use super::lines::Lines;
use super::lines_gpu::{Split, fresh, kind, memory, run as launch, start};

/// Positions in a dense array whose lines have elements.
///
/// # Errors
/// What compiling and recording can report.
pub(super) fn run(
    gpu: &Arc<Gpu>,
    op: ArgReduce,
    x: &Array,
    lines: Lines,
    shape: &Shape,
    split: Split,
) -> Result<Array> {
    let out = fresh(gpu, shape, DType::I32)?;
    let params = [start(x), lines.count() as u32, lines.n as u32, lines.inner as u32];
    let [wg, group] = split.tune();
    let smallest = ("SMALLEST", u32::from(op == ArgReduce::argmin));
    let tune = [wg, group, ("KIND", kind(x.dtype())), smallest];
    let buffers = [memory(op.name(), x)?, memory(op.name(), &out)?];
    launch(gpu, "arg_reduce", &tune, &buffers, &params, split.grid(lines.count()))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::lines::checks::{Dice, array, scrambled, shapes, values};
    use crate::ops::lines_gpu::checks::gpu;
    use crate::{Value, arg_reduce};

    #[test]
    fn both_variants_match_the_cpu() {
        let Some(device) = gpu() else { return };
        let Some(gpu) = device.as_gpu() else { return };
        let mut dice = Dice(23);
        let mut all = shapes();
        // Longer than one invocation may walk on every adapter.
        all.push(([70_001].into(), 0));
        for (shape, dim) in all {
            let (lines, _) = Lines::of("test", &shape, dim).expect("exists");
            if lines.n == 0 {
                continue;
            }
            let data = dice.floats(shape.numel(), true);
            for dtype in [DType::F32, DType::I32, DType::U32, DType::U8] {
                for op in [ArgReduce::argmax, ArgReduce::argmin] {
                    let what = format!("{op:?} of {dtype} {shape} along {dim}");
                    for x in [array(&data, &shape), scrambled(&data, &shape)] {
                        let x = x.cast(dtype).expect("casts");
                        let y = arg_reduce(op, &x, Some(dim), false).expect("computes");
                        let expected: Vec<i32> = values(&y);
                        let there = x.to(&device).expect("uploads");
                        let got = arg_reduce(op, &there, Some(dim), false).expect("computes");
                        assert_eq!(values::<i32>(&got), expected, "{what}");
                        if lines.count() > 0 {
                            let x = there.dense().expect("dense");
                            let got = run(gpu, op, &x, lines, y.shape(), Split::Group);
                            let got = Value::from(got.expect("computes"));
                            assert_eq!(values::<i32>(&got), expected, "{what}");
                        }
                    }
                }
            }
        }
    }
}
