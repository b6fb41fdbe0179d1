//! `Context`: what a callback may see and change.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use gradus_nn::{Module, Part, StateDict, walk};
use gradus_optim::{AveragedModel, Optimizer};
use gradus_tensor::{Error, Result};

use crate::captured::CapturedSteps;
use crate::checkpoint::Files;
use crate::history::History;
use crate::logs::Logs;
use crate::metrics::Direction;
use crate::trackers::Trackers;

/// The state of a run: what the loop, the callbacks and checkpoints share.
#[derive(Default)]
pub(crate) struct Run {
    pub(crate) epoch: usize,
    pub(crate) epochs: usize,
    pub(crate) batch: usize,
    pub(crate) batches: usize,
    pub(crate) iteration: u64,
    /// Gradients since the last step of the optimizer wait for the rest of their group.
    pub(crate) accumulating: bool,
    /// Why no further epoch is wanted.
    pub(crate) stop: Option<String>,
    pub(crate) history: History,
    pub(crate) logs: Logs,
    /// Validation names are logged in some epochs.
    pub(crate) validates: bool,
    pub(crate) messages: Vec<String>,
    pub(crate) save: Vec<PathBuf>,
    pub(crate) restore: Option<Files>,
    /// Averages of the weights, where somebody keeps them.
    pub(crate) averages: Option<Rc<RefCell<AveragedModel>>>,
    /// Steps that are recorded and repeated, where that is asked for.
    pub(crate) captured: Option<CapturedSteps>,
    /// The arguments of the run, for those who record them.
    pub(crate) arguments: serde_json::Value,
}

/// What a callback may see and change while a trainer runs.
pub struct Context<'a> {
    pub(crate) run: &'a mut Run,
    pub(crate) trackers: &'a mut Trackers,
    pub(crate) module: &'a dyn Module,
    pub(crate) optimizer: Option<&'a mut (dyn Optimizer + 'static)>,
}

