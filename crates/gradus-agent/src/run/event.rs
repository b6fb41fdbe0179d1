//! What happens while an agent learns.

use gradus_tensor::Result;

use crate::persist::{Persist, Source, read};

/// Something that happened. `step` counts the steps of the environment, from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// A step of the environment.
    Step {
        /// Its number.
        step: u64,
        /// Its reward.
        reward: f64,
    },
    /// The agent learned.
    Update {
        /// After which step.
        step: u64,
        /// How many updates.
        updates: usize,
        /// The loss of the last one, if the agent says.
        loss: Option<f64>,
    },
    /// An episode is over.
    Episode(EpisodeEnd),
}

/// An episode that is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpisodeEnd {
    /// The number of its last step.
    pub step: u64,
    /// Its number, from 1.
    pub episode: u64,
    /// The sum of its rewards.
    pub reward: f64,
    /// Its number of steps.
    pub length: u64,
    /// Whether the world ended it, rather than a limit.
    pub terminated: bool,
}

impl Persist for Event {
    fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        match *self {
            Event::Step { step, reward } => (0u8, step, reward).save(out),
            Event::Update { step, updates, loss } => (1u8, step, updates, loss).save(out),
            Event::Episode(EpisodeEnd { step, episode, reward, length, terminated }) => {
                (2u8, step, episode, (reward, length), terminated).save(out)
            }
        }
    }

    fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
        let (kind, step): (u8, u64) = read(from)?;
        *self = match kind {
            0 => Event::Step { step, reward: read(from)? },
            1 => {
                let (updates, loss) = read(from)?;
                Event::Update { step, updates, loss }
            }
            2 => {
                let (episode, (reward, length), terminated) = read(from)?;
                Event::Episode(EpisodeEnd { step, episode, reward, length, terminated })
            }
            _ => return Err(from.bad(format!("{kind} is no event"))),
        };
        Ok(())
    }
}

impl Default for Event {
    fn default() -> Self {
        Event::Step { step: 0, reward: 0.0 }
    }
}

impl Event {
    /// The number of the step that it belongs to.
    pub fn step(&self) -> u64 {
        match self {
            Event::Step { step, .. } | Event::Update { step, .. } => *step,
            Event::Episode(end) => end.step,
        }
    }
}
