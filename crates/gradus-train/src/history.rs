//! `History`: what every epoch of a training measured.

use gradus_tensor::Result;
use serde_json::{Value, json};

use crate::exact;
use crate::logs::{Logs, unknown};

/// What `fit` returns: the logs of every epoch. Keras: `History`.
///
/// ```
/// # use gradus_train::{History, Logs};
/// # let mut history = History::default();
/// # for (epoch, loss) in [(0, 0.5), (1, 0.25)] {
/// #     let mut logs = Logs::default();
/// #     logs.set("loss", loss);
/// #     history.push(epoch, logs);
/// # }
/// assert_eq!(history.get("loss")?, [0.5, 0.25]);
/// assert_eq!(history.epochs(), [0, 1]);
/// assert_eq!(history.last("loss"), Some(0.25));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    rows: Vec<(usize, Logs)>,
}

impl History {
    /// The numbers of every epoch, counted from 0.
    pub fn epochs(&self) -> Vec<usize> {
        self.rows.iter().map(|(epoch, _)| *epoch).collect()
    }

    /// One name over the epochs in which it was measured.
    ///
    /// # Errors
    /// `Kind::Argument` for a name that no epoch logged, with those that were.
    pub fn get(&self, name: &str) -> Result<Vec<f64>> {
        let series: Vec<f64> = self.rows.iter().filter_map(|(_, logs)| logs.get(name)).collect();
        if series.is_empty() {
            let known = self.rows.last().map(|(_, logs)| logs.names()).unwrap_or_default();
            return Err(unknown("history", "name", name, &known));
        }
        Ok(series)
    }

    /// The newest number of a name.
    pub fn last(&self, name: &str) -> Option<f64> {
        self.rows.iter().rev().find_map(|(_, logs)| logs.get(name))
    }

    /// The logs of every epoch with its number.
    pub fn rows(&self) -> &[(usize, Logs)] {
        &self.rows
    }

    /// Number of epochs.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no epoch was finished.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds an epoch.
    pub fn push(&mut self, epoch: usize, logs: Logs) {
        self.rows.push((epoch, logs));
    }

    pub(crate) fn to_json(&self) -> Value {
        self.rows.iter().map(|(epoch, logs)| json!([epoch, logs.to_json()])).collect()
    }

    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let row = |row: &Value| Some((exact::count(&row[0])?, Logs::from_json(&row[1])?));
        let rows = value.as_array()?.iter().map(row).collect::<Option<_>>()?;
        Some(History { rows })
    }
}
