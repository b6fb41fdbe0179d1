//! A CSV file with a line for every epoch.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use gradus_io::read_file;
use gradus_tensor::{Error, Result};
use serde_json::{Value, json};

use super::early_stopping::unreadable;
use crate::callback::{Callback, CallbackState};
use crate::context::Context;

const OP: &str = "csv_logger";

/// Writes the logs of every epoch as a line of a CSV file. Keras: `CSVLogger`.
///
/// The columns are those of the first epoch that is written; a number that a later epoch lacks is
/// `NA`. A training that goes on from a checkpoint cuts off the lines after it, so the file is
/// the one of a training that was never interrupted.
///
/// ```
/// use gradus_train::CsvLogger;
/// let logger = CsvLogger::new("training.csv").separator(';').append(true);
/// assert_eq!(logger.path().to_str(), Some("training.csv"));
/// ```
#[derive(Clone, Debug)]
pub struct CsvLogger {
    path: PathBuf,
    separator: char,
    append: bool,
    columns: Vec<String>,
    /// Length of the file, in bytes, once this training has written to it.
    length: Option<u64>,
}

impl CsvLogger {
    /// To this file, which is overwritten.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        CsvLogger { path, separator: ',', append: false, columns: Vec::new(), length: None }
    }

    /// What stands between numbers.
    #[must_use]
    pub fn separator(mut self, separator: char) -> Self {
        self.separator = separator;
        self
    }

    /// Whether to add to a file that is there, whose columns then stay.
    #[must_use]
    pub fn append(mut self, append: bool) -> Self {
        self.append = append;
        self
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write(&mut self, line: &str) -> Result<()> {
        let written = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .and_then(|mut file| file.write_all(line.as_bytes()));
        written.map_err(|error| Error::io(&self.path, error))?;
        self.length = self.length.map(|length| length + line.len() as u64);
        Ok(())
    }

    /// Goes on after the first `length` bytes, whose first line names the columns.
    fn continue_at(&mut self, length: u64) -> Result<()> {
        let mut bytes = if self.path.exists() { read_file(&self.path)? } else { Vec::new() };
        if (bytes.len() as u64) < length {
            let problem = format!("{length} bytes were written, {} are there", bytes.len());
            return Err(Error::format(&self.path, "csv", None, problem));
        }
        bytes.truncate(length as usize);
        let text = String::from_utf8_lossy(&bytes);
        let head = text.lines().next().unwrap_or_default();
        self.columns = head.split(self.separator).skip(1).map(str::to_owned).collect();
        self.length = Some(length);
        gradus_io::write_atomic(&self.path, |file| file.write_all(&bytes))
    }
}

impl Callback for CsvLogger {
    fn name(&self) -> &'static str {
        OP
    }

    fn on_train_begin(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        // What is there stays until the first line: this may be a training that goes on.
        (self.length, self.columns) = (None, Vec::new());
        Ok(())
    }

    fn on_epoch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let separator = self.separator.to_string();
        if self.length.is_none() {
            if let Some(parent) = self.path.parent() {
                fs::create_dir_all(parent).map_err(|error| Error::io(parent, error))?;
            }
            let length = fs::metadata(&self.path).map_or(0, |file| file.len());
            self.continue_at(if self.append { length } else { 0 })?;
        }
        if self.columns.is_empty() {
            self.columns = cx.logs().names().into_iter().map(str::to_owned).collect();
            let head = format!("epoch{separator}{}\n", self.columns.join(&separator));
            self.write(&head)?;
        }
        let mut line = cx.epoch().to_string();
        for column in &self.columns {
            line.push_str(&separator);
            match cx.logs().get(column) {
                Some(value) => line.push_str(&value.to_string()),
                None => line.push_str("NA"),
            }
        }
        line.push('\n');
        self.write(&line)
    }

    fn state(&mut self) -> Result<CallbackState> {
        Ok(CallbackState::new(json!(self.length)))
    }

    fn load_state(&mut self, state: CallbackState) -> Result<()> {
        match (&state.value, state.value.as_u64()) {
            (Value::Null, _) => Ok(()),
            (_, Some(length)) => self.continue_at(length),
            (value, None) => Err(unreadable(OP, value)),
        }
    }
}
