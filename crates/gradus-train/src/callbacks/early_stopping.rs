//! Stops a training that no longer improves.

use gradus_nn::StateDict;
use gradus_tensor::{Error, Result};
use serde_json::{Value, json};

use super::monitor::{MonitorMode, watch};
use crate::callback::{Callback, CallbackState};
use crate::context::Context;
use crate::exact;

const OP: &str = "early_stopping";

/// Stops when a watched number has not improved for some epochs. Keras: `EarlyStopping`.
///
/// ```
/// use gradus_train::{EarlyStopping, EarlyStoppingOptions};
/// let stop = EarlyStopping::new(EarlyStoppingOptions {
///     monitor: "val_accuracy".into(),
///     patience: 3,
///     restore_best_weights: true,
///     ..Default::default()
/// });
/// assert_eq!(stop.stopped_epoch(), None);
/// ```
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    options: EarlyStoppingOptions,
    wait: usize,
    best: Option<f64>,
    best_epoch: usize,
    best_weights: Option<StateDict>,
    stopped_epoch: Option<usize>,
}

/// The arguments of [`EarlyStopping`], with Keras' names and defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct EarlyStoppingOptions {
    /// The number to watch.
    pub monitor: String,
    /// A smaller change is no improvement.
    pub min_delta: f64,
    /// Epochs without improvement after which the training ends; 0 ends it at the first.
    pub patience: usize,
    /// What is better.
    pub mode: MonitorMode,
    /// The number must become better than this one.
    pub baseline: Option<f64>,
    /// Whether the model gets the weights of its best epoch in the end.
    pub restore_best_weights: bool,
    /// Epochs before this one are not watched.
    pub start_from_epoch: usize,
    /// Whether to say what happens.
    pub verbose: bool,
}

impl Default for EarlyStoppingOptions {
    fn default() -> Self {
        EarlyStoppingOptions {
            monitor: "val_loss".to_owned(),
            min_delta: 0.0,
            patience: 0,
            mode: MonitorMode::Auto,
            baseline: None,
            restore_best_weights: false,
            start_from_epoch: 0,
            verbose: false,
        }
    }
}

impl EarlyStopping {
    /// With these arguments.
    pub fn new(options: EarlyStoppingOptions) -> Self {
        EarlyStopping {
            options,
            wait: 0,
            best: None,
            best_epoch: 0,
            best_weights: None,
            stopped_epoch: None,
        }
    }

    /// The epoch after which the training was stopped.
    pub fn stopped_epoch(&self) -> Option<usize> {
        self.stopped_epoch
    }

    /// The best epoch.
    pub fn best_epoch(&self) -> usize {
        self.best_epoch
    }

    /// The best number so far.
    pub fn best(&self) -> Option<f64> {
        self.best
    }
}

impl Callback for EarlyStopping {
    fn name(&self) -> &'static str {
        OP
    }

    fn on_train_begin(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        *self = EarlyStopping::new(self.options.clone());
        Ok(())
    }

    fn on_epoch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let options = &self.options;
        let epoch = cx.epoch();
        let watched = watch(OP, cx, cx.logs(), &options.monitor, options.mode)?;
        let Some(now) = watched else { return Ok(()) };
        if epoch < options.start_from_epoch {
            return Ok(());
        }
        if options.restore_best_weights && self.best_weights.is_none() {
            // Nothing may ever improve: then the first epoch is the best.
            self.best_weights = Some(cx.model().state_dict()?);
            self.best_epoch = epoch;
        }
        self.wait += 1;
        if now.improves(self.best, options.min_delta) {
            self.best = Some(now.value);
            self.best_epoch = epoch;
            if options.restore_best_weights {
                self.best_weights = Some(cx.model().state_dict()?);
            }
            // Without a baseline, or beyond it, the patience begins anew.
            if options.baseline.is_none() || now.improves(options.baseline, options.min_delta) {
                self.wait = 0;
            }
            return Ok(());
        }
        if self.wait >= options.patience && epoch > 0 {
            self.stopped_epoch = Some(epoch);
            let (monitor, best) = (&options.monitor, self.best.unwrap_or(f64::NAN));
            cx.stop(format!(
                "{monitor} has not improved on {best:.5} for {} epochs (epoch {})",
                self.wait,
                epoch + 1
            ));
        }
        Ok(())
    }

    fn on_train_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        if let Some(weights) = self.best_weights.take() {
            cx.model().load_state_dict(&weights)?;
            if self.options.verbose {
                cx.say(format!("the weights of epoch {} are back", self.best_epoch + 1));
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<CallbackState> {
        let value = json!({
            "wait": self.wait,
            "best": self.best.map(exact::number),
            "best_epoch": self.best_epoch,
            "stopped_epoch": self.stopped_epoch,
            "weights": self.best_weights.is_some(),
        });
        let tensors = self.best_weights.clone().unwrap_or_default();
        Ok(CallbackState { value, tensors })
    }

    fn load_state(&mut self, state: CallbackState) -> Result<()> {
        let value = &state.value;
        let counts = exact::count(&value["wait"]).zip(exact::count(&value["best_epoch"]));
        let (wait, best_epoch) = counts.ok_or_else(|| unreadable(OP, value))?;
        (self.wait, self.best_epoch) = (wait, best_epoch);
        self.best = exact::read(&value["best"]);
        self.stopped_epoch = exact::count(&value["stopped_epoch"]);
        self.best_weights = (value["weights"] == json!(true)).then_some(state.tensors);
        Ok(())
    }
}

/// The error for a state of another callback.
pub(crate) fn unreadable(op: &'static str, value: &Value) -> Error {
    Error::argument(op, "state", value, "a state that this callback saved")
}
