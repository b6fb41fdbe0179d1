//! Schedules that fall at certain steps.

use gradus_tensor::Result;

use super::{Moment, Schedule, require};

/// Multiplies the learning rate by gamma every `step_size` steps.
///
/// *Formula*: `lr = base_lr · gamma^⌊t / step_size⌋`.
///
/// *Source*: `torch.optim.lr_scheduler.StepLR`; gamma is 0.1 unless set.
///
/// ```
/// use gradus_optim::{StepLr, preview};
/// assert_eq!(preview(&StepLr::new(2).gamma(0.5), 1.0, 5)?, [1.0, 1.0, 0.5, 0.5, 0.25]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct StepLr {
    step_size: usize,
    gamma: f64,
}

impl StepLr {
    /// Falls every `step_size` steps.
    pub fn new(step_size: usize) -> Self {
        StepLr { step_size, gamma: 0.1 }
    }

    /// By what the rate is multiplied; 0.1 unless set.
    #[must_use]
    pub fn gamma(mut self, gamma: f64) -> Self {
        self.gamma = gamma;
        self
    }
}

impl Schedule for StepLr {
    fn name(&self) -> &'static str {
        "StepLR"
    }

    fn check(&self, _: usize) -> Result<()> {
        let size = self.step_size as f64;
        require(self.name(), "step_size", size, self.step_size > 0, "1 or more")
    }

    fn lr(&self, at: &Moment) -> Result<f64> {
        let falls = at.step > 0 && at.step.is_multiple_of(self.step_size.max(1) as u64);
        Ok(if falls { at.lr * self.gamma } else { at.lr })
    }
}

/// Multiplies the learning rate by gamma at each milestone.
///
/// *Formula*: `lr = base_lr · gamma^(number of milestones ≤ t)`.
///
/// *Source*: `torch.optim.lr_scheduler.MultiStepLR`; gamma is 0.1 unless set.
///
/// ```
/// use gradus_optim::{MultiStepLr, preview};
/// let schedule = MultiStepLr::new([1, 3]).gamma(0.5);
/// assert_eq!(preview(&schedule, 1.0, 5)?, [1.0, 0.5, 0.5, 0.25, 0.25]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MultiStepLr {
    milestones: Vec<u64>,
    gamma: f64,
}

impl MultiStepLr {
    /// Falls at these steps, in any order; at one that is there twice, by gamma twice.
    pub fn new(milestones: impl IntoIterator<Item = u64>) -> Self {
        MultiStepLr { milestones: milestones.into_iter().collect(), gamma: 0.1 }
    }

    /// By what the rate is multiplied; 0.1 unless set.
    #[must_use]
    pub fn gamma(mut self, gamma: f64) -> Self {
        self.gamma = gamma;
        self
    }
}

impl Schedule for MultiStepLr {
    fn name(&self) -> &'static str {
        "MultiStepLR"
    }

    fn lr(&self, at: &Moment) -> Result<f64> {
        let times = self.milestones.iter().filter(|&&m| m == at.step).count();
        Ok(if times == 0 { at.lr } else { at.lr * self.gamma.powf(times as f64) })
    }
}
