//! The launch of gather and index_select.

use std::sync::Arc;

use gradus_tensor::gpu::Gpu;
use gradus_tensor::{Array, DType, Result, Shape};

use super::gather::GatherGeometry;
use super::lines_gpu::{NAN, bytes, fresh, memory, run as launch, start};
use crate::gpu::Grid;

/// Gathers from an array of any layout by dense indices, all on this GPU.
///
/// # Errors
/// What compiling and recording can report.
pub(super) fn run(
    gpu: &Arc<Gpu>,
    g: &GatherGeometry,
    x: &Array,
    index: &Array,
    shape: &Shape,
) -> Result<Array> {
    let out = fresh(gpu, shape, x.dtype())?;
    let total = shape.numel();
    let params = [
        total as u32,
        g.out.n as u32,
        g.out.inner as u32,
        g.size as u32,
        g.offset as u32,
        g.x[0] as u32,
        g.x[1] as u32,
        g.x[2] as u32,
        start(index),
        g.index[0] as u32,
        g.index[1] as u32,
        g.index[2] as u32,
        if x.dtype() == DType::F32 { NAN } else { 0 },
    ];
    let packed = bytes(x.dtype());
    let tune = [("BYTES", packed), ("INDEX_BYTES", bytes(index.dtype()))];
    let buffers = [memory("gather", x)?, memory("gather", index)?, memory("gather", &out)?];
    let threads = if packed == 1 { total.div_ceil(4) } else { total };
    launch(gpu, "gather", &tune, &buffers, &params, Grid::Threads(threads as u64))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::lines::Lines;
    use crate::ops::lines::checks::{Dice, array, bits, scrambled, shapes, values};
    use crate::ops::lines::resized;
    use crate::ops::lines_gpu::checks::gpu;
    use crate::{Value, gather, index_select};

    #[test]
    fn moves_the_same_bits_as_the_cpu() {
        let Some(device) = gpu() else { return };
        let there = |v: &Value| v.to(&device).expect("uploads");
        let mut dice = Dice(24);
        for (shape, dim) in shapes() {
            let (lines, d) = Lines::of("test", &shape, dim).expect("exists");
            let data = dice.floats(shape.numel(), true);
            for count in [0, 1, 5, 40] {
                if (lines.n == 0 && count > 0) || (shape.rank() == 0 && count != 1) {
                    continue;
                }
                let at = shape.iter().map(|&s| s - usize::from(s > 2)).collect();
                let at = resized(&at, d, count);
                let each = array(&dice.ints(at.numel(), lines.n), &at);
                let rows = array(&dice.ints(count, lines.n), &[count].into());
                for dtype in [DType::F32, DType::I32, DType::U8, DType::Bool] {
                    let what = format!("{dtype} {shape} along {dim}, {count}");
                    for x in [array(&data, &shape), scrambled(&data, &shape)] {
                        let x = x.cast(dtype).expect("casts");
                        let far = there(&x);
                        for index in [DType::I32, DType::U8] {
                            let each = each.cast(index).expect("casts");
                            let expected = bits(&gather(&x, dim, &each).expect("computes"));
                            for each in [&each, &there(&each)] {
                                let y = gather(&far, dim, each).expect("computes");
                                assert_eq!(
                                    (y.shape(), bits(&y)),
                                    (&at, expected.clone()),
                                    "{what}"
                                );
                            }
                            let rows = rows.cast(index).expect("casts");
                            let expected = index_select(&x, dim, &rows).expect("computes");
                            let y = index_select(&far, dim, &there(&rows)).expect("computes");
                            assert_eq!(bits(&y), bits(&expected), "{what}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn indices_out_of_range_are_refused_on_the_host_and_read_nothing_on_the_gpu() {
        let Some(device) = gpu() else { return };
        let x = array(&[1.0f32, 2.0], &[2].into()).to(&device).expect("uploads");
        let index = array(&[1i32, 2, -1], &[3].into());
        let error = index_select(&x, 0, &index).expect_err("known here").to_string();
        assert_eq!(error, "index_select: index 2 at position 1 is outside 0..2");
        let index = index.to(&device).expect("uploads");
        let y: Vec<f32> = values(&gather(&x, 0, &index).expect("computes"));
        assert!(y[0] == 2.0 && y[1].is_nan() && y[2].is_nan(), "{y:?}");
        let x = array(&[1i32, 2], &[2].into()).to(&device).expect("uploads");
        assert_eq!(values::<i32>(&gather(&x, 0, &index).expect("computes")), [2, 0, 0]);
        let error = index_select(&array(&[1i32], &[1].into()), 0, &index).expect_err("two devices");
        assert!(error.to_string().contains("operands are on cpu and gpu"), "{error}");
    }
}
