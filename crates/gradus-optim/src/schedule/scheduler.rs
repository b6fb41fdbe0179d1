//! `Scheduler`: applies a schedule to an optimizer.

use gradus_tensor::{Error, Kind, Result};

use super::{Moment, PerGroup, Schedule, continued};
use crate::optimizer::{Optimizer, StateDict};

const OP: &str = "load_state_dict";

/// What training loops know about a scheduler.
pub trait LrScheduler {
    /// Sets the learning rates of the next steps; call it after the optimizer's steps, once a
    /// step or once an epoch, as the schedule counts.
    ///
    /// # Errors
    /// `Kind::Argument` for an optimizer of another number of groups, or for a step beyond the
    /// schedule's end. Then nothing has changed.
    fn step(&mut self, optimizer: &mut dyn Optimizer) -> Result<()>;

    /// The learning rates set last, one a group.
    fn get_last_lr(&self) -> &[f64];

    /// How many steps were taken.
    fn last_epoch(&self) -> u64;

    /// Where the schedule is. The options of the schedule itself are not part of it.
    fn state_dict(&self) -> StateDict;

    /// Goes on where the scheduler that made `state` was. The present learning rates are the
    /// optimizer's: load its state dict, too.
    ///
    /// # Errors
    /// `Kind::StateDict` for missing entries, `Kind::Argument` for another schedule's state, for
    /// another number of groups, or for what is no number. Then nothing has changed.
    fn load_state_dict(&mut self, state: &StateDict) -> Result<()>;
}

/// A schedule at work on an optimizer.
///
/// ```
/// use gradus_autodiff::{Device, Tensor};
/// use gradus_optim::{LrScheduler, Optimizer, Scheduler, Sgd, StepLr};
///
/// let w = Tensor::zeros(3, &Device::cpu()).requires_grad_(true);
/// let mut optimizer = Sgd::new([&w], 0.5);
/// let mut scheduler = Scheduler::new(&mut optimizer, StepLr::new(2).gamma(0.5))?;
/// let mut rates = Vec::new();
/// for _epoch in 0..5 {
///     rates.push(optimizer.param_groups()[0].get("lr"));
///     optimizer.step()?;
///     scheduler.step(&mut optimizer)?;
/// }
/// assert_eq!(rates, [0.5, 0.5, 0.25, 0.25, 0.125].map(Some));
/// assert_eq!(scheduler.get_last_lr(), [0.125]);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scheduler<S> {
    schedule: S,
    last_epoch: u64,
    /// What has passed of the epoch after the last, where the schedule is continuous.
    part: f64,
    base_lrs: Vec<f64>,
    last_lr: Vec<f64>,
}

impl<S: Schedule> Scheduler<S> {
    /// Begins the schedule: sets the learning rates of the first step. Present ones are the base
    /// rates.
    ///
    /// # Errors
    /// `Kind::Argument` for options of the schedule that are wrong, or that the optimizer cannot
    /// follow. Then nothing has changed.
    pub fn new(optimizer: &mut dyn Optimizer, schedule: S) -> Result<Self> {
        let base_lrs = rates(optimizer);
        schedule.check(base_lrs.len())?;
        let last_lr = base_lrs.clone();
        let mut scheduler = Scheduler { schedule, last_epoch: 0, part: 0.0, base_lrs, last_lr };
        scheduler.apply(optimizer)?;
        Ok(scheduler)
    }

    /// Goes on with a schedule after step `last_epoch`, as for a training of which only the
    /// optimizer was kept: sets the rates of the next step. Present rates are those that step
    /// `last_epoch` set; `base_lrs` are those that the schedule once began with, one for all groups
    /// or one each. PyTorch: the argument `last_epoch`, with `initial_lr` in the groups.
    ///
    /// ```
    /// use gradus_autodiff::{Device, Tensor};
    /// use gradus_optim::{LrScheduler, Scheduler, Sgd, StepLr};
    ///
    /// let w = Tensor::zeros(3, &Device::cpu()).requires_grad_(true);
    /// let mut optimizer = Sgd::new([&w], 0.25); // halved once from 0.5
    /// let schedule = StepLr::new(2).gamma(0.5);
    /// let scheduler = Scheduler::with_last_epoch(&mut optimizer, schedule, 3, 0.5)?;
    /// assert_eq!((scheduler.last_epoch(), scheduler.get_last_lr()), (4, &[0.125][..]));
    /// # Ok::<(), gradus_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Scheduler::new`]; `Kind::Argument` for another number of base rates than of groups.
    pub fn with_last_epoch(
        optimizer: &mut dyn Optimizer,
        schedule: S,
        last_epoch: u64,
        base_lrs: impl Into<PerGroup>,
    ) -> Result<Self> {
        let (last_lr, base_lrs) = (rates(optimizer), base_lrs.into());
        schedule.check(last_lr.len())?;
        base_lrs.check(schedule.name(), "base_lrs", last_lr.len())?;
        let base_lrs = (0..last_lr.len()).map(|group| base_lrs.get(group)).collect();
        let mut scheduler = Scheduler { schedule, last_epoch, part: 0.0, base_lrs, last_lr };
        scheduler.step(optimizer)?;
        Ok(scheduler)
    }

