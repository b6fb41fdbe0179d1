//! Precision, recall and F1: scores of right and wrong positives, averaged over classes.

use gradus_autodiff::{Tensor, cat};
use gradus_tensor::{Error, Problem, Result};

use super::mean::{alike, column, divide, labels};
use super::metric::{Direction, Metric};

/// How the scores of classes become one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Average {
    /// The score of all decisions counted together.
    Micro,
    /// The plain mean over classes.
    #[default]
    Macro,
    /// The mean over classes, weighted by how often each is the target.
    Weighted,
}

/// A threshold for probabilities unless another is chosen.
const HALF: f64 = 0.5;

/// What a batch adds for every class: right positives, predicted positives, actual positives.
fn count(
    op: &'static str,
    threshold: Option<f64>,
    (y, t): (&Tensor, &Tensor),
    weight: Option<&Tensor>,
) -> Result<Tensor> {
    let (predicted, actual) = decisions(op, threshold, y, t)?;
    let rows = Tensor::full([predicted.shape()[0]], 1.0, predicted.dtype(), &predicted.device());
    let weighted = |positives: &Tensor| match weight {
        Some(weight) => positives.mul(&column(&rows, weight)?.unsqueeze(1)?)?.sum(&[0], false),
        None => positives.sum(&[0], false),
    };
    let right = weighted(&predicted.mul(&actual)?)?;
    cat(&[&right, &weighted(&predicted)?, &weighted(&actual)?], 0)
}

/// Predicted and actual classes as zeros and ones `[N, C]`.
fn decisions(
    op: &'static str,
    threshold: Option<f64>,
    y: &Tensor,
    t: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let (sy, st) = (y.shape(), t.shape());
    let classes = if sy.rank() > 1 { sy[1] } else { 1 };
    if classes == 1 {
        let (y, t) = alike(op, y, t)?;
        let y = y.gt(threshold.unwrap_or(HALF))?.float()?;
        return Ok((y.reshape(&[-1, 1])?, t.reshape(&[-1, 1])?));
    }
    if sy.rank() != 2 {
        let rule = "scores are [N] or [N, C]; reshape predictions of more dimensions";
        return Err(Error::shape(op, Problem::Rule { rule }, &[("prediction", &sy)]));
    }
    if sy == st {
        let y = match threshold {
            Some(threshold) => y.gt(threshold)?.float()?,
            None => y.argmax(Some(1), false)?.one_hot(classes)?,
        };
        return Ok((y, t.float()?));
    }
    let t = labels(op, y, t)?;
    Ok((y.argmax(Some(1), false)?.one_hot(classes)?, t.one_hot(classes)?))
}

/// The counts of every class: right positives, predicted, actual.
fn classes(sums: &[f64]) -> impl Iterator<Item = [f64; 3]> + '_ {
    let n = sums.len() / 3;
    (0..n).map(move |c| [sums[c], sums[n + c], sums[2 * n + c]])
}

fn average(sums: &[f64], average: Average, score: fn([f64; 3]) -> f64) -> f64 {
    let n = sums.len() as f64 / 3.0;
    match average {
        Average::Micro => {
            let total =
                classes(sums).fold([0.0; 3], |a, c| [a[0] + c[0], a[1] + c[1], a[2] + c[2]]);
            score(total)
        }
        Average::Macro => divide(classes(sums).map(score).sum(), n),
        Average::Weighted => {
            let support: f64 = classes(sums).map(|c| c[2]).sum();
            divide(classes(sums).map(|c| score(c) * c[2]).sum(), support)
        }
    }
}

macro_rules! counted {
    ($($(#[doc = $doc:expr])* $name:ident $text:literal, $threshold:expr, $average:ident,
        |$right:ident, $predicted:ident, $actual:ident| $score:expr;)*) => {$(
        $(#[doc = $doc])*
        ///
        /// *Shapes*: a single column `[N]` or `[N, 1]` of probabilities with targets 0 and 1;
        /// `[N, C]` with targets of that shape, of which any number may be 1; or `[N, C]` with
        /// class indices `[N]`. Where nothing can be divided, a score is 0.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name {
            /// Predictions above it count as positive; without it, the largest of a row does. A
            /// single column always has one, 0.5 unless chosen; class indices never have one.
            pub threshold: Option<f64>,
            /// How the scores of classes become one number.
            pub average: Average,
            /// Only this class counts.
            pub class_id: Option<usize>,
        }

        impl Default for $name {
            fn default() -> Self {
                $name { threshold: $threshold, average: Average::$average, class_id: None }
            }
        }

        impl $name {
            /// The score of every class, from [`Running::sums`](crate::Running::sums).
            pub fn per_class(&self, sums: &[f64]) -> Vec<f64> {
                classes(sums).map(Self::score).collect()
            }

            fn score([$right, $predicted, $actual]: [f64; 3]) -> f64 {
                $score
            }
        }

        impl Metric for $name {
            fn name(&self) -> &str {
                $text
            }

            fn direction(&self) -> Direction {
                Direction::Rises
            }

            fn terms(&self, y: &Tensor, t: &Tensor, weight: Option<&Tensor>) -> Result<Tensor> {
                count($text, self.threshold, (y, t), weight)
            }

            fn value(&self, sums: &[f64]) -> Result<f64> {
                match self.class_id {
                    None => Ok(average(sums, self.average, Self::score)),
                    Some(id) => self.per_class(sums).get(id).copied().ok_or_else(|| {
                        Error::argument($text, "class_id", id, "a class of the predictions")
                    }),
                }
            }
        }
    )*};
}
counted! {
    #[doc = "The share of predicted positives that are right. Keras: `Precision`."]
    #[doc = ""]
    #[doc = "```"]
    #[doc = "use gradus_autodiff::Tensor;"]
    #[doc = "use gradus_train::{Precision, Running};"]
    #[doc = "let mut precision = Running::new(Precision::default());"]
    #[doc = "let y = Tensor::from_vec(vec![0.0f32, 1.0, 1.0, 1.0], [4])?;"]
    #[doc = "precision.update(&y, &Tensor::from_vec(vec![0i32, 1, 1, 0], [4])?, None)?;"]
    #[doc = "assert_eq!(precision.result()?, 2.0 / 3.0);"]
    #[doc = "# Ok::<(), gradus_autodiff::Error>(())"]
    #[doc = "```"]
    Precision "precision", Some(HALF), Micro, |right, predicted, _actual| divide(right, predicted);

    #[doc = "The share of actual positives that are found. Keras: `Recall`."]
    Recall "recall", Some(HALF), Micro, |right, _predicted, actual| divide(right, actual);

    #[doc = "The harmonic mean of precision and recall. Keras: `F1Score`, whose default is the"]
    #[doc = "list of all classes: [`F1Score::per_class`]."]
    F1Score "f1_score", None, Macro,
    |right, predicted, actual| divide(2.0 * right, predicted + actual);
}
