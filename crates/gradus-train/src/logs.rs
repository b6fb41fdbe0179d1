//! `Logs`: named numbers in the order in which they were recorded.

use std::fmt;

use gradus_tensor::{Error, Result};
use serde_json::{Value, json};

use crate::exact;

/// What an epoch or a batch measured: `loss`, `accuracy`, `val_loss` …
///
/// ```
/// use gradus_train::Logs;
/// let mut logs = Logs::default();
/// logs.set("loss", 0.5);
/// logs.set("accuracy", 0.75);
/// logs.set("loss", 0.25);
/// assert_eq!(logs.get("loss"), Some(0.25));
/// assert_eq!(logs.to_string(), "loss 0.2500, accuracy 0.7500");
/// let error = logs.require("early_stopping", "val_loss").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "early_stopping: monitor is val_loss (logged: loss, accuracy), expected a name that is \
///      logged"
/// );
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logs(Vec<(String, f64)>);

impl Logs {
    /// The number of a name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// Records a number; an old one of the same name is replaced in its place.
    pub fn set(&mut self, name: impl Into<String>, value: f64) {
        let name = name.into();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// The names, in order.
    pub fn names(&self) -> Vec<&str> {
        self.iter().map(|(name, _)| name).collect()
    }

    /// Whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of a name that somebody watches.
    ///
    /// # Errors
    /// `Kind::Argument` that lists the names there are.
    pub fn require(&self, op: &'static str, name: &str) -> Result<f64> {
        self.get(name).ok_or_else(|| unknown(op, "monitor", name, &self.names()))
    }

    /// With `prefix` before every name.
    pub(crate) fn prefixed(self, prefix: &str) -> Self {
        Logs(self.0.into_iter().map(|(name, value)| (format!("{prefix}{name}"), value)).collect())
    }

    /// Takes over all of `other`.
    pub(crate) fn extend(&mut self, other: Logs) {
        other.0.into_iter().for_each(|(name, value)| self.set(name, value));
    }

    pub(crate) fn to_json(&self) -> Value {
        self.iter().map(|(name, value)| json!([name, exact::number(value)])).collect()
    }

    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let pair = |pair: &Value| Some((pair[0].as_str()?.to_owned(), exact::read(&pair[1])?));
        value.as_array()?.iter().map(pair).collect::<Option<_>>().map(Logs)
    }
}

/// The error for a name that does not exist, with those that do.
pub(crate) fn unknown(op: &'static str, what: &'static str, name: &str, known: &[&str]) -> Error {
    let known = if known.is_empty() { "nothing yet".to_owned() } else { known.join(", ") };
    Error::argument(op, what, format!("{name} (logged: {known})"), "a name that is logged")
}

impl fmt::Display for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, value)) in self.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            // Learning rates and the like would read 0.0000.
            if value != 0.0 && value.abs() < 1e-3 {
                write!(f, "{comma}{name} {value:.4e}")?;
            } else {
                write!(f, "{comma}{name} {value:.4}")?;
            }
        }
        Ok(())
    }
}