impl Context<'_> {
    /// Number of the epoch, from 0.
    pub fn epoch(&self) -> usize {
        self.run.epoch
    }

    /// Number of the last epoch plus one.
    pub fn epochs(&self) -> usize {
        self.run.epochs
    }

    /// Number of the batch in its epoch, from 0.
    pub fn batch(&self) -> usize {
        self.run.batch
    }

    /// Number of batches in an epoch.
    pub fn batches(&self) -> usize {
        self.run.batches
    }

    /// Number of batches trained on, over all epochs.
    pub fn iteration(&self) -> u64 {
        self.run.iteration
    }

    /// Whether the optimizer has taken a step after the last batch: always, unless gradients are
    /// accumulated and the group goes on.
    pub fn stepped(&self) -> bool {
        !self.run.accumulating
    }

    /// What the epoch or test that just ended measured.
    pub fn logs(&self) -> &Logs {
        &self.run.logs
    }

    /// Adds a number to the epoch's logs; later callbacks and the history see it.
    pub fn log(&mut self, name: &str, value: f64) {
        self.run.logs.set(name, value);
    }

    /// What the present epoch or test has measured so far. Waits for the device.
    ///
    /// # Errors
    /// `Kind::DeviceLost`; what a metric reports.
    pub fn running(&mut self) -> Result<Logs> {
        self.trackers.read()
    }

    /// The mean loss so far, `None` before the first batch. Waits for the device.
    ///
    /// # Errors
    /// `Kind::DeviceLost`.
    pub fn running_loss(&mut self) -> Result<Option<f64>> {
        self.trackers.loss()
    }

    /// The epochs that are finished.
    pub fn history(&self) -> &History {
        &self.run.history
    }

    /// The arguments of the run as JSON.
    pub fn arguments(&self) -> &serde_json::Value {
        &self.run.arguments
    }

    /// The model.
    pub fn model(&self) -> &dyn Module {
        self.module
    }

    /// The model's state dict with the averages that a [`WeightAveraging`](crate::WeightAveraging)
    /// among the callbacks keeps; `None` without one and before the first update.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`.
    pub fn averages(&self) -> Result<Option<StateDict>> {
        let averages = self.run.averages.as_ref().map(|averages| averages.borrow());
        let begun = averages.filter(|averages| averages.n_averaged() > 0);
        begun.map(|averages| averages.with_averages(|| self.module.state_dict())).transpose()
    }

    /// The sums of a metric by its name, as of the last measurement: of an epoch's training, or of
    /// its validation once that is over. See [`Trainer::sums`](crate::Trainer::sums).
    ///
    /// # Errors
    /// `Kind::Argument` for a metric that the trainer does not have, `Kind::DeviceLost`.
    pub fn sums(&mut self, name: &str) -> Result<Vec<f64>> {
        self.trackers.sums(name)
    }

    /// The optimizer.
    ///
    /// # Errors
    /// `Kind::Argument` when the trainer has none.
    pub fn optimizer(&mut self) -> Result<&mut (dyn Optimizer + 'static)> {
        self.optimizer.as_deref_mut().ok_or_else(no_optimizer)
    }

    /// The learning rate of the first parameter group.
    ///
    /// # Errors
    /// `Kind::Argument` without an optimizer.
    pub fn lr(&mut self) -> Result<f64> {
        self.optimizer().map(|optimizer| lr(optimizer))
    }

    /// Sets the learning rate. Groups keep their proportions to the first one.
    ///
    /// # Errors
    /// `Kind::Argument` without an optimizer and for a rate that is negative or no number.
    pub fn set_lr(&mut self, lr: f64) -> Result<()> {
        set_lr(self.optimizer()?, lr)
    }

    /// Stops (`false`) or starts (`true`) training the parameters whose path begins with `prefix`,
    /// such as `features.`; all with an empty one. Returns how many there are.
    pub fn set_trainable(&mut self, prefix: &str, trainable: bool) -> usize {
        let mut count = 0;
        walk(self.module, &mut |path, part| {
            if let Part::Parameter(parameter) = part
                && path.starts_with(prefix)
            {
                count += 1;
                // The flag belongs to the shared tensor; the handle is not needed.
                let _ = (**parameter).clone().requires_grad_(trainable);
                if !trainable {
                    parameter.zero_grad();
                }
            }
        });
        count
    }

    /// Ends the training after this batch or epoch, for the reason given.
    pub fn stop(&mut self, reason: impl Into<String>) {
        self.run.stop.get_or_insert(reason.into());
    }

    /// Why the training ends, if somebody stopped it.
    pub fn stopped(&self) -> Option<&str> {
        self.run.stop.as_deref()
    }

    /// Shows a line to the user, unless the run is silent.
    pub fn say(&mut self, line: impl Into<String>) {
        self.run.messages.push(line.into());
    }

    /// Takes the lines that were said and not shown yet.
    pub fn take_messages(&mut self) -> Vec<String> {
        std::mem::take(&mut self.run.messages)
    }

    /// Asks the trainer to write a checkpoint once all callbacks have been told of this event, so
    /// that it holds their states after it. See [`Trainer::save`](crate::Trainer::save).
    pub fn save_checkpoint(&mut self, path: impl Into<PathBuf>) {
        self.run.save.push(path.into());
    }

    /// Asks the trainer to go on from a checkpoint; in `on_train_begin`.
    pub fn restore(&mut self, checkpoint: Files) {
        self.run.restore = Some(checkpoint);
    }

    /// Whether `name` is logged in some epochs, though perhaps not in this one.
    pub fn may_log(&self, name: &str) -> bool {
        let base = name.strip_prefix("val_");
        let names = self.trackers.names();
        names.iter().any(|known| match base {
            Some(base) => self.run.validates && known == base,
            None => known == name,
        }) || self.run.history.last(name).is_some()
    }

    /// What is better for a logged name: the loss falls, and metrics say it themselves.
    pub fn direction(&self, name: &str) -> Option<Direction> {
        self.trackers.direction(name)
    }
}

pub(crate) fn no_optimizer() -> Error {
    Error::argument("fit", "optimizer", "not set", "an optimizer: `.optimizer(Adam::new(..))`")
}

/// The learning rate of the first group.
pub(crate) fn lr(optimizer: &dyn Optimizer) -> f64 {
    let group = optimizer.param_groups().first();
    group.and_then(|group| group.get("lr")).unwrap_or(f64::NAN)
}

pub(crate) fn set_lr(optimizer: &mut dyn Optimizer, new: f64) -> Result<()> {
    if !(new >= 0.0 && new.is_finite()) {
        return Err(Error::argument("fit", "lr", new, "a finite number, 0 or more"));
    }
    let first = lr(optimizer);
    for group in optimizer.param_groups_mut() {
        let own = group.get("lr").unwrap_or(first);
        // Exactly the new rate where the old ones agree: no rounding from the division.
        let scaled = if own == first || first == 0.0 { new } else { own / first * new };
        group.set("lr", scaled);
    }
    Ok(())
}
