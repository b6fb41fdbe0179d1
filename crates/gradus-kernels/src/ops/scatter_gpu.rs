//! The launches of scatter_add and index_add.

use std::sync::Arc;

use gradus_tensor::gpu::Gpu;
use gradus_tensor::{Array, DType, Kind, Result};

use super::lines::Lines;
use super::lines_gpu::{ITERATIONS, bytes, memory, run as launch, start};
use super::scatter::ScatterGeometry;
use super::sort_gpu;
use crate::expr::Value;
use crate::gpu::Grid;

/// How columns are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// An invocation walks a column's indices in order.
    Columns,
    /// Indices are sorted, and an invocation adds up one run of equals.
    Segments,
}

impl Way {
    /// The rule: columns, unless they are too few to fill a device and have many indices. A
    /// software adapter has few lanes to fill, and sorting is more work.
    pub(super) fn of(gpu: &Gpu, src: Lines) -> Self {
        /// Indices that one invocation walks sooner than a sort is launched.
        const FEW: usize = 64;
        /// Columns that fill a device.
        const MANY: usize = 4096;
        if gpu.profile().software || src.n <= FEW || src.count() >= MANY {
            Way::Columns
        } else {
            Way::Segments
        }
    }
}

/// A copy of `x` with `src` added, all dense and on this GPU.
///
/// # Errors
/// `Kind::Unsupported` for bytes; what compiling and recording can report.
pub(super) fn run(
    op: &'static str,
    gpu: &Arc<Gpu>,
    g: &ScatterGeometry,
    (x, index, src): (&Value, &Array, &Array),
    way: Way,
) -> Result<Array> {
    if bytes(src.dtype()) == 1 {
        let what = format!("{} addition", src.dtype());
        let place = "on a GPU; cast to int32";
        return Err(Kind::Unsupported { op, what, place }.into());
    }
    let out = Value::copy_of(x).array()?;
    debug_assert_eq!(start(&out), 0, "a copy has memory of its own");
    let float = ("FLOAT", u32::from(src.dtype() == DType::F32));
    let [columns, n, inner, size] =
        [g.src.count(), g.src.n, g.src.inner, g.size].map(|size| size as u32);
    if way == Way::Columns {
        let index_strides = g.index.map(|stride| stride as u32);
        let places = [columns, n, inner, size, start(src), start(index)];
        let tune = [float, ("INDEX_BYTES", bytes(index.dtype()))];
        let buffers = [memory(op, index)?, memory(op, src)?, memory(op, &out)?];
        // Launches run one after another: additions keep their order.
        for first in (0..g.src.n).step_by(ITERATIONS) {
            let end = (first + ITERATIONS).min(g.src.n);
            let mut params = [0; 11];
            params[..6].copy_from_slice(&places);
            params[6..9].copy_from_slice(&index_strides);
            params[9..].copy_from_slice(&[first as u32, end as u32]);
            launch(gpu, "scatter", &tune, &buffers, &params, Grid::Threads(columns.into()))?;
        }
        return Ok(out);
    }
    let shared = g.index[0] == 0 && g.index[2] == 0;
    let lines = if shared { Lines { outer: 1, n: g.src.n, inner: 1 } } else { g.src };
    // Unsigned: indices below zero come last, with all others that are out of range.
    let kind = if bytes(index.dtype()) == 1 { DType::U8 } else { DType::U32 };
    let steps = sort_gpu::Steps::of(gpu);
    let sorted = sort_gpu::sorted(gpu, index, kind, lines, false, steps)?;
    let params = [columns, n, inner, size, start(src), sorted.padded as u32];
    let tune = [float, ("SHARED", u32::from(shared))];
    let buffers = [&sorted.keys, &sorted.places, memory(op, src)?, memory(op, &out)?];
    let threads = Grid::Threads(g.src.numel() as u64);
    launch(gpu, "scatter_segments", &tune, &buffers, &params, threads)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::lines::checks::{Dice, array, bits, scrambled, shapes, values};
    use crate::ops::lines::resized;
    use crate::ops::lines_gpu::checks::gpu;
    use crate::{index_add, scatter_add};

    #[test]
    fn both_ways_give_the_cpus_bits() {
        let Some(device) = gpu() else { return };
        let Some(gpu) = device.as_gpu() else { return };
        let there = |v: &Value| v.to(&device).expect("uploads");
        let mut dice = Dice(25);
        for (shape, dim) in shapes() {
            let (lines, d) = Lines::of("test", &shape, dim).expect("exists");
            let scale = |v: Vec<f32>| -> Vec<f32> { v.iter().map(|v| v * 0.3).collect() };
            let x = array(&scale(dice.floats(shape.numel(), false)), &shape);
            for (count, cut) in [(0, 0), (1, 1), (5, 0), (40, 1), (300, 0), (70_001, 0)] {
                if (lines.n == 0 && count > 0) || (shape.rank() == 0 && count != 1) {
                    continue;
                }
                // Longer than one invocation may walk on every adapter; once is enough.
                if count > 1000 && shape != [7] {
                    continue;
                }
                let what = format!("{shape} along {dim}, {count}");
                let at = shape.iter().map(|&s| s - cut.min(s / 2)).collect();
                let at = resized(&at, d, count);
                let each = array(&dice.ints(at.numel(), lines.n), &at);
                let src = scale(dice.floats(at.numel(), false));
                let expected = bits(&scatter_add(&x, dim, &each, &array(&src, &at)).expect("adds"));
                for src in [array(&src, &at), scrambled(&src, &at)] {
                    let y = scatter_add(&there(&x), dim, &there(&each), &there(&src));
                    assert_eq!(bits(&y.expect("adds")), expected, "{what}");
                }
                let slices = resized(&shape, d, count);
                let src = there(&array(&scale(dice.floats(slices.numel(), false)), &slices));
                let rows = array(&dice.ints(count, lines.n), &[count].into());
                let rows = rows.cast(if count == 5 { DType::U8 } else { DType::I32 });
                let rows = rows.expect("casts");
                let here = src.to(&gradus_tensor::Device::cpu()).expect("reads");
                let expected = bits(&index_add(&x, dim, &rows, &here).expect("adds"));
                let y = index_add(&there(&x), dim, &rows, &src).expect("adds");
                assert_eq!(bits(&y), expected, "{what}");
                if slices.numel() == 0 {
                    continue;
                }
                let g = ScatterGeometry {
                    src: Lines { n: count, ..lines },
                    size: lines.n,
                    index: [0, 1, 0],
                };
                let (index, src) = (there(&rows).dense().expect("dense"), src.dense());
                let operands = (&there(&x), &index, &src.expect("dense"));
                let y = run("index_add", gpu, &g, operands, Way::Segments).expect("adds");
                assert_eq!(bits(&Value::from(y)), expected, "{what}");
            }
        }
    }

    #[test]
    fn segments_serve_scatter_add_and_drop_what_is_out_of_range() {
        let Some(device) = gpu() else { return };
        let Some(gpu) = device.as_gpu() else { return };
        let there = |v: &Value| v.to(&device).expect("uploads");
        let mut dice = Dice(26);
        let shape = [3, 70, 5].into();
        let src = array(&dice.floats(3 * 70 * 5, false), &shape);
        let index = array(&dice.ints(3 * 70 * 5, 9), &shape);
        let x = array(&dice.floats(3 * 9 * 5, false), &[3, 9, 5].into());
        let expected = bits(&scatter_add(&x, 1, &index, &src).expect("adds"));
        let lines = Lines { outer: 3, n: 70, inner: 5 };
        let g = ScatterGeometry { src: lines, size: 9, index: [350, 5, 1] };
        let dense = |v: &Value| there(v).dense().expect("dense");
        let operands = (&there(&x), &dense(&index), &dense(&src));
        let y = run("scatter_add", gpu, &g, operands, Way::Segments).expect("adds");
        assert_eq!(bits(&Value::from(y)), expected);

        let (x, src) = (array(&[1i32, 2], &[2].into()), array(&[10i32, 20, 30], &[3].into()));
        let index = dense(&array(&[-1i32, 1, 2], &[3].into()));
        let lines = Lines { outer: 1, n: 3, inner: 1 };
        let g = ScatterGeometry { src: lines, size: 2, index: [0, 1, 0] };
        for way in [Way::Columns, Way::Segments] {
            let operands = (&there(&x), &index, &dense(&src));
            let y = run("index_add", gpu, &g, operands, way).expect("adds");
            assert_eq!(values::<i32>(&Value::from(y)), [1, 22]);
        }
        let zero = Value::constant(0.0, [2], DType::F32, &device);
        let rows = there(&array(&[1i32, 1], &[2].into()));
        for _ in 0..2 {
            // The constant is not what is written to.
            let ones = Value::constant(1.0, [2], DType::F32, &device);
            let y = index_add(&zero, 0, &rows, &ones).expect("adds");
            assert_eq!(values::<f32>(&y), [0.0, 2.0]);
        }
        let bytes = there(&array(&[1u8, 2], &[2].into()));
        let one = there(&array(&[0i32, 1], &[2].into()));
        let error = index_add(&bytes, 0, &one, &bytes).expect_err("no bytes").to_string();
        let expected = "index_add: uint8 addition is not supported on a GPU; cast to int32";
        assert_eq!(error, expected);
    }
}
