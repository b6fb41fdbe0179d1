//! Expected SARSA.

use gradus_tensor::Result;

use super::core::{Core, Moment, Rule, TableAgent, table_agent};
use crate::env::Env;
use crate::spaces::Discrete;

/// Expected SARSA (van Seijen et al. 2009): as SARSA, with the mean over the actions that could
/// follow instead of the one that does.
///
/// *Formula*: `Q(s, a) += α (r + γ Σ π(a′ | s′) Q(s′, a′) − Q(s, a))`.
pub type ExpectedSarsa = TableAgent<ExpectedSarsaRule>;

/// The rule of [`ExpectedSarsa`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ExpectedSarsaRule;

crate::persist! { ExpectedSarsaRule {} }
table_agent! { ExpectedSarsa |_| ExpectedSarsaRule }

impl Rule for ExpectedSarsaRule {
    fn learn(&mut self, core: &mut Core, moment: &Moment<'_>) -> f64 {
        let likely = core.probabilities(moment.next, moment.next_mask);
        let mean = core.q.row(moment.next).iter().zip(&likely).map(|(q, p)| q * p).sum();
        let target = core.target(moment, mean);
        core.towards(moment.state, moment.action, target)
    }
}
