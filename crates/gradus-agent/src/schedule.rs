//! Numbers that change while an agent learns.

use gradus_tensor::Result;

use crate::persist::{Persist, Source, read};

/// A number as a function of time: of episodes for tables, of steps for networks.
///
/// ```
/// use gradus_agent::Schedule;
/// let epsilon = Schedule::linear(1.0, 0.1, 900);
/// assert_eq!((epsilon.at(0), epsilon.at(450), epsilon.at(5_000)), (1.0, 0.55, 0.1));
/// let epsilon = Schedule::exponential(1.0, 0.01, 0.5);
/// assert_eq!((epsilon.at(3), epsilon.at(100)), (0.125, 0.01));
/// assert_eq!(Schedule::from(0.1).at(7), 0.1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Schedule {
    /// Always the same.
    Constant(f64),
    /// Along a line, and then the same.
    Linear {
        /// At time 0.
        start: f64,
        /// From time `over` on.
        end: f64,
        /// How long the line is.
        over: u64,
    },
    /// Multiplied by `decay` each time, down to an end.
    Exponential {
        /// At time 0.
        start: f64,
        /// The least.
        end: f64,
        /// The factor.
        decay: f64,
    },
}

impl Schedule {
    /// Along a line for `over` units of time.
    pub fn linear(start: f64, end: f64, over: u64) -> Self {
        Schedule::Linear { start, end, over }
    }

    /// Multiplied by `decay` each unit of time, not below `end`.
    pub fn exponential(start: f64, end: f64, decay: f64) -> Self {
        Schedule::Exponential { start, end, decay }
    }

    /// The number at a time.
    pub fn at(&self, time: u64) -> f64 {
        match *self {
            Schedule::Constant(value) => value,
            Schedule::Linear { end, over, .. } if time >= over => end,
            Schedule::Linear { start, end, over } => {
                start + (end - start) * (time as f64 / over as f64)
            }
            Schedule::Exponential { start, end, decay } => {
                (start * decay.powi(time.min(i32::MAX as u64) as i32)).max(end)
            }
        }
    }
}

impl From<f64> for Schedule {
    fn from(value: f64) -> Self {
        Schedule::Constant(value)
    }
}

impl Persist for Schedule {
    fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        match *self {
            Schedule::Constant(value) => (0u8, value, 0.0, 0.0).save(out),
            Schedule::Linear { start, end, over } => (1u8, start, end, over as f64).save(out),
            Schedule::Exponential { start, end, decay } => (2u8, start, end, decay).save(out),
        }
    }

    fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
        let (kind, start, end, last): (u8, f64, f64, f64) = read(from)?;
        *self = match kind {
            0 => Schedule::Constant(start),
            1 => Schedule::Linear { start, end, over: last as u64 },
            2 => Schedule::Exponential { start, end, decay: last },
            _ => return Err(from.bad(format!("{kind} is no schedule"))),
        };
        Ok(())
    }
}
