//! Double Q-learning.

use gradus_tensor::Result;

use super::core::{Core, Moment, Rule, TableAgent, table_agent};
use super::q_table::{QTable, random_best};
use crate::env::Env;
use crate::spaces::Discrete;

/// Double Q-learning (van Hasselt 2010): one table says which action is best, the other what it is
/// worth, so that luck is not taken for value. Actions are chosen by the mean of both.
///
/// *Formula*: for one of the tables A, B by a coin:
/// `A(s, a) += α (r + γ B(s′, argmax A(s′, ·)) − A(s, a))`.
pub type DoubleQ = TableAgent<DoubleQRule>;

/// The rule of [`DoubleQ`].
#[derive(Clone, Debug)]
pub struct DoubleQRule {
    a: QTable,
    b: QTable,
}

crate::persist! { DoubleQRule { a, b } }
table_agent! { DoubleQ |core| DoubleQRule { a: core.q.clone(), b: core.q.clone() } }

impl Rule for DoubleQRule {
    fn learn(&mut self, core: &mut Core, moment: &Moment<'_>) -> f64 {
        if core.rng.below(2) == 0 {
            std::mem::swap(&mut self.a, &mut self.b);
        }
        let Moment { state, action, next, next_mask, .. } = *moment;
        let best = random_best(self.a.row(next), next_mask, &mut core.rng);
        let target = core.target(moment, self.b.get(next, best));
        let old = self.a.get(state, action);
        let new = old + core.alpha.at(core.episodes) * (target - old);
        self.a.set(state, action, new);
        core.q.set(state, action, (new + self.b.get(state, action)) / 2.0);
        target - old
    }
}
