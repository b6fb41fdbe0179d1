//! Transforms that mix the samples of a batch with one another, and their labels in proportion.

use gradus_kernels::{Binary, Compare, Value, index_select};
use gradus_tensor::{Array, DType, Error, Kind, Operand, Problem, Result, Shape};

use super::dice::Dice;
use super::picture::Batch;
use crate::{SampleKey, Transform};

/// Every image blended with the one before it in the batch, and its label as much.
///
/// Labels come as classes `[N]`, or as probabilities `[N, K]`; they leave as probabilities. The
/// part is drawn once a batch, from the key of its first sample, as torchvision draws it: what
/// becomes of a sample does depend on the batch it is in.
///
/// Source: Zhang et al., "mixup: Beyond empirical risk minimization", arXiv:1710.09412.
///
/// ```
/// use gradus_data::vision::MixUp;
/// use gradus_data::{SampleKey, Transform};
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![0.0f32, 1.0], [2, 1, 1, 1])?;
/// let y = Array::from_vec(vec![0i32, 1], [2])?;
/// let keys = [SampleKey::new(3, 0, 0), SampleKey::new(3, 0, 1)];
/// let columns = MixUp::new(2).apply(vec![x, y], &keys)?;
/// let (x, y) = (columns[0].to_vec::<f32>()?, columns[1].to_vec::<f32>()?);
/// assert_eq!(x, [y[1], y[3]]); // the share of class 1 is that of the image with ones
/// assert!((x[0] + x[1] - 1.0).abs() < 1e-6);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MixUp {
    num_classes: usize,
    alpha: f64,
}

/// A box of every image replaced by that of the one before it in the batch; labels as [`MixUp`]'s,
/// by the area.
///
/// Source: Yun et al., "CutMix: Regularization strategy to train strong classifiers with
/// localizable features", arXiv:1905.04899.
#[derive(Clone, Debug)]
pub struct CutMix {
    num_classes: usize,
    alpha: f64,
}

macro_rules! mixers {
    ($($name:ident, $op:literal, $mix:ident;)*) => {$(
        impl $name {
            /// For this many classes, with alpha 1.
            pub fn new(num_classes: usize) -> Self {
                $name { num_classes, alpha: 1.0 }
            }

            /// The beta distribution's parameter.
            #[must_use]
            pub fn alpha(self, alpha: f64) -> Self {
                $name { alpha, ..self }
            }
        }

        impl Transform for $name {
            fn apply(&self, columns: Vec<Array>, keys: &[SampleKey]) -> Result<Vec<Array>> {
                mixed($op, columns, keys, [self.num_classes as f64, self.alpha], $mix)
            }
        }
    )*};
}
mixers! {
    MixUp, "mix_up", blended;
    CutMix, "cut_mix", cut;
}

/// The mixed images and the share that each keeps.
type Mix = fn(&Value, &Value, &Batch, f64, &mut Dice) -> Result<(Value, f64)>;

fn mixed(
    op: &'static str,
    mut columns: Vec<Array>,
    keys: &[SampleKey],
    [classes, alpha]: [f64; 2],
    mix: Mix,
) -> Result<Vec<Array>> {
    if !(alpha > 0.0 && alpha.is_finite()) {
        return Err(Error::argument(op, "alpha", alpha, "above 0"));
    }
    let [x, y, ..] = &mut columns[..] else {
        return Err(Error::argument(op, "number of columns", columns.len(), "images and labels"));
    };
    let batch = Batch::of(op, x)?;
    let n = batch.count;
    if !batch.many || n != keys.len() || y.shape().dims().first() != Some(&n) {
        let rule = "images [N, C, H, W], labels [N, ..] and the keys must be equally many";
        let operands = vec![Operand::new("x", x.shape()), Operand::new("y", y.shape())];
        return Err(Kind::Shape { op, problem: Problem::Rule { rule }, operands }.into());
    }
    let Some(key) = keys.first() else { return Ok(columns) };
    let mut dice = Dice::new(key);
    let share = dice.beta(alpha);
    let before: Vec<i32> = (0..n).map(|i| ((i + n - 1) % n) as i32).collect();
    let before = Value::from(Array::from_slice(&before, n)?);
    let rolled = |v: &Value| index_select(v, 0, &before);
    let images = Value::from(&*x);
    let (images, share) = mix(&images, &rolled(&images)?, &batch, share, &mut dice)?;
    let labels = probabilities(op, y, classes as usize)?;
    let labels = weighed(&labels, &rolled(&labels)?, share)?;
    (*x, *y) = (images.cast(batch.dtype)?.array()?, labels.array()?);
    Ok(columns)
}

