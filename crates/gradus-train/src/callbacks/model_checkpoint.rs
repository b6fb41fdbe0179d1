//! Saves the model after epochs or batches, all of them or the best.

use std::path::{Path, PathBuf};

use gradus_io::write_safetensors;
use gradus_nn::StateDict;
use gradus_tensor::{Error, Result};
use serde_json::json;

use super::early_stopping::unreadable;
use super::monitor::{MonitorMode, watch};
use super::template::Template;
use crate::callback::{Callback, CallbackState};
use crate::checkpoint::Files;
use crate::context::Context;
use crate::exact;
use crate::logs::Logs;

const OP: &str = "model_checkpoint";

/// How often something is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveFreq {
    /// After every so many epochs (Keras 2: `period`).
    Epochs(usize),
    /// After every so many batches, counted over epochs.
    Batches(usize),
}

impl SaveFreq {
    pub(crate) fn check(self, op: &'static str) -> Result<()> {
        match self {
            SaveFreq::Epochs(0) | SaveFreq::Batches(0) => {
                Err(Error::argument(op, "save_freq", 0, "at least 1"))
            }
            _ => Ok(()),
        }
    }
}

/// Saves the model while it trains. Keras: `ModelCheckpoint`.
///
/// The path may hold `{epoch}` and `{batch}`, counted from 1, and every logged name, with
/// Python's formats: `weights.{epoch:02d}-{val_loss:.2f}.safetensors`. With `save_weights_only`
/// that file is written; else a whole checkpoint, whose [`Files`] that file belongs to.
///
/// ```
/// use gradus_train::{ModelCheckpoint, ModelCheckpointOptions};
/// let path = "weights.{epoch:02d}-{val_loss:.2f}.safetensors";
/// let options = ModelCheckpointOptions { save_best_only: true, ..Default::default() };
/// assert!(ModelCheckpoint::new(path, options).is_ok());
/// assert!(ModelCheckpoint::new("{epoch", ModelCheckpointOptions::default()).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct ModelCheckpoint {
    template: Template,
    options: ModelCheckpointOptions,
    best: Option<f64>,
    batches: usize,
    saved: Option<PathBuf>,
}

/// The arguments of [`ModelCheckpoint`], with Keras' names and defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelCheckpointOptions {
    /// The number that tells what is best.
    pub monitor: String,
    /// Whether to say what happens.
    pub verbose: bool,
    /// Whether to save only what is better than everything before.
    pub save_best_only: bool,
    /// Whether to save the weights alone, without what a training needs to go on.
    pub save_weights_only: bool,
    /// Whether to save the averages of a [`WeightAveraging`](crate::WeightAveraging) among the
    /// callbacks in place of the weights, as soon as there are any: what validation has measured.
    /// With `save_weights_only`; a whole checkpoint has both.
    pub save_averages: bool,
    /// What is better.
    pub mode: MonitorMode,
    /// How often to save.
    pub save_freq: SaveFreq,
    /// The first model must be better than this.
    pub initial_value_threshold: Option<f64>,
}

impl Default for ModelCheckpointOptions {
    fn default() -> Self {
        ModelCheckpointOptions {
            monitor: "val_loss".to_owned(),
            verbose: false,
            save_best_only: false,
            save_weights_only: false,
            save_averages: false,
            mode: MonitorMode::Auto,
            save_freq: SaveFreq::Epochs(1),
            initial_value_threshold: None,
        }
    }
}

impl ModelCheckpoint {
    /// Saves to this path.
    ///
    /// # Errors
    /// `Kind::Argument` for a path whose braces or formats are wrong, a frequency of 0, and
    /// averages without `save_weights_only`.
    pub fn new(filepath: &str, options: ModelCheckpointOptions) -> Result<Self> {
        options.save_freq.check(OP)?;
        if options.save_averages && !options.save_weights_only {
            let expected = "`save_weights_only` beside it: a whole checkpoint holds both";
            return Err(Error::argument(OP, "save_averages", true, expected));
        }
        let (template, best) = (Template::parse(filepath)?, options.initial_value_threshold);
        Ok(ModelCheckpoint { template, options, best, batches: 0, saved: None })
    }

    /// The best number so far.
    pub fn best(&self) -> Option<f64> {
        self.best
    }

    /// The file that was written last.
    pub fn saved(&self) -> Option<&Path> {
        self.saved.as_deref()
    }

    /// What is saved: the weights, or their averages.
    fn weights(&self, cx: &Context<'_>) -> Result<StateDict> {
        if !self.options.save_averages {
            return cx.model().state_dict();
        }
        if cx.run.averages.is_none() {
            let expected = "a `WeightAveraging` among the callbacks";
            return Err(Error::argument(OP, "save_averages", true, expected));
        }
        match cx.averages()? {
            Some(averages) => Ok(averages),
            None => cx.model().state_dict(),
        }
    }

    fn save(&mut self, cx: &mut Context<'_>, mut logs: Logs) -> Result<()> {
        if self.options.save_best_only {
            let (monitor, mode) = (&self.options.monitor, self.options.mode);
            match watch(OP, cx, &logs, monitor, mode)? {
                Some(now) if now.improves(self.best, 0.0) => self.best = Some(now.value),
                _ => return Ok(()),
            }
        }
        logs.set("epoch", (cx.epoch() + 1) as f64);
        logs.set("batch", (cx.batch() + 1) as f64);
        let path = PathBuf::from(self.template.fill(&logs)?);
        if self.options.save_weights_only {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(|error| Error::io(parent, error))?;
            }
            write_safetensors(&path, &self.weights(cx)?, &Default::default())?;
        } else {
            cx.save_checkpoint(Files::at(&path).weights());
        }
        if self.options.verbose {
            cx.say(format!("epoch {}: saving {}", cx.epoch() + 1, path.display()));
        }
        self.saved = Some(path);
        Ok(())
    }
}

impl Callback for ModelCheckpoint {
    fn name(&self) -> &'static str {
        OP
    }

    fn on_train_batch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let SaveFreq::Batches(freq) = self.options.save_freq else { return Ok(()) };
        self.batches += 1;
        if self.batches < freq {
            return Ok(());
        }
        self.batches = 0;
        let logs = cx.running()?;
        self.save(cx, logs)
    }

    fn on_epoch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        match self.options.save_freq {
            SaveFreq::Epochs(freq) if (cx.epoch() + 1).is_multiple_of(freq) => {
                let logs = cx.logs().clone();
                self.save(cx, logs)
            }
            _ => Ok(()),
        }
    }

    fn state(&mut self) -> Result<CallbackState> {
        let best = self.best.map(exact::number);
        Ok(CallbackState::new(json!({ "best": best, "batches": self.batches })))
    }

    fn load_state(&mut self, state: CallbackState) -> Result<()> {
        let value = &state.value;
        self.batches = exact::count(&value["batches"]).ok_or_else(|| unreadable(OP, value))?;
        self.best = exact::read(&value["best"]);
        Ok(())
    }
}
