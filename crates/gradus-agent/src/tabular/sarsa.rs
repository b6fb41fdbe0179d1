//! SARSA.

use gradus_tensor::Result;

use super::core::{Core, Moment, Rule, TableAgent, table_agent};
use crate::env::Env;
use crate::spaces::Discrete;

/// SARSA (Rummery & Niranjan 1994): learns the value of what it does, its trials included.
///
/// *Formula*: `Q(s, a) += α (r + γ Q(s′, a′) − Q(s, a))`, a′ being the action that follows. Where
/// an episode is cut, a′ is drawn without being done.
pub type Sarsa = TableAgent<SarsaRule>;

/// The rule of [`Sarsa`].
#[derive(Clone, Copy, Debug, Default)]
pub struct SarsaRule {
    /// State, action and reward that wait for the next action.
    waiting: Option<(u64, u64, f64)>,
}

crate::persist! { SarsaRule { waiting } }
table_agent! { Sarsa |_| SarsaRule::default() }

impl Rule for SarsaRule {
    fn acted(&mut self, core: &mut Core, state: usize, action: usize) {
        if let Some((s, a, reward)) = self.waiting.take() {
            let target = reward + core.gamma * core.q.get(state, action);
            core.towards(s as usize, a as usize, target);
        }
    }

    fn learn(&mut self, core: &mut Core, moment: &Moment<'_>) -> f64 {
        let Moment { state, action, reward, next, terminated, truncated, next_mask } = *moment;
        if terminated {
            return core.towards(state, action, reward);
        }
        if truncated {
            let follows = core.choose(next, next_mask);
            let target = reward + core.gamma * core.q.get(next, follows);
            return core.towards(state, action, target);
        }
        self.waiting = Some((state as u64, action as u64, reward));
        0.0
    }
}
