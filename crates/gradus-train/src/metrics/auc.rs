//! The area under a curve of decisions, approximated at fixed thresholds.

use gradus_autodiff::{Tensor, cat, where_};
use gradus_tensor::{DType, Error, Result};

use super::mean::{alike, column, divide};
use super::metric::{Direction, Metric};

/// Which curve an [`Auc`] measures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Curve {
    /// True positives against false positives.
    #[default]
    Roc,
    /// Precision against recall, interpolated as Davis & Goadrich (ICML 2006) do.
    Pr,
}

/// The area under the ROC or precision–recall curve of probabilities `[N]` or `[N, 1]`. Keras:
/// `AUC`; several columns with targets of their shape count as one list, as there.
///
/// The curve is binned, as in Keras: 200 thresholds spread evenly, so the value is within about
/// 1/200 of the exact area unless predictions crowd together.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_train::{Auc, Running};
/// let mut auc = Running::new(Auc::default());
/// let y = Tensor::from_vec(vec![0.1f32, 0.4, 0.35, 0.8], [4])?;
/// auc.update(&y, &Tensor::from_vec(vec![0i32, 0, 1, 1], [4])?, None)?;
/// assert!((auc.result()? - 0.75).abs() < 1e-6);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auc {
    /// Number of thresholds, at least 2.
    pub num_thresholds: usize,
    /// Which curve.
    pub curve: Curve,
    /// Whether predictions are logits, which the logistic function then makes probabilities.
    pub from_logits: bool,
}

impl Default for Auc {
    fn default() -> Self {
        Auc { num_thresholds: 200, curve: Curve::Roc, from_logits: false }
    }
}

impl Metric for Auc {
    fn name(&self) -> &str {
        "auc"
    }

    fn direction(&self) -> Direction {
        Direction::Rises
    }

    /// For targets 1 and 0 the weight in every bucket between two thresholds, then the number of
    /// predictions that are no probabilities.
    fn terms(&self, y: &Tensor, t: &Tensor, weight: Option<&Tensor>) -> Result<Tensor> {
        let n = self.num_thresholds;
        if n < 2 {
            return Err(Error::argument("auc", "num_thresholds", n, "at least 2"));
        }
        let (y, t) = alike("auc", y, t)?;
        let y = if self.from_logits { y.sigmoid()? } else { y };
        let weight = match weight {
            None => Tensor::full(y.shape(), 1.0, y.dtype(), &y.device()),
            Some(weight) => {
                let rows = Tensor::full([y.shape()[0]], 1.0, y.dtype(), &y.device());
                let mut wide = vec![1i64; y.rank()];
                wide[0] = -1;
                let ones = Tensor::full(y.shape(), 1.0, y.dtype(), &y.device());
                ones.mul(&column(&rows, weight)?.reshape(&wide)?)?
            }
        };
        let (y, t, weight) = (y.reshape(&[-1])?, t.reshape(&[-1])?, weight.reshape(&[-1])?);
        let valid = y.ge(0.0)?.logical_and(&y.le(1.0)?)?;
        let y = where_(&valid, &y, 0.0)?;
        // Bucket b holds what lies above threshold b and not above threshold b + 1.
        let bucket = y.mul((n - 1) as f64)?.ceil()?.sub(1.0)?.clamp_min(0.0)?;
        let bucket = bucket.to_dtype(DType::I32)?;
        let none = Tensor::full([n - 1], 0.0, weight.dtype(), &weight.device());
        let right = none.scatter_add(0, &bucket, &t.mul(&weight)?)?;
        let wrong = none.scatter_add(0, &bucket, &t.neg()?.add(1.0)?.mul(&weight)?)?;
        let invalid = valid.logical_not()?.float()?.sum_all()?.reshape(&[1])?;
        cat(&[&right, &wrong, &invalid], 0)
    }

    fn value(&self, sums: &[f64]) -> Result<f64> {
        let (buckets, invalid) = (&sums[..sums.len() - 1], sums[sums.len() - 1]);
        if invalid > 0.0 {
            let value = format!("{invalid} numbers outside 0..=1");
            let expected = "probabilities; with logits set `from_logits`";
            return Err(Error::argument("auc", "prediction", value, expected));
        }
        // How many positives and negatives lie above each threshold; none above the last.
        let above = |buckets: &[f64]| {
            let mut above = vec![0.0; buckets.len() + 1];
            for i in (0..buckets.len()).rev() {
                above[i] = above[i + 1] + buckets[i];
            }
            above
        };
        let (right, wrong) = buckets.split_at(buckets.len() / 2);
        let (right, wrong) = (above(right), above(wrong));
        Ok(match self.curve {
            Curve::Roc => roc(&right, &wrong),
            Curve::Pr => precision_recall(&right, &wrong),
        })
    }
}

/// The trapezoids under the curve.
fn roc(right: &[f64], wrong: &[f64]) -> f64 {
    let found = |i: usize| divide(right[i], right[0]);
    let alarm = |i: usize| divide(wrong[i], wrong[0]);
    (1..right.len()).map(|i| (alarm(i - 1) - alarm(i)) * (found(i - 1) + found(i)) / 2.0).sum()
}

/// Keras' `interpolate_pr_auc`: between thresholds, false positives grow linearly with true ones.
fn precision_recall(right: &[f64], wrong: &[f64]) -> f64 {
    let predicted = |i: usize| right[i] + wrong[i];
    let area = (1..right.len()).map(|i| {
        let gain = right[i - 1] - right[i];
        let slope = divide(gain, (predicted(i - 1) - predicted(i)).max(0.0));
        let intercept = right[i] - slope * predicted(i);
        let ratio = if predicted(i - 1) > 0.0 && predicted(i) > 0.0 {
            divide(predicted(i - 1), predicted(i))
        } else {
            1.0
        };
        divide(slope * (gain + intercept * ratio.ln()), right[0])
    });
    area.sum()
}
