//! Learning-rate schedules: each is a function of the step, driven by a [`Scheduler`].

mod annealing;
mod compose;
mod cosine;
mod cyclic;
mod factor;
mod lambda;
mod one_cycle;
mod plateau;
mod scheduler;
mod steps;

pub use annealing::{Anneal, SwaLr};
pub use compose::{ChainedScheduler, SequentialLr, warm_up};
pub use cosine::{CosineAnnealingLr, CosineAnnealingWarmRestarts};
pub use cyclic::{CyclicLr, CyclicMode, ScaleMode};
pub use factor::{ConstantLr, ExponentialLr, LinearLr, PolynomialLr};
pub use lambda::{LambdaLr, MultiplicativeLr};
pub use one_cycle::OneCycleLr;
pub use plateau::{PlateauMode, ReduceLrOnPlateau, ThresholdMode};
pub use scheduler::{LrScheduler, Scheduler};
pub use steps::{MultiStepLr, StepLr};

use gradus_tensor::{Error, Result};

/// What the learning rate is after each step. [`Scheduler`] applies it to an optimizer, and
/// [`preview`] shows it without one.
///
/// A schedule has no state: it computes a rate from the number of the step, the rate at the
/// beginning and the present one. Rates that follow from the present one, as PyTorch's, can be
/// chained: each schedule then scales what the others left.
///
/// ```
/// use gradus_optim::{Moment, Schedule, preview};
/// use gradus_tensor::Result;
///
/// /// One over the square root of the step.
/// struct InverseRoot;
///
/// impl Schedule for InverseRoot {
///     fn name(&self) -> &'static str {
///         "inverse_root"
///     }
///     fn lr(&self, at: &Moment) -> Result<f64> {
///         Ok(at.base_lr / ((at.step + 1) as f64).sqrt())
///     }
/// }
/// assert_eq!(preview(&InverseRoot, 0.5, 4)?[3], 0.25);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub trait Schedule {
    /// The name in errors and state dicts.
    fn name(&self) -> &'static str;

    /// Whether it knows the times between steps, for [`Scheduler::step_at`]; most schedules compute
    /// a rate from that of the step before and do not.
    fn is_continuous(&self) -> bool {
        false
    }

    /// What the schedule's options must fulfil, for an optimizer of so many groups.
    ///
    /// # Errors
    /// `Kind::Argument` naming the option at fault.
    fn check(&self, _groups: usize) -> Result<()> {
        Ok(())
    }

    /// The learning rate of a group from this step on.
    ///
    /// # Errors
    /// `Kind::Argument` for a step beyond the schedule's end.
    fn lr(&self, at: &Moment) -> Result<f64>;

    /// The learning rate where the schedule begins after another one; that of a beginning with
    /// the base rate, unless overridden.
    ///
    /// # Errors
    /// As [`Schedule::lr`].
    fn restart(&self, at: &Moment) -> Result<f64> {
        self.lr(&Moment { lr: at.base_lr, ..*at })
    }

    /// The momentum of a group from this step on, for schedules that change it: `momentum`, or
    /// `beta1` where the optimizer has that.
    ///
    /// # Errors
    /// As [`Schedule::lr`].
    fn momentum(&self, _at: &Moment) -> Result<Option<f64>> {
        Ok(None)
    }
}

impl<S: Schedule + ?Sized> Schedule for Box<S> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn is_continuous(&self) -> bool {
        (**self).is_continuous()
    }

    fn check(&self, groups: usize) -> Result<()> {
        (**self).check(groups)
    }

    fn lr(&self, at: &Moment) -> Result<f64> {
        (**self).lr(at)
    }

    fn restart(&self, at: &Moment) -> Result<f64> {
        (**self).restart(at)
    }

    fn momentum(&self, at: &Moment) -> Result<Option<f64>> {
        (**self).momentum(at)
    }
}

/// Where a schedule is with a group of parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Number of the step, 0 being the beginning.
    pub step: u64,
    /// What has passed of the way to the next step, from 0 to below 1; 0 but for schedules that
    /// are continuous.
    pub part: f64,
    /// Number of the group.
    pub group: usize,
    /// The group's learning rate before the schedule began.
    pub base_lr: f64,
    /// The group's present learning rate.
    pub lr: f64,
}

impl Moment {
    /// The time in steps, as a number to compute with.
    pub fn t(&self) -> f64 {
        self.step as f64 + self.part
    }
}

/// The learning rates of the first `steps` steps of a group that begins with `base_lr`; no
/// optimizer is touched. For all groups at once ask [`Scheduler::preview`].
///
/// ```
/// use gradus_optim::{StepLr, preview};
/// assert_eq!(preview(&StepLr::new(2).gamma(0.5), 1.0, 5)?, [1.0, 1.0, 0.5, 0.5, 0.25]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// As [`Schedule::check`] and [`Schedule::lr`].
pub fn preview<S: Schedule + ?Sized>(schedule: &S, base_lr: f64, steps: usize) -> Result<Vec<f64>> {
    schedule.check(1)?;
    let start = Moment { step: 0, part: 0.0, group: 0, base_lr, lr: base_lr };
    continued(schedule, start, steps)
}

/// The rates of `steps` steps, the first of them at `at`.
pub(crate) fn continued<S: Schedule + ?Sized>(
    schedule: &S,
    mut at: Moment,
    steps: usize,
) -> Result<Vec<f64>> {
    let mut rates = Vec::with_capacity(steps);
    for _ in 0..steps {
        at.lr = schedule.lr(&at)?;
        rates.push(at.lr);
        at.step += 1;
    }
    Ok(rates)
}

/// A number for every group: one for all, or one each.
#[derive(Clone, Debug, PartialEq)]
pub struct PerGroup {
    values: Vec<f64>,
    shared: bool,
}

impl PerGroup {
    /// A group's number; the last one's where there are too few, which `check` reports.
    pub(crate) fn get(&self, group: usize) -> f64 {
        let at = if self.shared { 0 } else { group };
        self.values.get(at).or(self.values.last()).copied().unwrap_or(f64::NAN)
    }

    /// # Errors
    /// `Kind::Argument` unless there is a number for each of so many groups.
    pub(crate) fn check(&self, op: &'static str, name: &'static str, groups: usize) -> Result<()> {
        if self.shared || self.values.len() == groups {
            return Ok(());
        }
        let value = format!("{} numbers for {groups} groups", self.values.len());
        Err(Error::argument(op, name, value, "one number, or one a group"))
    }
}

impl From<f64> for PerGroup {
    fn from(value: f64) -> Self {
        PerGroup { values: vec![value], shared: true }
    }
}

impl From<Vec<f64>> for PerGroup {
    fn from(values: Vec<f64>) -> Self {
        PerGroup { values, shared: false }
    }
}

impl<const N: usize> From<[f64; N]> for PerGroup {
    fn from(values: [f64; N]) -> Self {
        values.to_vec().into()
    }
}

/// # Errors
/// `Kind::Argument` unless the option is in its domain.
pub(crate) fn require(
    op: &'static str,
    name: &'static str,
    value: f64,
    holds: bool,
    expected: &'static str,
) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::argument(op, name, value, expected)) }
}
