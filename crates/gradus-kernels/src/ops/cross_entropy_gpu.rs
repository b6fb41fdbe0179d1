//! The launch of cross-entropy.

use std::sync::Arc;

use gradus_tensor::gpu::Gpu;
use gradus_tensor::{Array, DType, Result, Shape};

use super::cross_entropy::{CrossEntropy, Job};
use super::lines::Lines;
use super::lines_gpu::{NAN, Split, bytes, fresh, memory, run as launch, start};
use crate::expr::Value;
use crate::gpu::Grid;

const OP: &str = "cross_entropy";

/// Most classes of rows that one invocation walks in [`How::Whole`].
const SHORT: usize = 256;
/// Most logits of one workgroup.
const FEW: usize = 1 << 15;
/// Invocations of that workgroup; a software adapter is slow at barriers.
const WHOLE: [u32; 2] = [256, 32];

/// Which form of the kernel.
#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    /// The loss of each row.
    Rows(Split),
    /// The mean of all rows, by one workgroup.
    Whole,
}

/// Whether one workgroup is enough for all rows.
pub(super) fn is_whole(lines: Lines) -> bool {
    lines.n <= SHORT && lines.numel() <= FEW
}

/// Cross-entropy of dense operands with elements, all on this GPU.
///
/// # Errors
/// What compiling and recording can report.
pub(super) fn run(
    gpu: &Arc<Gpu>,
    job: &Job,
    logits: &Array,
    target: &Array,
    weight: Option<&Array>,
    how: How,
) -> Result<CrossEntropy> {
    let lines = job.lines;
    let mean = Shape::from(());
    let losses = if let How::Rows(_) = how { target.shape() } else { &mean };
    let loss = fresh(gpu, losses, DType::F32)?;
    let counted = fresh(gpu, target.shape(), DType::F32)?;
    let dlogits = fresh(gpu, logits.shape(), DType::F32)?;
    let spread = (job.smoothing / lines.n as f64) as f32;
    let params = [
        start(logits),
        start(target),
        weight.map_or(0, start),
        lines.count() as u32,
        lines.n as u32,
        lines.inner as u32,
        u32::from(job.ignore.is_some()),
        job.ignore.unwrap_or(0),
        ((1.0 - job.smoothing) as f32).to_bits(),
        spread.to_bits(),
        NAN,
    ];
    let size = WHOLE[usize::from(gpu.profile().software)];
    let ([wg, group], grid) = match how {
        How::Rows(split) => (split.tune(), split.grid(lines.count())),
        How::Whole => ([("WG", size), ("GROUP", 1)], Grid::Threads(size.into())),
    };
    let tune = [
        wg,
        group,
        ("WHOLE", u32::from(matches!(how, How::Whole))),
        ("WEIGHTED", u32::from(weight.is_some())),
        ("SMOOTH", u32::from(spread != 0.0)),
        ("BYTES", bytes(target.dtype())),
    ];
    // Without weights the binding is filled with what is read anyway.
    let buffers = [
        memory(OP, logits)?,
        memory(OP, target)?,
        memory(OP, weight.unwrap_or(logits))?,
        memory(OP, &loss)?,
        memory(OP, &counted)?,
        memory(OP, &dlogits)?,
    ];
    launch(gpu, OP, &tune, &buffers, &params, grid)?;
    let [loss, weight_sum, dlogits] = [loss, counted, dlogits].map(Value::from);
    Ok(CrossEntropy { loss, dlogits, weight_sum })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::lines::checks::{Dice, array, assert_close, scrambled, values};
    use crate::ops::lines_gpu::checks::gpu;
    use crate::{mean_cross_entropy, softmax_cross_entropy};

    fn check(got: &CrossEntropy, expected: &CrossEntropy, what: &str) {
        let pairs = [
            (&got.loss, &expected.loss),
            (&got.dlogits, &expected.dlogits),
            (&got.weight_sum, &expected.weight_sum),
        ];
        for (got, expected) in pairs {
            assert_eq!(got.shape(), expected.shape());
            let expected: Vec<f64> = values::<f32>(expected).into_iter().map(f64::from).collect();
            assert_close(&values(got), &expected, 8e-6, what);
        }
    }

    #[test]
    fn both_variants_match_the_cpu() {
        let Some(device) = gpu() else { return };
        let Some(gpu) = device.as_gpu() else { return };
        let mut dice = Dice(22);
        let shapes: [(&[usize], usize); 10] = [
            (&[5], 0),
            (&[1, 1], 1),
            (&[7, 10], 1),
            (&[0, 10], 1),
            (&[37, 131], 1),
            (&[3, 300], 1),
            (&[2, 40_000], 1),
            (&[3, 5, 7], 1),
            (&[2, 11, 3, 67], 1),
            (&[4, 0], 0),
        ];
        let options = [
            (false, 0.0, None),
            (true, 0.0, Some(-100)),
            (false, 0.1, Some(1)),
            (true, 0.3, Some(0)),
        ];
        for (shape, dim) in shapes {
            let shape = Shape::from(shape);
            let lines = Lines::at(&shape, dim);
            let labels = shape.without(dim);
            for (weighted, smoothing, ignore) in options {
                let data = dice.floats(shape.numel(), false);
                let t = array(&dice.ints(labels.numel(), lines.n.min(200)), &labels);
                let t = if weighted { t.cast(DType::U8).expect("casts") } else { t };
                let w = array(&dice.floats(lines.n, false), &[lines.n].into());
                let w = weighted.then_some(&w);
                let x = array(&data, &shape);
                let d = dim as i64;
                let expected =
                    softmax_cross_entropy(&x, &t, d, w, smoothing, ignore).expect("computes");
                let what = format!("{shape} {dim}, weighted {weighted}, {smoothing}, {ignore:?}");
                let there = |v: &Value| v.to(&device).expect("uploads");
                let (far_t, far_w) = (there(&t), w.map(there));
                for x in [x, scrambled(&data, &shape)] {
                    for t in [&t, &far_t] {
                        let (x, w) = (there(&x), far_w.as_ref());
                        let got = softmax_cross_entropy(&x, t, d, w, smoothing, ignore);
                        check(&got.expect("computes"), &expected, &what);
                    }
                }
                if lines.count() > 0 {
                    let ignore = ignore.and_then(|i| crate::ops::index::word(t.dtype(), i));
                    let job = Job { lines, smoothing, ignore };
                    let dense = |v: &Value| v.dense().expect("dense");
                    let x = dense(&there(&array(&data, &shape)));
                    let (t, w) = (dense(&far_t), far_w.as_ref().map(dense));
                    let got = run(gpu, &job, &x, &t, w.as_ref(), How::Rows(Split::Group));
                    check(&got.expect("computes"), &expected, &what);
                }
            }
        }
    }

    #[test]
    fn the_mean_of_few_rows_is_one_launch_and_the_cpus() {
        let Some(device) = gpu() else { return };
        let mut dice = Dice(23);
        let shapes: [(&[usize], usize); 6] = [
            (&[1, 1], 1),
            (&[7, 10], 1),
            (&[131, 37], 1),
            (&[3, 5, 7], 1),
            (&[200, 300], 1),
            (&[9], 0),
        ];
        for (shape, dim) in shapes {
            let shape = Shape::from(shape);
            let lines = Lines::at(&shape, dim);
            let labels = shape.without(dim);
            let x = array(&dice.floats(shape.numel(), false), &shape);
            let t = array(&dice.ints(labels.numel(), lines.n), &labels);
            let w = array(&dice.floats(lines.n, false), &[lines.n].into());
            let w = Value::binary(crate::table::Binary::mul, &w, &w).expect("positive");
            let none = array(&vec![1i32; labels.numel()], &labels);
            for (w, smoothing, ignore, t) in [
                (None, 0.0, None, &t),
                (Some(&w), 0.3, Some(0), &t),
                (Some(&w), 0.0, Some(-100), &t),
                (None, 0.1, Some(1), &none),
            ] {
                let run = |x: &Value, w: Option<&Value>| {
                    mean_cross_entropy(x, t, dim as i64, w, smoothing, ignore).expect("computes")
                };
                let expected = run(&x, w);
                let far_w = w.map(|w| w.to(&device).expect("uploads"));
                let got = run(&x.to(&device).expect("uploads"), far_w.as_ref());
                let what = format!("{shape}, {smoothing}, {ignore:?}");
                assert_eq!(got.loss.shape().rank(), 0, "{what}");
                let (a, b): (Vec<f32>, Vec<f32>) = (values(&got.loss), values(&expected.loss));
                let same = a[0].is_nan() && b[0].is_nan();
                assert!(
                    same || (a[0] - b[0]).abs() <= 8e-6 * (1.0 + b[0].abs()),
                    "{a:?} {b:?} {what}"
                );
                for (got, expected) in
                    [(&got.dlogits, &expected.dlogits), (&got.weight_sum, &expected.weight_sum)]
                {
                    let expected: Vec<f64> =
                        values::<f32>(expected).into_iter().map(f64::from).collect();
                    assert_close(&values(got), &expected, 8e-6, &what);
                }
            }
        }
    }

    #[test]
    fn a_target_that_is_no_class_spoils_its_own_loss_only() {
        let Some(device) = gpu() else { return };
        let x = array(&[0.0f32, 0.0, 0.0, 0.0], &[2, 2].into()).to(&device).expect("uploads");
        let t = array(&[2i32, 1], &[2].into());
        let error = softmax_cross_entropy(&x, &t, 1, None, 0.0, None).expect_err("known here");
        assert_eq!(error.to_string(), "cross_entropy: index 2 at position 0 is outside 0..2");
        let t = t.to(&device).expect("uploads");
        let ce = softmax_cross_entropy(&x, &t, 1, None, 0.0, None).expect("computes");
        let loss: Vec<f32> = values(&ce.loss);
        assert!(loss[0].is_nan() && (loss[1] - 2f32.ln()).abs() < 1e-6, "{loss:?}");
        assert_eq!(values::<f32>(&ce.dlogits), [0.0, 0.0, 0.5, -0.5]);
    }
}
