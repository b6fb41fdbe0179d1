//! Q-learning.

use gradus_tensor::Result;

use super::core::{Core, Moment, Rule, TableAgent, table_agent};
use crate::env::Env;
use crate::spaces::Discrete;

/// Q-learning (Watkins 1989): learns the best policy while it follows another one.
///
/// *Formula*: `Q(s, a) += α (r + γ max Q(s′, ·) − Q(s, a))`; nothing follows a terminal state.
///
/// ```
/// use gradus_agent::{envs::{FrozenLake, FrozenLakeOptions}, run::train, tabular::QLearning};
/// let options = FrozenLakeOptions { is_slippery: false, ..Default::default() };
/// let mut env = FrozenLake::make(options)?;
/// let mut agent = QLearning::new(&env, 0)?.alpha(0.5).epsilon(0.5);
/// train(&mut agent, &mut env, 500)?;
/// assert_eq!(agent.values().greedy().expected_return(&env, 100)?, 1.0);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub type QLearning = TableAgent<QLearningRule>;

/// The rule of [`QLearning`].
#[derive(Clone, Copy, Debug, Default)]
pub struct QLearningRule;

crate::persist! { QLearningRule {} }
table_agent! { QLearning |_| QLearningRule }

impl Rule for QLearningRule {
    #[inline]
    fn learn(&mut self, core: &mut Core, moment: &Moment<'_>) -> f64 {
        let target = core.target(moment, core.q.max_allowed(moment.next, moment.next_mask));
        core.towards(moment.state, moment.action, target)
    }
}
