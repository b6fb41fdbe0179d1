//! Cross-entropy against its definition in f64.

use gradus_tensor::Shape;

use super::*;
use crate::ops::lines::checks::{Dice, array, assert_close, scrambled, values};

/// One row by the definition: loss, gradient, weight.
fn naive(x: &[f64], t: i64, w: &[f64], eps: f64, ignore: Option<i64>) -> (f64, Vec<f64>, f64) {
    if Some(t) == ignore {
        return (0.0, vec![0.0; x.len()], 0.0);
    }
    let (t, c) = (t as usize, x.len() as f64);
    let top = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = x.iter().map(|x| (x - top).exp()).sum();
    let log_p: Vec<f64> = x.iter().map(|x| x - top - sum.ln()).collect();
    // The target as weighted probabilities.
    let q: Vec<f64> =
        (0..x.len()).map(|i| w[i] * (eps / c + if i == t { 1.0 - eps } else { 0.0 })).collect();
    let loss = -q.iter().zip(&log_p).map(|(q, l)| if *q == 0.0 { 0.0 } else { q * l }).sum::<f64>();
    let all: f64 = q.iter().sum();
    let grad = log_p.iter().zip(&q).map(|(l, q)| l.exp() * all - q).collect();
    (loss, grad, w[t])
}

fn case(shape: &[usize], dim: usize, eps: f64, weighted: bool, ignore: Option<i64>) {
    let shape = Shape::from(shape);
    let lines = Lines::at(&shape, dim);
    let mut dice = Dice(shape.numel() as u64 + eps.to_bits());
    let x = dice.floats(shape.numel(), false);
    let labels = shape.without(dim);
    let t = dice.ints(labels.numel(), lines.n);
    let w: Vec<f32> = (0..lines.n).map(|i| if weighted { 0.5 + i as f32 } else { 1.0 }).collect();
    let wide: Vec<f64> = w.iter().map(|&w| w.into()).collect();
    let (mut loss, mut grad, mut sums) = (vec![], vec![0.0; x.len()], vec![]);
    for (line, &label) in t.iter().enumerate() {
        let base = line / lines.inner * lines.n * lines.inner + line % lines.inner;
        let row: Vec<f64> = (0..lines.n).map(|i| x[base + i * lines.inner].into()).collect();
        let (l, g, s) = naive(&row, label.into(), &wide, eps, ignore);
        loss.push(l);
        sums.push(s);
        for (i, g) in g.into_iter().enumerate() {
            grad[base + i * lines.inner] = g;
        }
    }
    let weight = weighted.then(|| array(&w, &[lines.n].into()));
    let target = array(&t, &labels);
    for logits in [array(&x, &shape), scrambled(&x, &shape)] {
        let ce = softmax_cross_entropy(&logits, &target, dim as i64, weight.as_ref(), eps, ignore)
            .expect("computes");
        let what = format!("{shape}, dim {dim}, smoothing {eps}, {weighted}, {ignore:?}");
        assert_eq!((ce.loss.shape(), ce.dlogits.shape()), (&labels, &shape));
        assert_close(&values(&ce.loss), &loss, 2e-6, &what);
        assert_close(&values(&ce.dlogits), &grad, 2e-6, &what);
        assert_close(&values(&ce.weight_sum), &sums, 0.0, &what);
    }
}

#[test]
fn matches_the_definition() {
    let shapes: [(&[usize], usize); 9] = [
        (&[5], 0),
        (&[1, 1], 1),
        (&[7, 10], 1),
        (&[0, 10], 1),
        (&[67, 131], 1),
        (&[3, 5, 7], 1),
        (&[3, 5, 7], 2),
        (&[2, 11, 3, 67], 1),
        (&[4, 0], 0),
    ];
    for (shape, dim) in shapes {
        for eps in [0.0, 0.1, 1.0] {
            for weighted in [false, true] {
                for ignore in [None, Some(-100), Some(0)] {
                    case(shape, dim, eps, weighted, ignore);
                }
            }
        }
    }
}

#[test]
fn infinite_logits_and_ignored_nan_rows() {
    let x = [0.0f32, f32::NEG_INFINITY, 0.0, f32::NAN, 1.0, 2.0, 1e30, 0.0, -1e30];
    let x = array(&x, &[3, 3].into());
    let t = array(&[0i64, -100, 0], &[3].into());
    let ce = softmax_cross_entropy(&x, &t, 1, None, 0.0, Some(-100)).expect("computes");
    assert_eq!(values::<f32>(&ce.loss), [2f32.ln(), 0.0, 0.0]);
    let expected = [-0.5, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(values::<f32>(&ce.dlogits), expected);
    assert_eq!(values::<f32>(&ce.weight_sum), [1.0, 0.0, 1.0]);
}

#[test]
fn every_target_type_and_float_type() {
    let x = array(&[0.0f64, 1.0, 2.0, 3.0], &[2, 2].into());
    let rows = [2].into();
    for t in [array(&[1i32, 0], &rows), array(&[1u32, 0], &rows), array(&[1u8, 0], &rows)] {
        let ce = softmax_cross_entropy(&x, &t, -1, None, 0.0, Some(-100)).expect("computes");
        let log = 1f64.exp().ln_1p();
        let loss = values::<f64>(&ce.loss);
        assert!((loss[0] - (log - 1.0)).abs() < 1e-15 && (loss[1] - log).abs() < 1e-15);
    }
}

fn message(x: &Value, t: &Value, w: Option<&Value>, eps: f64) -> String {
    let error = softmax_cross_entropy(x, t, 1, w, eps, Some(-100)).expect_err("a mistake");
    error.to_string()
}

#[test]
fn mistakes_are_named() {
    let x = array(&[0.0f32; 6], &[2, 3].into());
    let t = array(&[0i32, 1], &[2].into());
    let three = array(&[0i32; 3], &[3].into());
    assert_eq!(
        message(&x, &three, None, 0.0),
        "cross_entropy: target must have the logits' shape without the class dimension; \
         logits [2, 3], target [3]"
    );
    let w = array(&[1.0f32; 2], &[2].into());
    assert_eq!(
        message(&x, &t, Some(&w), 0.0),
        "cross_entropy: weight must be a vector with one weight a class; \
         logits [2, 3], target [2], weight [2]"
    );
    assert_eq!(
        message(&x, &t, Some(&t), 0.0),
        "cross_entropy: got int32 and float32, expected weights of the logits' type"
    );
    assert_eq!(
        message(&x, &w, None, 0.0),
        "cross_entropy: got float32, expected class indices of an integer type; for \
         probabilities or one-hot rows pass a float tensor of the logits' shape"
    );
    assert_eq!(
        message(&x, &t, None, 1.5),
        "cross_entropy: label_smoothing is 1.5, expected a number in 0..=1"
    );
    for (label, number) in [(3i32, "3"), (-1, "-1")] {
        let t = array(&[0, label], &[2].into());
        let expected = format!("cross_entropy: index {number} at position 1 is outside 0..3");
        assert_eq!(message(&x, &t, None, 0.0), expected);
    }
}
