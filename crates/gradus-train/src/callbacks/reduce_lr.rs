//! Lowers the learning rate when a number no longer improves.

use gradus_tensor::{Error, Result};
use serde_json::json;

use super::early_stopping::unreadable;
use super::monitor::{MonitorMode, watch};
use crate::callback::{Callback, CallbackState};
use crate::context::Context;
use crate::exact;

const OP: &str = "reduce_lr_on_plateau";

/// Multiplies the learning rate by a factor when a watched number has not improved for some
/// epochs: `new_lr = lr * factor`. Keras: `ReduceLROnPlateau`. Logs `learning_rate`.
///
/// ```
/// use gradus_train::{ReduceLrOnPlateau, ReduceLrOptions};
/// let reduce = ReduceLrOnPlateau::new(ReduceLrOptions { factor: 0.5, ..Default::default() })?;
/// assert_eq!(reduce.best(), None);
/// let options = ReduceLrOptions { factor: 1.0, ..Default::default() };
/// let error = ReduceLrOnPlateau::new(options).unwrap_err();
/// assert_eq!(error.to_string(), "reduce_lr_on_plateau: factor is 1, expected 0 to below 1");
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ReduceLrOnPlateau {
    options: ReduceLrOptions,
    best: Option<f64>,
    wait: usize,
    cooldown: usize,
}

/// The arguments of [`ReduceLrOnPlateau`], with Keras' names and defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct ReduceLrOptions {
    /// The number to watch.
    pub monitor: String,
    /// What the learning rate is multiplied by, below 1.
    pub factor: f64,
    /// Epochs without improvement after which that happens.
    pub patience: usize,
    /// What is better.
    pub mode: MonitorMode,
    /// A smaller change is no improvement.
    pub min_delta: f64,
    /// Epochs to wait after a reduction before counting begins again.
    pub cooldown: usize,
    /// The learning rate does not fall below.
    pub min_lr: f64,
    /// Whether to say what happens.
    pub verbose: bool,
}

impl Default for ReduceLrOptions {
    fn default() -> Self {
        ReduceLrOptions {
            monitor: "val_loss".to_owned(),
            factor: 0.1,
            patience: 10,
            mode: MonitorMode::Auto,
            min_delta: 1e-4,
            cooldown: 0,
            min_lr: 0.0,
            verbose: false,
        }
    }
}

impl ReduceLrOnPlateau {
    /// With these arguments.
    ///
    /// # Errors
    /// `Kind::Argument` for a factor that would not reduce.
    pub fn new(options: ReduceLrOptions) -> Result<Self> {
        if !(0.0..1.0).contains(&options.factor) {
            return Err(Error::argument(OP, "factor", options.factor, "0 to below 1"));
        }
        Ok(ReduceLrOnPlateau { options, best: None, wait: 0, cooldown: 0 })
    }

    /// The best number so far.
    pub fn best(&self) -> Option<f64> {
        self.best
    }
}

impl Callback for ReduceLrOnPlateau {
    fn name(&self) -> &'static str {
        OP
    }

    fn on_train_begin(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        (self.best, self.wait, self.cooldown) = (None, 0, 0);
        Ok(())
    }

    fn on_epoch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let lr = cx.lr()?;
        cx.log("learning_rate", lr);
        let options = &self.options;
        let watched = watch(OP, cx, cx.logs(), &options.monitor, options.mode)?;
        let Some(now) = watched else { return Ok(()) };
        if self.cooldown > 0 {
            self.cooldown -= 1;
            self.wait = 0;
        }
        if now.improves(self.best, options.min_delta) {
            (self.best, self.wait) = (Some(now.value), 0);
        } else if self.cooldown == 0 {
            self.wait += 1;
            if self.wait >= options.patience && lr > options.min_lr {
                let new = (lr * options.factor).max(options.min_lr);
                cx.set_lr(new)?;
                if options.verbose {
                    cx.say(format!("epoch {}: learning rate {lr} becomes {new}", cx.epoch() + 1));
                }
                (self.cooldown, self.wait) = (options.cooldown, 0);
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<CallbackState> {
        let best = self.best.map(exact::number);
        let value = json!({ "best": best, "wait": self.wait, "cooldown": self.cooldown });
        Ok(CallbackState::new(value))
    }

    fn load_state(&mut self, state: CallbackState) -> Result<()> {
        let value = &state.value;
        let counts = exact::count(&value["wait"]).zip(exact::count(&value["cooldown"]));
        (self.wait, self.cooldown) = counts.ok_or_else(|| unreadable(OP, value))?;
        self.best = exact::read(&value["best"]);
        Ok(())
    }
}