    /// Sets the learning rates of a time, in epochs, which may lie between two of them, such as
    /// `epoch + batch / batches`; later or earlier than the last one. [`LrScheduler::step`] then
    /// goes one epoch on from there. PyTorch: `scheduler.step(epoch)`.
    ///
    /// ```
    /// use gradus_autodiff::{Device, Tensor};
    /// use gradus_optim::{CosineAnnealingWarmRestarts, LrScheduler, Scheduler, Sgd};
    ///
    /// let w = Tensor::zeros(3, &Device::cpu()).requires_grad_(true);
    /// let mut optimizer = Sgd::new([&w], 0.5);
    /// let mut scheduler = Scheduler::new(&mut optimizer, CosineAnnealingWarmRestarts::new(1))?;
    /// scheduler.step_at(&mut optimizer, 2.5)?;
    /// assert_eq!((scheduler.last_epoch(), scheduler.get_last_lr()), (2, &[0.25][..]));
    /// # Ok::<(), gradus_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Argument` for a time that is negative or not finite; `Kind::Unsupported` unless the
    /// schedule [is continuous](Schedule::is_continuous); as [`LrScheduler::step`]. Then nothing
    /// has changed.
    pub fn step_at(&mut self, optimizer: &mut dyn Optimizer, epoch: f64) -> Result<()> {
        let op = self.schedule.name();
        // Beyond 2⁵³ there are no numbers between epochs any more.
        if !(0.0..=9e15).contains(&epoch) {
            return Err(Error::argument(op, "epoch", epoch, "0 or more, and finite"));
        }
        if !self.schedule.is_continuous() {
            let what = format!("epoch {epoch}");
            let place = "by a schedule whose rates follow from the ones before; call `step`";
            return Err(Kind::Unsupported { op, what, place }.into());
        }
        let before = (self.last_epoch, self.part);
        (self.last_epoch, self.part) = (epoch.floor() as u64, epoch.fract());
        self.apply(optimizer).inspect_err(|_| (self.last_epoch, self.part) = before)
    }

    /// The schedule.
    pub fn schedule(&self) -> &S {
        &self.schedule
    }

    /// The learning rates of this step and the following ones, `steps` in all, for each group;
    /// nothing changes.
    ///
    /// # Errors
    /// As [`Schedule::lr`].
    pub fn preview(&self, steps: usize) -> Result<Vec<Vec<f64>>> {
        let rest = |(group, (&base_lr, &lr))| {
            let mut curve: Vec<f64> = [lr].into_iter().take(steps).collect();
            let (step, part) = (self.last_epoch + 1, self.part);
            let at = Moment { step, part, group, base_lr, lr };
            curve.extend(continued(&self.schedule, at, steps.saturating_sub(1))?);
            Ok(curve)
        };
        self.base_lrs.iter().zip(&self.last_lr).enumerate().map(rest).collect()
    }