/// `share · a + (1 - share) · b` in float32.
fn weighed(a: &Value, b: &Value, share: f64) -> Result<Value> {
    let number = |v: f64| {
        let ones = Shape::new(&vec![1; a.shape().rank()]);
        Value::constant(v, ones, DType::F32, a.device())
    };
    let part = |v: &Value, share: f64| Value::binary(Binary::mul, v, &number(share));
    Value::binary(Binary::add, &part(b, 1.0 - share)?, &part(a, share)?)
}

fn blended(a: &Value, b: &Value, _: &Batch, share: f64, _: &mut Dice) -> Result<(Value, f64)> {
    Ok((weighed(a, b, share)?, share))
}

fn cut(a: &Value, b: &Value, batch: &Batch, share: f64, dice: &mut Dice) -> Result<(Value, f64)> {
    let (h, w) = (batch.size.height, batch.size.width);
    let middle = [dice.below(w), dice.below(h)];
    let half = 0.5 * (1.0 - share).sqrt();
    let ends = [(middle[0], w), (middle[1], h)].map(|(middle, side)| {
        let half = (half * side as f64) as usize;
        (middle.saturating_sub(half), (middle + half).min(side))
    });
    let shape = Shape::new(&[1, 1, h, w]);
    let mut inside: Option<Value> = None;
    for (dim, (start, end)) in [(3, ends[0]), (2, ends[1])] {
        let at = Value::index(shape.clone(), dim, DType::F32, a.device())?;
        let number =
            |v: usize| Value::constant(v as f64 - 0.5, [1, 1, 1, 1], DType::F32, a.device());
        let low = Value::compare(Compare::gt, &at, &number(start))?;
        let high = Value::compare(Compare::lt, &at, &number(end))?;
        let both = Value::and(&low, &high)?;
        inside = Some(match inside {
            Some(inside) => Value::and(&inside, &both)?,
            None => both,
        });
    }
    let area = (ends[0].1 - ends[0].0) * (ends[1].1 - ends[1].0);
    let images = match inside {
        Some(inside) => Value::select(&inside, b, a)?,
        None => a.clone(),
    };
    Ok((images, 1.0 - area as f64 / (h * w).max(1) as f64))
}

/// Labels as probabilities of classes.
fn probabilities(op: &'static str, y: &Array, classes: usize) -> Result<Value> {
    let labels = Value::from(y);
    match y.shape().dims() {
        [_] if y.dtype().is_float() => {
            let expected = "integers for classes, or probabilities [N, K]";
            Err(Kind::DType { op, got: vec![y.dtype()], expected }.into())
        }
        &[n] => {
            let own = Value::index([1, classes], 1, DType::I32, labels.device())?;
            let labels = labels.cast(DType::I32)?.reshape(&[n as i64, 1])?;
            Value::compare(Compare::eq, &labels, &own)?.cast(DType::F32)
        }
        &[_, k] if k == classes => labels.cast(DType::F32),
        &[_, got] => {
            let problem =
                Problem::Size { name: "y", got, unit: "classes", other: op, expected: classes };
            Err(Error::shape(op, problem, &[("y", y.shape())]))
        }
        _ => {
            let got = y.shape().rank();
            let problem = Problem::Rank { name: "y", got, expected: "1 or 2" };
            Err(Error::shape(op, problem, &[("y", y.shape())]))
        }
    }
}
