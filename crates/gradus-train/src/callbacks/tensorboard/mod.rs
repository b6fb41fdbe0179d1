//! Event files for TensorBoard: scalars, and histograms of the weights.

mod message;
mod record;

use std::path::PathBuf;
use std::time::Instant;

use gradus_tensor::Result;

use self::message::Histogram;
pub use self::message::{Event, EventValue};
use self::record::Writer;
pub use self::record::{Writer as EventWriter, read_events};
use crate::callback::Callback;
use crate::context::Context;
use crate::logs::Logs;

/// How often training numbers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpdateFreq {
    /// After every epoch.
    #[default]
    Epoch,
    /// Also after every so many batches, with the running means; waits for the device each time.
    Batches(usize),
}

/// Writes event files that TensorBoard shows: `log_dir/train` and `log_dir/validation`. Keras:
/// `TensorBoard`, whose tags these are: `epoch_loss`, `batch_loss` …
///
/// Files: <https://github.com/tensorflow/tensorboard>; a training that goes on writes files of
/// its own, which TensorBoard joins by their steps.
///
/// ```
/// use gradus_train::TensorBoard;
/// let board = TensorBoard::new("logs").histogram_freq(1);
/// assert_eq!(board.log_dir().to_str(), Some("logs"));
/// ```
#[derive(Debug)]
pub struct TensorBoard {
    log_dir: PathBuf,
    histogram_freq: usize,
    write_steps_per_second: bool,
    update_freq: UpdateFreq,
    train: Option<Writer>,
    validation: Option<Writer>,
    epoch_start: (Instant, u64),
}

impl TensorBoard {
    /// Below this directory.
    pub fn new(log_dir: impl Into<PathBuf>) -> Self {
        TensorBoard {
            log_dir: log_dir.into(),
            histogram_freq: 0,
            write_steps_per_second: false,
            update_freq: UpdateFreq::Epoch,
            train: None,
            validation: None,
            epoch_start: (Instant::now(), 0),
        }
    }

    /// Writes histograms of the parameters every so many epochs; 0, as by default, never.
    #[must_use]
    pub fn histogram_freq(mut self, epochs: usize) -> Self {
        self.histogram_freq = epochs;
        self
    }

    /// Whether to write how many training steps a second takes: `epoch_steps_per_second`.
    #[must_use]
    pub fn write_steps_per_second(mut self, write: bool) -> Self {
        self.write_steps_per_second = write;
        self
    }

    /// How often training numbers are written.
    #[must_use]
    pub fn update_freq(mut self, update_freq: UpdateFreq) -> Self {
        self.update_freq = update_freq;
        self
    }

    /// The directory.
    pub fn log_dir(&self) -> &std::path::Path {
        &self.log_dir
    }

    fn train(&mut self) -> Result<&mut Writer> {
        writer(&mut self.train, || self.log_dir.join("train"))
    }

    fn histograms(&mut self, cx: &Context<'_>) -> Result<()> {
        let step = cx.epoch() as i64;
        for (name, tensor) in cx.model().named_parameters() {
            let values = tensor.float()?.to_vec::<f32>()?;
            let event = EventValue::Histogram(Histogram::of(&values));
            self.train()?.add(step, &format!("{name}/histogram"), event)?;
        }
        Ok(())
    }
}

fn writer(slot: &mut Option<Writer>, dir: impl FnOnce() -> PathBuf) -> Result<&mut Writer> {
    match slot {
        Some(writer) => Ok(writer),
        None => Ok(slot.insert(Writer::create(dir())?)),
    }
}

fn scalars(writer: &mut Writer, step: i64, logs: &Logs, prefix: &str) -> Result<()> {
    for (name, value) in logs.iter() {
        writer.add(step, &format!("{prefix}{name}"), EventValue::Scalar(value as f32))?;
    }
    writer.flush()
}

impl Callback for TensorBoard {
    fn name(&self) -> &'static str {
        "tensor_board"
    }

    fn on_train_begin(&mut self, cx: &mut Context<'_>) -> Result<()> {
        (self.train, self.validation) = (None, None);
        self.epoch_start = (Instant::now(), cx.iteration());
        Ok(())
    }

    fn on_epoch_begin(&mut self, cx: &mut Context<'_>) -> Result<()> {
        self.epoch_start = (Instant::now(), cx.iteration());
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        match self.update_freq {
            UpdateFreq::Batches(freq) if cx.iteration().is_multiple_of(freq.max(1) as u64) => {
                let (step, logs) = (cx.iteration() as i64, cx.running()?);
                scalars(self.train()?, step, &logs, "batch_")
            }
            _ => Ok(()),
        }
    }

    fn on_epoch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let (mut train, mut validation) = (Logs::default(), Logs::default());
        for (name, value) in cx.logs().iter() {
            match name.strip_prefix("val_") {
                Some(name) => validation.set(name, value),
                None => train.set(name, value),
            }
        }
        if self.write_steps_per_second {
            let steps = (cx.iteration() - self.epoch_start.1) as f64;
            train.set("steps_per_second", steps / self.epoch_start.0.elapsed().as_secs_f64());
        }
        let epoch = cx.epoch();
        if self.histogram_freq > 0 && epoch.is_multiple_of(self.histogram_freq) {
            self.histograms(cx)?;
        }
        scalars(self.train()?, epoch as i64, &train, "epoch_")?;
        if !validation.is_empty() {
            let writer = writer(&mut self.validation, || self.log_dir.join("validation"))?;
            scalars(writer, epoch as i64, &validation, "epoch_")?;
        }
        Ok(())
    }
}
