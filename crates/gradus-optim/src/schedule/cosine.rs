//! Schedules along a half cosine, once or with restarts (SGDR).

use std::f64::consts::PI;

use gradus_tensor::Result;

use super::{Moment, Schedule, require};

/// Lets the learning rate fall to `eta_min` along a half cosine, and rise again if training goes
/// on.
///
/// *Formula*: `lr = eta_min + (base_lr - eta_min) · (1 + cos(π t / t_max)) / 2`, computed from the
/// last rate, so that it can be chained.
///
/// *Source*: `torch.optim.lr_scheduler.CosineAnnealingLR`, after SGDR (arXiv:1608.03983).
///
/// ```
/// use gradus_optim::{CosineAnnealingLr, preview};
/// let rates = preview(&CosineAnnealingLr::new(2).eta_min(0.5), 1.5, 3)?;
/// assert!(rates.iter().zip([1.5, 1.0, 0.5]).all(|(r, e)| (r - e).abs() < 1e-12));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CosineAnnealingLr {
    t_max: u64,
    eta_min: f64,
}

impl CosineAnnealingLr {
    /// Falls for `t_max` steps.
    pub fn new(t_max: u64) -> Self {
        CosineAnnealingLr { t_max, eta_min: 0.0 }
    }

    /// The lowest rate; 0 unless set.
    #[must_use]
    pub fn eta_min(mut self, eta_min: f64) -> Self {
        self.eta_min = eta_min;
        self
    }
}

impl Schedule for CosineAnnealingLr {
    fn name(&self) -> &'static str {
        "CosineAnnealingLR"
    }

    fn check(&self, _: usize) -> Result<()> {
        require(self.name(), "t_max", self.t_max as f64, self.t_max > 0, "1 or more")
    }

    fn lr(&self, at: &Moment) -> Result<f64> {
        let (t, t_max) = (at.t(), self.t_max as f64);
        if at.step == 0 {
            return Ok(at.lr);
        }
        // One step after the minimum the last rate says nothing about the base rate.
        if at.step > self.t_max && (at.step - 1 - self.t_max).is_multiple_of(2 * self.t_max.max(1))
        {
            return Ok(at.lr + (at.base_lr - self.eta_min) * (1.0 - (PI / t_max).cos()) / 2.0);
        }
        let height = |t: f64| 1.0 + (PI * t / t_max).cos();
        Ok(height(t) / height(t - 1.0) * (at.lr - self.eta_min) + self.eta_min)
    }
}

/// Falls along a half cosine again and again, each time from the base rate.
///
/// *Formula*: `lr = eta_min + (base_lr - eta_min) · (1 + cos(π t' / t_i)) / 2`, t' being the steps
/// since the last restart and t_i the length of the run: t_0, then t_mult times the one before.
///
/// *Source*: `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`; SGDR (arXiv:1608.03983).
///
/// ```
/// use gradus_optim::{CosineAnnealingWarmRestarts, preview};
/// let rates = preview(&CosineAnnealingWarmRestarts::new(1).t_mult(2), 1.0, 4)?;
/// assert!(rates.iter().zip([1.0, 1.0, 0.5, 1.0]).all(|(r, e)| (r - e).abs() < 1e-12));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// It knows the times between epochs, too: see [`Scheduler::step_at`](super::Scheduler::step_at).
#[derive(Clone, Debug)]
pub struct CosineAnnealingWarmRestarts {
    t_0: u64,
    t_mult: u64,
    eta_min: f64,
}

impl CosineAnnealingWarmRestarts {
    /// Restarts first after `t_0` steps.
    pub fn new(t_0: u64) -> Self {
        CosineAnnealingWarmRestarts { t_0, t_mult: 1, eta_min: 0.0 }
    }

    /// How many times longer each run is than the one before; 1 unless set.
    #[must_use]
    pub fn t_mult(mut self, t_mult: u64) -> Self {
        self.t_mult = t_mult;
        self
    }

    /// The lowest rate; 0 unless set.
    #[must_use]
    pub fn eta_min(mut self, eta_min: f64) -> Self {
        self.eta_min = eta_min;
        self
    }
}

impl Schedule for CosineAnnealingWarmRestarts {
    fn name(&self) -> &'static str {
        "CosineAnnealingWarmRestarts"
    }

    fn check(&self, _: usize) -> Result<()> {
        require(self.name(), "t_0", self.t_0 as f64, self.t_0 > 0, "1 or more")?;
        require(self.name(), "t_mult", self.t_mult as f64, self.t_mult > 0, "1 or more")
    }

    fn is_continuous(&self) -> bool {
        true
    }

    fn lr(&self, at: &Moment) -> Result<f64> {
        let (mut since, mut length) = (at.step, self.t_0.max(1));
        if self.t_mult <= 1 {
            since %= length;
        }
        while since >= length {
            since -= length;
            length = length.saturating_mul(self.t_mult);
        }
        let height = 1.0 + (PI * (since as f64 + at.part) / length as f64).cos();
        Ok(self.eta_min + (at.base_lr - self.eta_min) * height / 2.0)
    }
}
