//! Frozen lake: to the goal over slippery ice, past the holes.

use gradus_tensor::{Error, Result};

use super::lake_map::LakeMap;
use super::table::{Outcome, Tabular, Transitions};
use super::walker::{Probability, Walker};
use crate::env::{Env, Reset, Step};
use crate::render::{Picture, ansi, toy};
use crate::spaces::Discrete;
use crate::wrappers::TimeLimit;

const OP: &str = "frozen_lake";
const ACTIONS: usize = 4;

/// Walks over a lake from the start to the goal.
///
/// *Observation*: `row * columns + column`. *Actions*: 0 left, 1 down, 2 right, 3 up. *Reward*: 1
/// at the goal, 0 elsewhere. *End*: a hole or the goal. On slippery ice an action goes where it
/// wants with probability `success_rate`, else to one of its sides.
///
/// *Source*: Gymnasium 1.4 `FrozenLake-v1`: the same transitions and draws.
///
/// ```
/// use gradus_agent::{Env, envs::{FrozenLake, FrozenLakeOptions}};
/// let options = FrozenLakeOptions { is_slippery: false, ..Default::default() };
/// let mut env = FrozenLake::make(options)?; // with the limit of 100 steps
/// env.reset(0)?;
/// for action in [1, 1, 2, 2, 1] {
///     env.step(action)?;
/// }
/// let step = env.step(2)?;
/// assert_eq!((step.observation, step.reward, step.terminated), (15, 1.0, true));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FrozenLake {
    rows: Vec<Vec<u8>>,
    transitions: Transitions,
    observation_space: Discrete,
    action_space: Discrete,
    walker: Walker,
}

crate::persist! { FrozenLake { walker } }

/// Options of [`FrozenLake`].
#[derive(Clone, Debug, PartialEq)]
pub struct FrozenLakeOptions {
    /// The lake.
    pub map: LakeMap,
    /// Whether one slips.
    pub is_slippery: bool,
    /// How likely one goes where one wants; the rest is shared by the two sides.
    pub success_rate: f64,
    /// Rewards at the goal, in a hole and on the ice.
    pub reward_schedule: [f64; 3],
}

impl Default for FrozenLakeOptions {
    /// Gymnasium's: 4x4, slippery, a third, 1 at the goal.
    fn default() -> Self {
        FrozenLakeOptions {
            map: LakeMap::FourByFour,
            is_slippery: true,
            success_rate: 1.0 / 3.0,
            reward_schedule: [1.0, 0.0, 0.0],
        }
    }
}

impl FrozenLake {
    /// The lake without a time limit.
    ///
    /// # Errors
    /// `Kind::Argument` for a map without start, with other letters or rows of different lengths,
    /// and for a success rate outside \[0, 1\].
    #[allow(clippy::needless_pass_by_value, reason = "options are written where they are used")]
    pub fn new(options: FrozenLakeOptions) -> Result<Self> {
        let FrozenLakeOptions { map, is_slippery, success_rate, reward_schedule } = options;
        if !(0.0..=1.0).contains(&success_rate) {
            return Err(Error::argument(OP, "success_rate", success_rate, "within [0, 1]"));
        }
        let rows = map.rows()?;
        let (height, width) = (rows.len(), rows[0].len());
        let cell = |state: usize| rows[state / width][state % width];
        let ends = |letter: u8| matches!(letter, b'G' | b'H');
        let go = |state: usize, action: usize, probability: f64| {
            let (row, column) = (state / width, state % width);
            let next = match action {
                0 => row * width + column.saturating_sub(1),
                1 => (row + 1).min(height - 1) * width + column,
                2 => row * width + (column + 1).min(width - 1),
                _ => row.saturating_sub(1) * width + column,
            };
            let reward = match cell(next) {
                b'G' => reward_schedule[0],
                b'H' => reward_schedule[1],
                _ => reward_schedule[2],
            };
            Outcome { probability, next, reward, terminated: ends(cell(next)) }
        };
        let states = height * width;
        let start: Vec<f64> = (0..states).map(|s| f64::from(cell(s) == b'S')).collect();
        let fail_rate = (1.0 - success_rate) / 2.0;
        let transitions = Transitions::new(states, ACTIONS, &start, |state, action| {
            if ends(cell(state)) {
                let stays =
                    Outcome { probability: 1.0, next: state, reward: 0.0, terminated: true };
                return vec![stays];
            }
            if !is_slippery {
                return vec![go(state, action, 1.0)];
            }
            vec![
                go(state, (action + 3) % ACTIONS, fail_rate),
                go(state, action, success_rate),
                go(state, (action + 1) % ACTIONS, fail_rate),
            ]
        })?;
        Ok(FrozenLake {
            rows,
            transitions,
            observation_space: Discrete::known(states),
            action_space: Discrete::known(ACTIONS),
            walker: Walker::new(),
        })
    }

    /// The lake as `gymnasium.make("FrozenLake-v1")` gives it: cut after 100 steps, a larger map
    /// than 4x4 after 200.
    ///
    /// # Errors
    /// As [`FrozenLake::new`].
    pub fn make(options: FrozenLakeOptions) -> Result<TimeLimit<Self>> {
        let env = FrozenLake::new(options)?;
        let limit = if env.transitions.states() > 16 { 200 } else { 100 };
        Ok(TimeLimit::new(env, limit))
    }

    /// The map's rows of letters.
    pub fn desc(&self) -> &[Vec<u8>] {
        &self.rows
    }
}

impl Tabular for FrozenLake {
    fn transitions(&self) -> &Transitions {
        &self.transitions
    }
}

impl Env for FrozenLake {
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
        let mut text = match self.walker.last_action {
            Some(action) => format!("  ({})\n", ["Left", "Down", "Right", "Up"][action]),
            None => "\n".to_owned(),
        };
        let width = self.rows[0].len();
        for (i, row) in self.rows.iter().enumerate() {
            for (j, &letter) in row.iter().enumerate() {
                let letter = char::from(letter);
                if i * width + j == state {
                    text += &ansi::Style::highlight(ansi::Colour::Red).paint(letter);
                } else {
                    text.push(letter);
                }
            }
            text.push('\n');
        }
        Some(text)
    }

    fn render(&self) -> Option<Picture> {
        Some(toy::lake(&self.rows, self.walker.state?))
    }
}