    /// Sets what the schedule says about this step.
    fn apply(&mut self, optimizer: &mut dyn Optimizer) -> Result<()> {
        let op = self.schedule.name();
        let lrs = rates(optimizer);
        if lrs.len() != self.base_lrs.len() {
            let value = format!("{} groups, {} at the start", lrs.len(), self.base_lrs.len());
            return Err(Error::argument(op, "optimizer", value, "as many groups as at the start"));
        }
        // Everything is computed before anything changes.
        let mut changes = Vec::with_capacity(lrs.len());
        for (group, (&base_lr, lr)) in self.base_lrs.iter().zip(lrs).enumerate() {
            let at = Moment { step: self.last_epoch, part: self.part, group, base_lr, lr };
            let momentum = match self.schedule.momentum(&at)? {
                Some(value) => {
                    let options = &optimizer.param_groups()[group];
                    let name = ["beta1", "momentum"].into_iter().find(|n| options.get(n).is_some());
                    let expected = "off for an optimizer without momentum and beta1";
                    let missing = || Error::argument(op, "cycle_momentum", "on", expected);
                    Some((name.ok_or_else(missing)?, value))
                }
                None => None,
            };
            changes.push((self.schedule.lr(&at)?, momentum));
        }
        for (group, (lr, momentum)) in optimizer.param_groups_mut().iter_mut().zip(changes) {
            group.set("lr", lr);
            if let Some((name, value)) = momentum {
                group.set(name, value);
            }
        }
        self.last_lr = rates(optimizer);
        Ok(())
    }
}

impl<S: Schedule> LrScheduler for Scheduler<S> {
    fn step(&mut self, optimizer: &mut dyn Optimizer) -> Result<()> {
        self.last_epoch += 1;
        self.apply(optimizer).inspect_err(|_| self.last_epoch -= 1)
    }

    fn get_last_lr(&self) -> &[f64] {
        &self.last_lr
    }

    fn last_epoch(&self) -> u64 {
        self.last_epoch
    }

    fn state_dict(&self) -> StateDict {
        let mut state = StateDict::default();
        put(&mut state, "scheduler", &self.schedule.name());
        put(&mut state, "last_epoch", &self.last_epoch);
        put(&mut state, "part", &self.part);
        put_list(&mut state, "base_lrs", &self.base_lrs);
        put_list(&mut state, "_last_lr", &self.last_lr);
        state
    }

    fn load_state_dict(&mut self, state: &StateDict) -> Result<()> {
        made_by(state, self.schedule.name())?;
        let last_epoch = get(state, "last_epoch")?;
        let part = get(state, "part")?;
        let base_lrs = get_list(state, "base_lrs", self.base_lrs.len())?;
        self.last_lr = get_list(state, "_last_lr", self.base_lrs.len())?;
        (self.last_epoch, self.part, self.base_lrs) = (last_epoch, part, base_lrs);
        Ok(())
    }
}

/// The learning rates of an optimizer's groups.
pub(super) fn rates(optimizer: &dyn Optimizer) -> Vec<f64> {
    optimizer.param_groups().iter().map(|group| group.get("lr").unwrap_or(f64::NAN)).collect()
}

pub(super) fn put(state: &mut StateDict, key: &str, value: &dyn ToString) {
    state.metadata.insert(key.to_owned(), value.to_string());
}

pub(super) fn put_list(state: &mut StateDict, key: &str, values: &[f64]) {
    for (i, value) in values.iter().enumerate() {
        put(state, &format!("{key}.{i}"), value);
    }
}

/// # Errors
/// `Kind::StateDict` without the entry, `Kind::Argument` if it is no such number.
pub(super) fn get<T: std::str::FromStr>(state: &StateDict, key: &str) -> Result<T> {
    let Some(text) = state.metadata.get(key) else {
        let (missing, unexpected) = (vec![key.to_owned()], Vec::new());
        return Err(Kind::StateDict { missing, unexpected }.into());
    };
    let wrong = |_| Error::argument(OP, "state", text, "a number").within(key.to_owned());
    text.parse().map_err(wrong)
}

/// # Errors
/// As [`get`]; `Kind::Argument` for another number of entries.
pub(super) fn get_list(state: &StateDict, key: &str, len: usize) -> Result<Vec<f64>> {
    if state.metadata.contains_key(&format!("{key}.{len}")) {
        let value = format!("{len} in the optimizer, more in the state");
        return Err(Error::argument(OP, "param_groups", value, "as many groups as were saved"));
    }
    (0..len).map(|i| get(state, &format!("{key}.{i}"))).collect()
}

/// # Errors
/// `Kind::Argument` for the state of another schedule.
pub(super) fn made_by(state: &StateDict, name: &str) -> Result<()> {
    let maker = state.metadata.get("scheduler").map_or("unknown", String::as_str);
    if maker == name {
        return Ok(());
    }
    let value = format!("{maker} for {name}");
    Err(Error::argument(OP, "scheduler", value, "the scheduler that was saved"))
}
