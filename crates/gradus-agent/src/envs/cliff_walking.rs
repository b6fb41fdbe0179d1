//! Cliff walking: the short way leads along an edge.

use gradus_tensor::Result;

use super::table::{Outcome, Tabular, Transitions};
use super::walker::{Probability, Walker};
use crate::env::{Env, Reset, Step};
use crate::render::{Picture, toy};
use crate::spaces::Discrete;

const OP: &str = "cliff_walking";
const ROWS: usize = 4;
const COLUMNS: usize = 12;
const START: usize = 3 * COLUMNS;
const GOAL: usize = ROWS * COLUMNS - 1;

/// Walks along a cliff.
///
/// *Observation*: `row * 12 + column`. *Actions*: 0 up, 1 right, 2 down, 3 left. *Reward*: -1, and
/// -100 for a fall, which leads back to the start. *End*: the goal, cell 47. No time limit. The
/// best return is -13.
///
/// *Source*: Gymnasium 1.4 `CliffWalking-v1`, after Sutton & Barto, example 6.6.
///
/// ```
/// use gradus_agent::{Env, envs::CliffWalking};
/// let mut env = CliffWalking::new(Default::default())?;
/// assert_eq!(env.reset(0)?.0, 36);
/// let fall = env.step(1)?;
/// assert_eq!((fall.observation, fall.reward, fall.terminated), (36, -100.0, false));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CliffWalking {
    transitions: Transitions,
    observation_space: Discrete,
    action_space: Discrete,
    walker: Walker,
}

crate::persist! { CliffWalking { walker } }

/// Options of [`CliffWalking`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CliffWalkingOptions {
    /// Whether an action goes to either side as often as where it wants.
    pub is_slippery: bool,
}

fn is_cliff(row: usize, column: usize) -> bool {
    row == ROWS - 1 && (1..COLUMNS - 1).contains(&column)
}

impl CliffWalking {
    /// The cliff.
    ///
    /// # Errors
    /// None with today's options.
    pub fn new(options: CliffWalkingOptions) -> Result<Self> {
        let states = ROWS * COLUMNS;
        let go = |state: usize, action: usize, probability: f64| {
            let (row, column) = (state / COLUMNS, state % COLUMNS);
            let (row, column) = match action {
                0 => (row.saturating_sub(1), column),
                1 => (row, (column + 1).min(COLUMNS - 1)),
                2 => ((row + 1).min(ROWS - 1), column),
                _ => (row, column.saturating_sub(1)),
            };
            let next = row * COLUMNS + column;
            if is_cliff(row, column) {
                return Outcome { probability, next: START, reward: -100.0, terminated: false };
            }
            Outcome { probability, next, reward: -1.0, terminated: next == GOAL }
        };
        let start: Vec<f64> = (0..states).map(|s| f64::from(s == START)).collect();
        let transitions = Transitions::new(states, 4, &start, |state, action| {
            if !options.is_slippery {
                return vec![go(state, action, 1.0)];
            }
            [(action + 3) % 4, action, (action + 1) % 4].map(|a| go(state, a, 1.0 / 3.0)).to_vec()
        })?;
        Ok(CliffWalking {
            transitions,
            observation_space: Discrete::known(states),
            action_space: Discrete::known(4),
            walker: Walker::new(),
        })
    }
}

impl Tabular for CliffWalking {
    fn transitions(&self) -> &Transitions {
        &self.transitions
    }
}

impl Env for CliffWalking {
    type Observation = i64;
    type Action = i64;
    type ObservationSpace = Discrete;
    type ActionSpace = Discrete;
    type Info = Probability;
    type Options = ();

    fn observation_space(&self) -> &Discrete {
        &self.observation_space
    }

    fn action_space(&self) -> &Discrete {
        &self.action_space
    }

    fn reset_with(&mut self, seed: Option<u64>, (): &()) -> Result<Reset<i64, Probability>> {
        let state = self.walker.reset(seed, &self.transitions);
        Ok((state as i64, Probability { prob: 1.0 }))
    }

    #[inline]
    fn step(&mut self, action: i64) -> Result<Step<i64, Probability>> {
        let outcome = self.walker.step(OP, action, &self.transitions)?;
        Ok(Step {
            observation: outcome.next as i64,
            reward: outcome.reward,
            terminated: outcome.terminated,
            truncated: false,
            info: Probability { prob: outcome.probability },
        })
    }

    fn render_text(&self) -> Option<String> {
        let state = self.walker.state?;
        let mut text = String::new();
        for row in 0..ROWS {
            let letters: Vec<&str> = (0..COLUMNS)
                .map(|column| match row * COLUMNS + column {
                    at if at == state => "x",
                    GOAL => "T",
                    _ if is_cliff(row, column) => "C",
                    _ => "o",
                })
                .collect();
            text += &letters.join("  ");
            text.push('\n');
        }
        Some(text + "\n")
    }

    fn render(&self) -> Option<Picture> {
        let state = self.walker.state?;
        let letter = |at: usize| match at {
            START => b'S',
            GOAL => b'G',
            _ if is_cliff(at / COLUMNS, at % COLUMNS) => b'H',
            _ => b'F',
        };
        let row = |row| (0..COLUMNS).map(|column| letter(row * COLUMNS + column)).collect();
        let rows: Vec<Vec<u8>> = (0..ROWS).map(row).collect();
        Some(toy::cliff(&rows, state))
    }
}
