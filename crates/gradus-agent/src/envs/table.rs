//! The law of a finite world: which states follow which actions, and how likely.

use gradus_tensor::{Error, Result};

use crate::env::Env;
use crate::rng::Pcg64;

/// One thing that an action can lead to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// How likely it is.
    pub probability: f64,
    /// The state that follows.
    pub next: usize,
    /// The reward.
    pub reward: f64,
    /// Whether the episode ends.
    pub terminated: bool,
}

/// The outcomes of every action in every state. Gymnasium: `env.P`.
///
/// ```
/// use gradus_agent::envs::{FrozenLake, Tabular};
/// let lake = FrozenLake::new(Default::default())?;
/// let outcomes = lake.transitions().outcomes(14, 2); // right, beside the goal
/// assert_eq!(outcomes.iter().map(|o| o.next).collect::<Vec<_>>(), [14, 15, 10]);
/// assert_eq!((outcomes[1].reward, outcomes[1].terminated), (1.0, true));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Transitions {
    states: usize,
    actions: usize,
    outcomes: Vec<Outcome>,
    /// Sums of probabilities up to and with each outcome, as NumPy adds them.
    sums: Vec<f64>,
    /// Where the outcomes of each state and action begin; one more at the end.
    begins: Vec<u32>,
    start_sums: Vec<f64>,
    start: Vec<f64>,
}

impl Transitions {
    /// From `outcomes(state, action)` and the weights of the states to begin in.
    ///
    /// # Errors
    /// `Kind::Argument` without states or actions, for an action without outcomes, a following
    /// state that does not exist, or start weights that are not as many as states or sum to zero.
    pub fn new(
        states: usize,
        actions: usize,
        start: &[f64],
        mut outcomes: impl FnMut(usize, usize) -> Vec<Outcome>,
    ) -> Result<Self> {
        const OP: &str = "transitions";
        let total: f64 = start.iter().sum();
        if states == 0 || start.len() != states || !(total > 0.0 && total.is_finite()) {
            let value = format!("{} weights of sum {total}", start.len());
            return Err(Error::argument(OP, "start", value, "a positive weight of a state"));
        }
        let mut table = Transitions {
            states,
            actions,
            outcomes: Vec::new(),
            sums: Vec::new(),
            begins: vec![0],
            start_sums: Vec::new(),
            start: start.iter().map(|weight| weight / total).collect(),
        };
        let mut sum = 0.0;
        for &probability in &table.start {
            sum += probability;
            table.start_sums.push(sum);
        }
        for state in 0..states {
            for action in 0..actions {
                let list = outcomes(state, action);
                if list.is_empty() || list.iter().any(|outcome| outcome.next >= states) {
                    let value = format!("{list:?} for state {state}, action {action}");
                    return Err(Error::argument(OP, "outcomes", value, "states that exist"));
                }
                let mut sum = 0.0;
                for outcome in list {
                    sum += outcome.probability;
                    table.sums.push(sum);
                    table.outcomes.push(outcome);
                }
                table.begins.push(table.outcomes.len() as u32);
            }
        }
        Ok(table)
    }

    /// Number of states.
    pub fn states(&self) -> usize {
        self.states
    }

    /// Number of actions.
    pub fn actions(&self) -> usize {
        self.actions
    }

    /// How likely an episode begins in each state.
    pub fn start(&self) -> &[f64] {
        &self.start
    }

    #[inline]
    fn range(&self, state: usize, action: usize) -> (usize, usize) {
        let at = state * self.actions + action;
        (self.begins[at] as usize, self.begins[at + 1] as usize)
    }

    /// What an action in a state can lead to; nothing where there is no such state or action.
    #[inline]
    pub fn outcomes(&self, state: usize, action: usize) -> &[Outcome] {
        if state >= self.states || action >= self.actions {
            return &[];
        }
        let (begin, end) = self.range(state, action);
        &self.outcomes[begin..end]
    }

    /// One of the outcomes, by one draw. Gymnasium: `categorical_sample`.
    #[inline]
    pub(crate) fn draw(&self, state: usize, action: usize, rng: &mut Pcg64) -> &Outcome {
        let (begin, end) = self.range(state, action);
        let u = rng.random();
        // The first whose sum exceeds u; where rounding leaves none, the first of all.
        let at = self.sums[begin..end].iter().position(|&sum| sum > u).unwrap_or(0);
        &self.outcomes[begin + at]
    }

    /// A state to begin in, by one draw.
    pub(crate) fn draw_start(&self, rng: &mut Pcg64) -> usize {
        let u = rng.random();
        let at = self.start_sums.partition_point(|&sum| sum <= u);
        if at < self.states { at } else { 0 }
    }
}

/// A finite environment that knows its law: what planning and exact evaluation need.
pub trait Tabular: Env<Observation = i64, Action = i64> {
    /// The law.
    fn transitions(&self) -> &Transitions;
}
