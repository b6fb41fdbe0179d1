//! Errors of numbers against numbers, and the share of variance explained.

use gradus_autodiff::{Tensor, cat, stack};
use gradus_nn::Loss;
use gradus_tensor::Result;

use super::mean::{alike, column, divide, mean_terms, mean_value, means};
use super::metric::{Direction, Metric};

means! {
    #[doc = "The mean of `|prediction - target|`. Keras: `MeanAbsoluteError`."]
    #[doc = ""]
    #[doc = "```"]
    #[doc = "use gradus_autodiff::Tensor;"]
    #[doc = "use gradus_train::{MeanAbsoluteError, Running};"]
    #[doc = "let mut mae = Running::new(MeanAbsoluteError::default());"]
    #[doc = "let y = Tensor::from_vec(vec![1.0f32, 2.0], [2])?;"]
    #[doc = "mae.update(&y, &Tensor::from_vec(vec![0.0f32, 4.0], [2])?, None)?;"]
    #[doc = "assert_eq!(mae.result()?, 1.5);"]
    #[doc = "# Ok::<(), gradus_autodiff::Error>(())"]
    #[doc = "```"]
    MeanAbsoluteError "mean_absolute_error" Falls {}
    |_this, y, t| difference("mean_absolute_error", y, t)?.abs();
    value sums mean_value(sums);

    #[doc = "The mean of `(prediction - target)²`. Keras: `MeanSquaredError`."]
    MeanSquaredError "mean_squared_error" Falls {}
    |_this, y, t| difference("mean_squared_error", y, t)?.square();
    value sums mean_value(sums);

    #[doc = "The square root of the mean of `(prediction - target)²`. Keras:"]
    #[doc = "`RootMeanSquaredError`."]
    RootMeanSquaredError "root_mean_squared_error" Falls {}
    |_this, y, t| difference("root_mean_squared_error", y, t)?.square();
    value sums mean_value(sums).sqrt();
}

fn difference(op: &'static str, y: &Tensor, t: &Tensor) -> Result<Tensor> {
    let (y, t) = alike(op, y, t)?;
    y.sub(&t)
}

/// The share of the targets' variance that the predictions explain, averaged over outputs. Keras:
/// `R2Score`.
///
/// *Formula*: `1 - Σ w (t - y)² / Σ w (t - t̄)²` for every output; 0 for one whose targets are
/// constant, unless it is predicted exactly.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_train::{R2Score, Running};
/// let mut r2 = Running::new(R2Score::default());
/// let t = Tensor::from_vec(vec![3.0f32, -0.5, 2.0, 7.0], [4])?;
/// r2.update(&Tensor::from_vec(vec![2.5f32, 0.0, 2.0, 8.0], [4])?, &t, None)?;
/// assert!((r2.result()? - 0.948_608).abs() < 1e-6);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct R2Score {
    /// A number near the targets' mean, taken off before squares are added up in float32: targets
    /// far from zero would lose their variance to rounding. The score is the same for any.
    pub offset: f64,
}

impl Metric for R2Score {
    fn name(&self) -> &str {
        "r2_score"
    }

    fn direction(&self) -> Direction {
        Direction::Rises
    }

    fn terms(&self, y: &Tensor, t: &Tensor, weight: Option<&Tensor>) -> Result<Tensor> {
        let (y, t) = alike("r2_score", y, t)?;
        let n = y.shape().first().copied().unwrap_or(1);
        let (y, t) = (y.reshape(&[n as i64, -1])?, t.reshape(&[n as i64, -1])?);
        let ones = Tensor::full([n], 1.0, y.dtype(), &y.device());
        let weight = weight.map_or(Ok(ones.clone()), |weight| column(&ones, weight))?;
        let w = weight.unsqueeze(1)?;
        let shifted = t.sub(self.offset)?;
        let sum = |values: &Tensor| values.mul(&w)?.sum(&[0], false);
        let total = weight.sum_all()?.reshape(&[1])?;
        let parts = [sum(&t.sub(&y)?.square()?)?, sum(&shifted)?, sum(&shifted.square()?)?];
        cat(&[&total, &parts[0], &parts[1], &parts[2]], 0)
    }

    fn value(&self, sums: &[f64]) -> Result<f64> {
        let outputs = (sums.len() - 1) / 3;
        let score = |i: usize| {
            let (residual, sum, squares) =
                (sums[1 + i], sums[1 + outputs + i], sums[1 + 2 * outputs + i]);
            let spread = squares - sum * divide(sum, sums[0]);
            match (residual == 0.0, spread <= 0.0) {
                (true, _) => 1.0,
                (false, true) => 0.0,
                (false, false) => 1.0 - residual / spread,
            }
        };
        Ok(divide((0..outputs).map(score).sum(), outputs as f64))
    }
}

/// The mean of a loss as a metric, for instance the cross-entropy beside a regularised loss.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_nn::HuberLoss;
/// use gradus_train::{LossMetric, Running};
/// let mut huber = Running::new(LossMetric::new("huber", HuberLoss::default()));
/// let y = Tensor::from_vec(vec![1.0f32, 3.0], [2])?;
/// huber.update(&y, &Tensor::from_vec(vec![0.0f32, 0.0], [2])?, None)?;
/// assert_eq!(huber.result()?, (0.5 + 2.5) / 2.0);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
pub struct LossMetric {
    name: String,
    loss: Box<dyn Loss>,
}

impl LossMetric {
    /// The mean of `loss` under a name.
    pub fn new(name: impl Into<String>, loss: impl Loss + 'static) -> Self {
        LossMetric { name: name.into(), loss: Box::new(loss) }
    }
}

impl Metric for LossMetric {
    fn name(&self) -> &str {
        &self.name
    }

    fn direction(&self) -> Direction {
        Direction::Falls
    }

    fn terms(&self, y: &Tensor, t: &Tensor, weight: Option<&Tensor>) -> Result<Tensor> {
        mean_terms(&self.loss.each(y, t)?, weight)
    }

    fn value(&self, sums: &[f64]) -> Result<f64> {
        Ok(mean_value(sums))
    }
}

/// The terms of a mean that is known only as a number for the whole batch.
pub(crate) fn weighted_scalar(mean: &Tensor, samples: f64) -> Result<Tensor> {
    let mean = mean.detach().float()?.reshape(&[])?;
    let count = Tensor::full((), samples, mean.dtype(), &mean.device());
    stack(&[&mean.mul(samples)?, &count], 0)
}
