//! The progress bar, and its quiet form for logs.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use gradus_tensor::{Error, Result};
use indicatif::{ProgressBar as Bar, ProgressStyle};

use crate::callback::Callback;
use crate::context::Context;
use crate::logs::Logs;
use crate::options::Verbose;

/// How often running numbers are read from the device.
const REFRESH: Duration = Duration::from_millis(100);
const STYLE: &str = "epoch {prefix} {bar:25} batch {pos}/{len} {msg}";

/// Shows how the training goes. `fit` adds one by itself, as `verbose` says.
///
/// On a terminal, a bar with the running loss and metrics, read ten times a second; then, and
/// elsewhere, one line an epoch with epoch, batches, iterations and everything measured. When
/// validation is worse than training, the line says by how much: the gap of an overfitted model.
///
/// ```
/// use gradus_train::{ProgressBar, Verbose};
/// let bar = ProgressBar::new(Verbose::Lines);
/// assert!(!bar.is_bar());
/// ```
pub struct ProgressBar {
    shown: Shown,
    out: Box<dyn Write>,
    bar: Option<Bar>,
    epoch_start: Instant,
    refreshed: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Nothing,
    Lines,
    Bar,
}

impl ProgressBar {
    /// To the terminal, or line by line to the standard output.
    pub fn new(verbose: Verbose) -> Self {
        let shown = match verbose {
            Verbose::Silent => Shown::Nothing,
            Verbose::Lines => Shown::Lines,
            Verbose::Bar => Shown::Bar,
            Verbose::Auto if io::stderr().is_terminal() => Shown::Bar,
            Verbose::Auto => Shown::Lines,
        };
        let (epoch_start, refreshed) = (Instant::now(), Instant::now());
        ProgressBar { shown, out: Box::new(io::stdout()), bar: None, epoch_start, refreshed }
    }

    /// Line by line to a writer.
    pub fn to_writer(out: impl Write + 'static) -> Self {
        ProgressBar { out: Box::new(out), ..ProgressBar::new(Verbose::Lines) }
    }

    /// Whether a bar is drawn.
    pub fn is_bar(&self) -> bool {
        self.shown == Shown::Bar
    }

    fn line(&mut self, text: &str) -> Result<()> {
        if let Some(bar) = &self.bar {
            bar.println(text);
            return Ok(());
        }
        writeln!(self.out, "{text}").map_err(|error| Error::io("standard output", error))
    }

    fn messages(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let messages = cx.take_messages();
        if self.shown == Shown::Nothing {
            return Ok(());
        }
        messages.iter().try_for_each(|message| self.line(message))
    }

    fn start(&mut self, cx: &Context<'_>) {
        (self.epoch_start, self.refreshed) = (Instant::now(), Instant::now());
        if self.shown == Shown::Bar {
            let style = ProgressStyle::with_template(STYLE);
            let bar = Bar::new(cx.batches() as u64);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(format!("{}/{}", cx.epoch() + 1, cx.epochs()));
            self.bar = Some(bar);
        }
    }
}

impl Callback for ProgressBar {
    fn name(&self) -> &'static str {
        "progress_bar"
    }

    fn on_epoch_begin(&mut self, cx: &mut Context<'_>) -> Result<()> {
        self.start(cx);
        self.messages(cx)
    }

    fn on_train_batch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        if self.shown == Shown::Bar {
            // A training that goes on in the middle of an epoch has had no beginning.
            if self.bar.is_none() {
                self.start(cx);
            }
            let read = self.refreshed.elapsed() >= REFRESH || cx.batch() + 1 == cx.batches();
            let text = if read { Some(cx.running()?.to_string()) } else { None };
            if let Some(bar) = &self.bar {
                bar.set_position(cx.batch() as u64 + 1);
                if let Some(text) = text {
                    self.refreshed = Instant::now();
                    bar.set_message(text);
                }
            }
        }
        self.messages(cx)
    }

    fn on_epoch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if self.shown != Shown::Nothing {
            let seconds = self.epoch_start.elapsed().as_secs_f64();
            let (epoch, epochs, batches) = (cx.epoch() + 1, cx.epochs(), cx.batches());
            let head = format!("epoch {epoch}/{epochs} batch {batches}/{batches}");
            let gap = gap(cx.logs()).map(|gap| format!(", gap {gap:+.4}")).unwrap_or_default();
            let (iteration, logs) = (cx.iteration(), cx.logs());
            let line = format!("{head} iteration {iteration} {seconds:.1} s: {logs}{gap}");
            self.line(&line)?;
        }
        self.messages(cx)
    }

    fn on_train_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        if let Some(reason) = cx.stopped().map(str::to_owned) {
            cx.say(format!("stopped: {reason}"));
        }
        self.messages(cx)
    }
}

/// By how much the loss of validation is above that of training, if it is.
fn gap(logs: &Logs) -> Option<f64> {
    Some(logs.get("val_loss")? - logs.get("loss")?).filter(|gap| *gap > 0.0)
}
