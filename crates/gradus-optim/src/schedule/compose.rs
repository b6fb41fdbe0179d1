//! Schedules made of schedules: one after the other, or all at once.

use std::fmt;

use gradus_tensor::{Error, Result};

use super::{LinearLr, Moment, Schedule};

/// A schedule of any kind.
type Part = Box<dyn Schedule>;

fn names(parts: &[Part], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_list().entries(parts.iter().map(Schedule::name)).finish()
}

/// One schedule after the other: each begins, with the base rate, at its milestone.
///
/// *Source*: `torch.optim.lr_scheduler.SequentialLR`; parts may be sequences and chains
/// themselves.
///
/// ```
/// use gradus_optim::{ConstantLr, ExponentialLr, SequentialLr, preview};
/// let warm = ConstantLr::default().factor(0.5).total_iters(9);
/// let schedule = SequentialLr::new(vec![Box::new(warm), Box::new(ExponentialLr::new(0.5))], [2]);
/// assert_eq!(preview(&schedule, 1.0, 5)?, [0.5, 0.5, 1.0, 0.5, 0.25]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub struct SequentialLr {
    schedules: Vec<Part>,
    milestones: Vec<u64>,
}

impl fmt::Debug for SequentialLr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        names(&self.schedules, f)
    }
}

impl SequentialLr {
    /// The schedules, and the steps at which all but the first begin.
    pub fn new(
        schedules: Vec<Box<dyn Schedule>>,
        milestones: impl IntoIterator<Item = u64>,
    ) -> Self {
        SequentialLr { schedules, milestones: milestones.into_iter().collect() }
    }

    /// The schedule at work, when it began, and the moment as it counts.
    fn part(&self, at: &Moment) -> Result<(&Part, Option<u64>, Moment)> {
        let index = self.milestones.iter().filter(|&&m| m <= at.step).count();
        let begin = index.checked_sub(1).map(|last| self.milestones[last]);
        let step = at.step - begin.unwrap_or(0);
        let part = self.schedules.get(index).ok_or_else(|| self.unequal())?;
        Ok((part, begin, Moment { step, ..*at }))
    }

    fn unequal(&self) -> Error {
        let value = format!("{} for {} schedules", self.milestones.len(), self.schedules.len());
        Error::argument("SequentialLR", "milestones", value, "one less than schedules")
    }
}

impl Schedule for SequentialLr {
    fn name(&self) -> &'static str {
        "SequentialLR"
    }

    fn check(&self, groups: usize) -> Result<()> {
        if self.milestones.len() + 1 != self.schedules.len() {
            return Err(self.unequal());
        }
        if self.milestones.windows(2).any(|pair| pair[0] > pair[1]) {
            let value = format!("{:?}", self.milestones);
            return Err(Error::argument(self.name(), "milestones", value, "in rising order"));
        }
        self.schedules.iter().try_for_each(|part| part.check(groups))
    }

    fn lr(&self, at: &Moment) -> Result<f64> {
        let (part, begin, at) = self.part(at)?;
        if begin.is_some() && at.step == 0 { part.restart(&at) } else { part.lr(&at) }
    }

    fn momentum(&self, at: &Moment) -> Result<Option<f64>> {
        let (part, _, at) = self.part(at)?;
        part.momentum(&at)
    }
}

/// Several schedules at once: each changes the rate that the one before it left.
///
/// *Source*: `torch.optim.lr_scheduler.ChainedScheduler`.
///
/// ```
/// use gradus_optim::{ChainedScheduler, ConstantLr, ExponentialLr, preview};
/// let warm = ConstantLr::default().factor(0.5).total_iters(2);
/// let schedule = ChainedScheduler::new(vec![Box::new(warm), Box::new(ExponentialLr::new(0.5))]);
/// assert_eq!(preview(&schedule, 1.0, 4)?, [0.5, 0.25, 0.25, 0.125]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub struct ChainedScheduler {
    schedules: Vec<Part>,
}

impl fmt::Debug for ChainedScheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        names(&self.schedules, f)
    }
}

impl ChainedScheduler {
    /// These schedules, in this order.
    pub fn new(schedules: Vec<Box<dyn Schedule>>) -> Self {
        ChainedScheduler { schedules }
    }
}

impl Schedule for ChainedScheduler {
    fn name(&self) -> &'static str {
        "ChainedScheduler"
    }

    fn check(&self, groups: usize) -> Result<()> {
        if self.schedules.is_empty() {
            return Err(Error::argument(self.name(), "schedulers", "empty", "one at least"));
        }
        self.schedules.iter().try_for_each(|part| part.check(groups))
    }

    fn lr(&self, at: &Moment) -> Result<f64> {
        self.schedules.iter().try_fold(at.lr, |lr, part| part.lr(&Moment { lr, ..*at }))
    }

    fn momentum(&self, at: &Moment) -> Result<Option<f64>> {
        // The last one that changes it has the last word.
        for part in self.schedules.iter().rev() {
            if let Some(momentum) = part.momentum(at)? {
                return Ok(Some(momentum));
            }
        }
        Ok(None)
    }
}

/// Lets the rate rise from `start_factor` of the base rate in `steps` steps; then `schedule`
/// begins.
///
/// ```
/// use gradus_optim::{CosineAnnealingLr, preview, warm_up};
/// let rates = preview(&warm_up(0.5, 2, CosineAnnealingLr::new(2)), 1.0, 5)?;
/// assert!(rates.iter().zip([0.5, 0.75, 1.0, 0.5, 0.0]).all(|(r, e)| (r - e).abs() < 1e-12));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub fn warm_up(start_factor: f64, steps: u64, schedule: impl Schedule + 'static) -> SequentialLr {
    let rise = LinearLr::default().start_factor(start_factor).total_iters(steps);
    SequentialLr::new(vec![Box::new(rise), Box::new(schedule)], [steps])
}
