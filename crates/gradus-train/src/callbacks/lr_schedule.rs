//! The schedules of `gradus_optim` at work in a training.

use std::collections::BTreeMap;
use std::fmt;

use gradus_optim::{LrScheduler, ReduceLrOnPlateau, Schedule, Scheduler, StateDict};
use gradus_tensor::{Error, Result};
use serde_json::json;

use super::early_stopping::unreadable;
use super::monitor::value;
use crate::callback::{Callback, CallbackState};
use crate::context::Context;

const OP: &str = "lr_schedule";

/// Sets the learning rate, and the momentum where the schedule changes it, by a schedule of
/// [`gradus_optim`]. Logs `learning_rate`, that of the epoch's last step. PyTorch: the calls of
/// `scheduler.step()`; Keras: `optimizers.schedules`.
///
/// The schedule begins with the first `fit`, whose learning rate is the base rate, and steps
/// between batches or epochs; a second `fit` goes on with it. Checkpoints hold where it is.
///
/// ```
/// use gradus_data::TensorDataset;
/// use gradus_nn::{Linear, Module, MseLoss};
/// use gradus_optim::{CosineAnnealingLr, Sgd, StepLr, warm_up};
/// use gradus_tensor::Array;
/// use gradus_train::{FitOptions, LrSchedule, Trainer, Verbose};
///
/// let model = Linear::new(1, 1)?;
/// let optimizer = Sgd::new(model.parameters(), 0.5);
/// let mut trainer = Trainer::new(model).optimizer(optimizer).loss(MseLoss::default());
/// let x = Array::from_vec(vec![0.0f32, 0.5, 1.0, 0.25], [4, 1])?;
/// let data = TensorDataset::pair(x.clone(), x)?;
/// let mut schedule = LrSchedule::per_epoch(StepLr::new(2).gamma(0.5));
/// let history = trainer.fit(&data, FitOptions {
///     epochs: 5,
///     verbose: Verbose::Silent,
///     callbacks: vec![&mut schedule],
///     ..Default::default()
/// })?;
/// assert_eq!(history.get("learning_rate")?, [0.5, 0.5, 0.25, 0.25, 0.125]);
///
/// // Ten batches up, ninety down.
/// let schedule = LrSchedule::per_batch(warm_up(0.1, 10, CosineAnnealingLr::new(90)));
/// assert_eq!(schedule.last_epoch(), 0);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
pub struct LrSchedule {
    driver: Driver,
    unit: Unit,
    /// Whether the next unit begins with a step of the schedule.
    due: bool,
}

/// What sets the rate.
enum Driver {
    /// A schedule that has not begun.
    Waiting(Box<dyn Schedule>),
    Schedule(Scheduler<Box<dyn Schedule>>),
    Plateau {
        monitor: String,
        scheduler: ReduceLrOnPlateau,
    },
    /// Beginning has failed: the schedule is gone.
    Failed,
}

/// What the schedule counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Batch,
    Epoch,
    /// Epochs and the part of one that has passed.
    Time,
}

impl LrSchedule {
    /// One step of the schedule for each step of the optimizer: for each batch, or each group of
    /// batches that [`FitOptions::accumulate`](crate::FitOptions::accumulate) puts together.
    pub fn per_batch(schedule: impl Schedule + 'static) -> Self {
        LrSchedule { driver: Driver::Waiting(Box::new(schedule)), unit: Unit::Batch, due: false }
    }

    /// One step of the schedule for each epoch.
    pub fn per_epoch(schedule: impl Schedule + 'static) -> Self {
        LrSchedule { driver: Driver::Waiting(Box::new(schedule)), unit: Unit::Epoch, due: false }
    }

    /// The rate of the time in epochs before each batch, `epoch + batch / batches`, for a schedule
    /// that [is continuous](Schedule::is_continuous). PyTorch: `scheduler.step(epoch + i / iters)`.
    ///
    /// ```
    /// use gradus_optim::CosineAnnealingWarmRestarts;
    /// use gradus_train::LrSchedule;
    /// // A restart after every epoch, whatever its number of batches.
    /// let schedule = LrSchedule::by_time(CosineAnnealingWarmRestarts::new(1));
    /// assert_eq!(schedule.last_epoch(), 0);
    /// ```
    pub fn by_time(schedule: impl Schedule + 'static) -> Self {
        LrSchedule { driver: Driver::Waiting(Box::new(schedule)), unit: Unit::Time, due: false }
    }

    /// PyTorch's reduction on a plateau, shown a logged number after each epoch that has it. Its
    /// own mode says what is better. Keras' variant is the callback
    /// [`ReduceLrOnPlateau`](crate::ReduceLrOnPlateau).
    ///
    /// ```
    /// use gradus_nn::{Linear, Module};
    /// use gradus_optim::{ReduceLrOnPlateau, Sgd};
    /// use gradus_train::LrSchedule;
    /// let optimizer = Sgd::new(Linear::new(1, 1)?.parameters(), 0.5);
    /// let reduce = ReduceLrOnPlateau::new(&optimizer).factor(0.5).patience(2);
    /// assert_eq!(LrSchedule::on_plateau("val_loss", reduce).get_last_lr(), [0.5]);
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    pub fn on_plateau(monitor: impl Into<String>, scheduler: ReduceLrOnPlateau) -> Self {
        let driver = Driver::Plateau { monitor: monitor.into(), scheduler };
        LrSchedule { driver, unit: Unit::Epoch, due: false }
    }

