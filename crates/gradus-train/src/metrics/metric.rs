//! `Metric`: a measure of predictions that is a function of sums over batches.

use gradus_autodiff::{Tensor, no_grad};
use gradus_tensor::Result;

use super::sums::Sums;

/// Whether a number should fall or rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smaller is better: losses and errors.
    Falls,
    /// Larger is better: accuracies.
    Rises,
}

/// A measure of predictions against targets.
///
/// A metric is two pure functions: what a batch adds to a vector of sums, computed where the
/// predictions are, and the value of the sums. [`Running`] does the adding, so nothing is read
/// from the device before somebody asks, and the last batch counts by its size.
///
/// ```
/// use gradus_autodiff::{Result, Tensor};
/// use gradus_train::{Direction, Metric, Running};
///
/// /// The share of predictions above their targets.
/// struct Over;
///
/// impl Metric for Over {
///     fn name(&self) -> &str {
///         "over"
///     }
///     fn direction(&self) -> Direction {
///         Direction::Falls
///     }
///     fn terms(&self, y: &Tensor, t: &Tensor, _: Option<&Tensor>) -> Result<Tensor> {
///         let over = y.gt(t)?.float()?.sum_all()?;
///         gradus_autodiff::stack(&[&over, &Tensor::scalar(y.numel() as f64)], 0)
///     }
///     fn value(&self, sums: &[f64]) -> Result<f64> {
///         Ok(sums[0] / sums[1])
///     }
/// }
///
/// let mut over = Running::new(Over);
/// let t = Tensor::from_vec(vec![0.0f32, 0.0], [2])?;
/// over.update(&Tensor::from_vec(vec![1.0f32, 2.0], [2])?, &t, None)?;
/// over.update(&Tensor::from_vec(vec![1.0f32, -2.0], [2])?, &t, None)?;
/// assert_eq!(over.result()?, 0.75);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
pub trait Metric {
    /// The name in logs.
    fn name(&self) -> &str;

    /// What is better: how a monitor in mode `auto` reads it.
    fn direction(&self) -> Direction;

    /// What a batch adds to the sums: a float vector `[K]` of a length that never changes.
    /// `weight: [N]` counts sample `n` with `weight[n]`.
    ///
    /// # Errors
    /// `Kind::Shape` and `Kind::DType` when prediction and target do not fit together.
    fn terms(
        &self,
        prediction: &Tensor,
        target: &Tensor,
        weight: Option<&Tensor>,
    ) -> Result<Tensor>;

    /// The value of the sums; called with at least one batch in them.
    ///
    /// # Errors
    /// `Kind::Argument` for predictions that the metric has no value for.
    fn value(&self, sums: &[f64]) -> Result<f64>;
}

impl<M: Metric + ?Sized> Metric for Box<M> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn direction(&self) -> Direction {
        (**self).direction()
    }

    fn terms(&self, y: &Tensor, t: &Tensor, weight: Option<&Tensor>) -> Result<Tensor> {
        (**self).terms(y, t, weight)
    }

    fn value(&self, sums: &[f64]) -> Result<f64> {
        (**self).value(sums)
    }
}

/// A metric with the sums of the batches seen so far.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_train::{Accuracy, Running};
/// let scores = Tensor::from_vec(vec![0.9f32, 0.1, 0.2, 0.8], [2, 2])?;
/// let labels = Tensor::from_vec(vec![0i32, 0], [2])?;
/// let mut accuracy = Running::new(Accuracy::default());
/// accuracy.update(&scores, &labels, None)?;
/// assert_eq!(accuracy.result()?, 0.5);
/// accuracy.reset();
/// assert_eq!(accuracy.result()?, 0.0);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Running<M> {
    metric: M,
    sums: Sums,
}

impl<M: Metric> Running<M> {
    /// No batches yet.
    pub fn new(metric: M) -> Self {
        Running { metric, sums: Sums::default() }
    }

    /// The metric itself.
    pub fn metric(&self) -> &M {
        &self.metric
    }

    /// Adds a batch; waits for nothing.
    ///
    /// # Errors
    /// As [`Metric::terms`].
    pub fn update(
        &mut self,
        prediction: &Tensor,
        target: &Tensor,
        weight: Option<&Tensor>,
    ) -> Result<()> {
        let (prediction, target) = (prediction.detach(), target.detach());
        let terms = no_grad(|| self.metric.terms(&prediction, &target, weight))
            .map_err(|error| error.within(format!("metric {}", self.metric.name())))?;
        self.sums.add(&terms)
    }

    /// The value of all batches since the last reset, 0 without any, as in Keras. Waits for the
    /// device.
    ///
    /// # Errors
    /// As [`Metric::value`].
    pub fn result(&mut self) -> Result<f64> {
        let sums = self.sums.read()?;
        if sums.is_empty() { Ok(0.0) } else { self.metric.value(&sums) }
    }

    /// The sums themselves, for what is more than one number, such as
    /// [`ConfusionMatrix::matrix`](crate::ConfusionMatrix::matrix); empty without batches.
    ///
    /// # Errors
    /// `Kind::DeviceLost`.
    pub fn sums(&mut self) -> Result<Vec<f64>> {
        self.sums.read()
    }

    /// Forgets all batches.
    pub fn reset(&mut self) {
        self.sums = Sums::default();
    }

    pub(crate) fn state(&mut self) -> &mut Sums {
        &mut self.sums
    }
}
