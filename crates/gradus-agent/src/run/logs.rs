//! Consumers of events that need other crates: a progress bar, TensorBoard.

use std::path::Path;

use gradus_tensor::Result;
use gradus_train::EventWriter;
use indicatif::ProgressStyle;

use super::consumers::Statistics;
use super::event::Event;

/// A bar in the terminal: steps, episodes, the mean return of the last 100, the loss.
#[derive(Debug)]
pub struct ProgressBar {
    bar: indicatif::ProgressBar,
    statistics: Statistics,
}

/// Steps between two looks of the bar.
const EVERY: u64 = 64;

impl ProgressBar {
    /// For a run of so many steps.
    pub fn new(steps: u64) -> Self {
        let bar = indicatif::ProgressBar::new(steps);
        let template = "{bar:24} {pos}/{len} steps, {per_sec}, {eta} left {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        ProgressBar { bar, statistics: Statistics::new(100) }
    }

    /// Takes an event in.
    pub fn take(&mut self, event: &Event) {
        self.statistics.take(event);
        if let Event::Step { step, .. } = event
            && step.is_multiple_of(EVERY)
        {
            self.bar.set_position(*step);
            let (episodes, mean) = (self.statistics.episodes(), self.statistics.mean_reward());
            let loss = self.statistics.loss().map(|loss| format!(", loss {loss:.4}"));
            let loss = loss.unwrap_or_default();
            self.bar.set_message(format!("| {episodes} episodes, mean return {mean:.3}{loss}"));
        }
    }

    /// Leaves the last line in the terminal.
    pub fn finish(&self) {
        self.bar.finish();
    }
}

/// Numbers for TensorBoard: `episode/reward`, `episode/length`, `train/loss`.
#[derive(Debug)]
pub struct TensorBoardLog {
    writer: EventWriter,
}

impl TensorBoardLog {
    /// To a new file in this directory.
    ///
    /// # Errors
    /// `Kind::Io`.
    pub fn create(dir: impl AsRef<Path>) -> Result<Self> {
        Ok(TensorBoardLog { writer: EventWriter::create(dir)? })
    }

    /// Takes an event in.
    ///
    /// # Errors
    /// `Kind::Io`.
    pub fn take(&mut self, event: &Event) -> Result<()> {
        let step = event.step() as i64;
        match event {
            Event::Step { .. } | Event::Update { loss: None, .. } => Ok(()),
            Event::Update { loss: Some(loss), .. } => self.writer.scalar(step, "train/loss", *loss),
            Event::Episode(end) => {
                self.writer.scalar(step, "episode/reward", end.reward)?;
                self.writer.scalar(step, "episode/length", end.length as f64)
            }
        }
    }

    /// Adds a number of the program's own, such as an evaluation.
    ///
    /// # Errors
    /// `Kind::Io`.
    pub fn scalar(&mut self, step: u64, tag: &str, value: f64) -> Result<()> {
        self.writer.scalar(step as i64, tag, value)
    }

    /// Writes out what is held back.
    ///
    /// # Errors
    /// `Kind::Io`.
    pub fn flush(&mut self) -> Result<()> {
        self.writer.flush()
    }
}