    /// The learning rates set last, one a group; none before the beginning.
    pub fn get_last_lr(&self) -> &[f64] {
        match &self.driver {
            Driver::Schedule(scheduler) => scheduler.get_last_lr(),
            Driver::Plateau { scheduler, .. } => scheduler.get_last_lr(),
            Driver::Waiting(_) | Driver::Failed => &[],
        }
    }

    /// How many steps a schedule has taken.
    pub fn last_epoch(&self) -> u64 {
        match &self.driver {
            Driver::Schedule(scheduler) => scheduler.last_epoch(),
            _ => 0,
        }
    }

    /// Steps where a unit has ended before.
    fn advance(&mut self, cx: &mut Context<'_>) -> Result<()> {
        // Only now, not at the unit's end: a cycle of n steps then ends with the nth, and between
        // its units the optimizer has the rate of the last one.
        if std::mem::take(&mut self.due)
            && let Driver::Schedule(scheduler) = &mut self.driver
        {
            scheduler.step(cx.optimizer()?)?;
        }
        Ok(())
    }
}

impl Callback for LrSchedule {
    fn name(&self) -> &'static str {
        OP
    }

    fn on_train_begin(&mut self, cx: &mut Context<'_>) -> Result<()> {
        match std::mem::replace(&mut self.driver, Driver::Failed) {
            Driver::Waiting(schedule) => {
                self.driver = Driver::Schedule(Scheduler::new(cx.optimizer()?, schedule)?);
            }
            Driver::Failed => {
                let expected = "a new one: this one could not begin";
                return Err(Error::argument(OP, "schedule", "used up", expected));
            }
            begun => self.driver = begun,
        }
        Ok(())
    }

    fn on_epoch_begin(&mut self, cx: &mut Context<'_>) -> Result<()> {
        if self.unit == Unit::Epoch { self.advance(cx) } else { Ok(()) }
    }

    fn on_train_batch_begin(&mut self, cx: &mut Context<'_>) -> Result<()> {
        match (self.unit, &mut self.driver) {
            (Unit::Batch, _) => self.advance(cx),
            (Unit::Time, Driver::Schedule(scheduler)) => {
                let time = cx.epoch() as f64 + cx.batch() as f64 / cx.batches().max(1) as f64;
                scheduler.step_at(cx.optimizer()?, time)
            }
            _ => Ok(()),
        }
    }

    fn on_train_batch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        self.due |= self.unit == Unit::Batch && cx.stepped();
        Ok(())
    }

    fn on_epoch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let lr = cx.lr()?;
        cx.log("learning_rate", lr);
        self.due |= self.unit == Unit::Epoch;
        if let Driver::Plateau { monitor, scheduler } = &mut self.driver
            && let Some(metric) = value(OP, cx, cx.logs(), monitor)?
        {
            scheduler.step(cx.optimizer()?, metric)?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<CallbackState> {
        let state = match &self.driver {
            Driver::Schedule(scheduler) => scheduler.state_dict(),
            Driver::Plateau { scheduler, .. } => scheduler.state_dict(),
            Driver::Waiting(_) | Driver::Failed => StateDict::default(),
        };
        Ok(CallbackState::new(json!({ "due": self.due, "scheduler": state.metadata })))
    }

    fn load_state(&mut self, state: CallbackState) -> Result<()> {
        let value = &state.value;
        let entries = value["scheduler"].as_object().ok_or_else(|| unreadable(OP, value))?;
        let entry = |(name, value): (&String, &serde_json::Value)| {
            Some((name.clone(), value.as_str()?.to_owned()))
        };
        let metadata: Option<BTreeMap<String, String>> = entries.iter().map(entry).collect();
        let metadata = metadata.ok_or_else(|| unreadable(OP, value))?;
        let state = StateDict { metadata, ..StateDict::default() };
        match &mut self.driver {
            Driver::Schedule(scheduler) => scheduler.load_state_dict(&state)?,
            Driver::Plateau { scheduler, .. } => scheduler.load_state_dict(&state)?,
            Driver::Waiting(_) | Driver::Failed => return Err(unreadable(OP, value)),
        }
        self.due = value["due"].as_bool().ok_or_else(|| unreadable(OP, value))?;
        Ok(())
    }
}

impl fmt::Debug for LrSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match &self.driver {
            Driver::Waiting(schedule) => schedule.name(),
            Driver::Schedule(scheduler) => scheduler.schedule().name(),
            Driver::Plateau { .. } => "ReduceLROnPlateau",
            Driver::Failed => "none",
        };
        f.debug_struct("LrSchedule")
            .field("schedule", &name)
            .field("unit", &self.unit)
            .field("last_epoch", &self.last_epoch())
            .finish()
    }
}
