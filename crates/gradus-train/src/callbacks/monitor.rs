//! `Monitor`: which logged number a callback watches, and what is better.

use gradus_tensor::{Error, Result};

use crate::context::Context;
use crate::logs::Logs;
use crate::metrics::Direction;

/// What is better for a watched number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MonitorMode {
    /// As the metric says: losses and errors fall, accuracies rise. A name that no metric has is
    /// an error, not a guess.
    #[default]
    Auto,
    /// Smaller is better.
    Min,
    /// Larger is better.
    Max,
}

/// A watched number of one epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Watched {
    pub(crate) value: f64,
    pub(crate) direction: Direction,
}

/// The number called `key` in these logs; `None` in an epoch without validation.
///
/// # Errors
/// `Kind::Argument` for a name that is not logged, listing those that are, and for mode `auto`
/// where nobody knows what is better.
pub(crate) fn watch(
    op: &'static str,
    cx: &Context<'_>,
    logs: &Logs,
    key: &str,
    mode: MonitorMode,
) -> Result<Option<Watched>> {
    let direction = match mode {
        MonitorMode::Min => Some(Direction::Falls),
        MonitorMode::Max => Some(Direction::Rises),
        MonitorMode::Auto => cx.direction(key),
    };
    let Some(value) = value(op, cx, logs, key)? else { return Ok(None) };
    let Some(direction) = direction else {
        let value = format!("auto for {key}, which is no metric of the trainer");
        return Err(Error::argument(op, "mode", value, "min or max"));
    };
    Ok(Some(Watched { value, direction }))
}

/// The number called `key` in these logs; `None` in an epoch without validation.
///
/// # Errors
/// `Kind::Argument` for a name that is not logged, listing those that are.
pub(crate) fn value(
    op: &'static str,
    cx: &Context<'_>,
    logs: &Logs,
    key: &str,
) -> Result<Option<f64>> {
    match logs.get(key) {
        None if cx.may_log(key) => Ok(None),
        None => logs.require(op, key).map(Some),
        value => Ok(value),
    }
}

impl Watched {
    /// Whether this is better than `best` by more than `min_delta`. A first number must be finite.
    pub(crate) fn improves(self, best: Option<f64>, min_delta: f64) -> bool {
        let Some(best) = best else { return self.value.is_finite() };
        match self.direction {
            Direction::Falls => self.value < best - min_delta,
            Direction::Rises => self.value > best + min_delta,
        }
    }
}
