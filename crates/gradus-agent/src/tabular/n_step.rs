//! n-step SARSA.

use std::collections::VecDeque;

use gradus_tensor::{Error, Result};

use super::core::{Core, Moment, Rule, TableAgent};
use crate::env::Env;
use crate::spaces::Discrete;

/// n-step SARSA (Sutton & Barto, section 7.2): n rewards before a value is believed.
///
/// *Formula*: `Q(s, a) += α (Σᵢ γⁱ rᵢ + γⁿ Q(sₙ, aₙ) − Q(s, a))`; near a terminal state the sum
/// ends early and nothing follows. Where an episode is cut, the value that follows is a drawn
/// action's.
pub type NStepSarsa = TableAgent<NStepSarsaRule>;

/// The rule of [`NStepSarsa`].
#[derive(Clone, Debug)]
pub struct NStepSarsaRule {
    n: usize,
    /// State, action and reward of the last steps.
    steps: VecDeque<(u64, u64, f64)>,
}

crate::persist! { NStepSarsaRule { n, steps } }

impl NStepSarsa {
    /// For an environment whose states and actions are numbered, with the seed of the agent's
    /// draws and the number of rewards.
    ///
    /// # Errors
    /// `Kind::Argument` for n of 0.
    pub fn new<E>(env: &E, seed: u64, n: usize) -> Result<Self>
    where
        E: Env<ObservationSpace = Discrete, ActionSpace = Discrete>,
    {
        if n == 0 {
            return Err(Error::argument("n_step_sarsa", "n", n, "1 or more"));
        }
        Ok(TableAgent::with_rule(env, seed, |_| NStepSarsaRule { n, steps: VecDeque::new() }))
    }
}

impl NStepSarsaRule {
    /// Moves the oldest value towards its rewards and `follows`.
    fn update(&mut self, core: &mut Core, follows: f64) -> f64 {
        let rewards = self.steps.iter().rev();
        let target = rewards.fold(follows, |sum, (_, _, reward)| reward + core.gamma * sum);
        match self.steps.pop_front() {
            Some((state, action, _)) => core.towards(state as usize, action as usize, target),
            None => 0.0,
        }
    }
}

impl Rule for NStepSarsaRule {
    fn acted(&mut self, core: &mut Core, state: usize, action: usize) {
        if self.steps.len() == self.n {
            self.update(core, core.q.get(state, action));
        }
    }

    fn learn(&mut self, core: &mut Core, moment: &Moment<'_>) -> f64 {
        let Moment { state, action, reward, next, terminated, next_mask, .. } = *moment;
        self.steps.push_back((state as u64, action as u64, reward));
        if !moment.done() {
            return 0.0;
        }
        let mut error = 0.0;
        while !self.steps.is_empty() {
            let follows = match terminated {
                true => 0.0,
                false => {
                    let drawn = core.choose(next, next_mask);
                    core.q.get(next, drawn)
                }
            };
            error = self.update(core, follows);
        }
        error
    }
}
