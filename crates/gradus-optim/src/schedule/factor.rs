//! Schedules that scale the learning rate a little at every step: linear, exponential, polynomial.

use gradus_tensor::Result;

use super::{Moment, Schedule, require};

/// Scales the learning rate by a factor for the first steps.
///
/// *Formula*: `lr = base_lr · factor` for `t < total_iters`, then `lr = base_lr`.
///
/// *Source*: `torch.optim.lr_scheduler.ConstantLR`; a factor of 1/3 for 5 steps unless set.
///
/// ```
/// use gradus_optim::{ConstantLr, preview};
/// let schedule = ConstantLr::default().factor(0.5).total_iters(2);
/// assert_eq!(preview(&schedule, 1.0, 4)?, [0.5, 0.5, 1.0, 1.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConstantLr {
    factor: f64,
    total_iters: u64,
}

impl Default for ConstantLr {
    fn default() -> Self {
        ConstantLr { factor: 1.0 / 3.0, total_iters: 5 }
    }
}

impl ConstantLr {
    /// The factor, in [0, 1].
    #[must_use]
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// For how many steps it holds.
    #[must_use]
    pub fn total_iters(mut self, total_iters: u64) -> Self {
        self.total_iters = total_iters;
        self
    }
}

impl Schedule for ConstantLr {
    fn name(&self) -> &'static str {
        "ConstantLR"
    }

    fn check(&self, _: usize) -> Result<()> {
        let holds = (0.0..=1.0).contains(&self.factor);
        require(self.name(), "factor", self.factor, holds, "in [0, 1]")
    }

    fn lr(&self, at: &Moment) -> Result<f64> {
        Ok(match at.step {
            0 => at.lr * self.factor,
            t if t == self.total_iters && self.factor == 0.0 => at.base_lr,
            t if t == self.total_iters => at.lr * (1.0 / self.factor),
            _ => at.lr,
        })
    }
}

/// Changes the learning rate's factor linearly over the first steps: a warm-up.
///
/// *Formula*: `lr = base_lr · (start + (end - start) · min(t, total_iters) / total_iters)`.
///
/// *Source*: `torch.optim.lr_scheduler.LinearLR`; from 1/3 to 1 in 5 steps unless set.
///
/// ```
/// use gradus_optim::{LinearLr, preview};
/// let schedule = LinearLr::default().start_factor(0.5).total_iters(2);
/// assert_eq!(preview(&schedule, 1.0, 4)?, [0.5, 0.75, 1.0, 1.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LinearLr {
    start_factor: f64,
    end_factor: f64,
    total_iters: u64,
}

impl Default for LinearLr {
    fn default() -> Self {
        LinearLr { start_factor: 1.0 / 3.0, end_factor: 1.0, total_iters: 5 }
    }
}

impl LinearLr {
    /// The factor at the beginning, in (0, 1].
    #[must_use]
    pub fn start_factor(mut self, start_factor: f64) -> Self {
        self.start_factor = start_factor;
        self
    }

    /// The factor at the end, in [0, 1].
    #[must_use]
    pub fn end_factor(mut self, end_factor: f64) -> Self {
        self.end_factor = end_factor;
        self
    }

    /// How many steps it takes from one to the other.
    #[must_use]
    pub fn total_iters(mut self, total_iters: u64) -> Self {
        self.total_iters = total_iters;
        self
    }
}

impl Schedule for LinearLr {
    fn name(&self) -> &'static str {
        "LinearLR"
    }

    fn check(&self, _: usize) -> Result<()> {
        let (start, end) = (self.start_factor, self.end_factor);
        let holds = start > 0.0 && start <= 1.0;
        require(self.name(), "start_factor", start, holds, "in (0, 1]")?;
        require(self.name(), "end_factor", end, (0.0..=1.0).contains(&end), "in [0, 1]")
    }

    fn lr(&self, at: &Moment) -> Result<f64> {
        if at.step == 0 {
            return Ok(at.lr * self.start_factor);
        }
        if at.step > self.total_iters {
            return Ok(at.lr);
        }
        let change = self.end_factor - self.start_factor;
        let before = self.total_iters as f64 * self.start_factor + (at.t() - 1.0) * change;
        Ok(at.lr * (1.0 + change / before))
    }
}

/// Multiplies the learning rate by gamma at every step.
///
/// *Formula*: `lr = base_lr · gammaᵗ`.
///
/// *Source*: `torch.optim.lr_scheduler.ExponentialLR`.
///
/// ```
/// use gradus_optim::{ExponentialLr, preview};
/// assert_eq!(preview(&ExponentialLr::new(0.5), 1.0, 3)?, [1.0, 0.5, 0.25]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ExponentialLr {
    gamma: f64,
}

impl ExponentialLr {
    /// Falls by `gamma` at every step.
    pub fn new(gamma: f64) -> Self {
        ExponentialLr { gamma }
    }
}

impl Schedule for ExponentialLr {
    fn name(&self) -> &'static str {
        "ExponentialLR"
    }

    fn lr(&self, at: &Moment) -> Result<f64> {
        Ok(if at.step == 0 { at.lr } else { at.lr * self.gamma })
    }
}

/// Lets the learning rate fall to zero along a power of the steps that are left.
///
/// *Formula*: `lr = base_lr · (1 - min(t, total_iters) / total_iters)^power`.
///
/// *Source*: `torch.optim.lr_scheduler.PolynomialLR`; 5 steps and power 1 unless set.
///
/// ```
/// use gradus_optim::{PolynomialLr, preview};
/// let schedule = PolynomialLr::default().total_iters(2).power(2.0);
/// assert_eq!(preview(&schedule, 1.0, 4)?, [1.0, 0.25, 0.0, 0.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PolynomialLr {
    total_iters: u64,
    power: f64,
}

impl Default for PolynomialLr {
    fn default() -> Self {
        PolynomialLr { total_iters: 5, power: 1.0 }
    }
}

impl PolynomialLr {
    /// After how many steps the rate is zero.
    #[must_use]
    pub fn total_iters(mut self, total_iters: u64) -> Self {
        self.total_iters = total_iters;
        self
    }

    /// The power.
    #[must_use]
    pub fn power(mut self, power: f64) -> Self {
        self.power = power;
        self
    }
}

impl Schedule for PolynomialLr {
    fn name(&self) -> &'static str {
        "PolynomialLR"
    }

    fn lr(&self, at: &Moment) -> Result<f64> {
        if at.step == 0 || at.step > self.total_iters {
            return Ok(at.lr);
        }
        let left = |t: f64| 1.0 - t / self.total_iters as f64;
        Ok(at.lr * (left(at.t()) / left(at.t() - 1.0)).powf(self.power))
    }
}
