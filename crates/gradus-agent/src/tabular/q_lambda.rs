//! Q(λ).

use gradus_tensor::{Error, Result};

use super::core::{Core, Moment, Rule, TableAgent};
use super::q_table::QTable;
use crate::env::Env;
use crate::spaces::Discrete;

/// Watkins's Q(λ): the error of a step also corrects the steps before it, by traces that fade with
/// γλ and are cut where the agent did not do what it took for the best.
///
/// *Formula*: `δ = r + γ max Q(s′, ·) − Q(s, a)`; `e(s, a) = 1`; for all `Q += α δ e`, `e *= γ λ`.
///
/// *Source*: Watkins 1989; Sutton & Barto, first edition, section 7.6, with replacing traces.
pub type QLambda = TableAgent<QLambdaRule>;

/// The rule of [`QLambda`].
#[derive(Clone, Debug)]
pub struct QLambdaRule {
    lambda: f64,
    /// Traces above zero: state, action, trace.
    traces: Vec<(u64, u64, f64)>,
}

crate::persist! { QLambdaRule { lambda, traces } }

/// A trace below this changes nothing that can be seen.
const FAINT: f64 = 1e-4;

impl QLambda {
    /// For an environment whose states and actions are numbered, with the seed of the agent's
    /// draws and λ.
    ///
    /// # Errors
    /// `Kind::Argument` for λ outside \[0, 1\].
    pub fn new<E>(env: &E, seed: u64, lambda: f64) -> Result<Self>
    where
        E: Env<ObservationSpace = Discrete, ActionSpace = Discrete>,
    {
        if !(0.0..=1.0).contains(&lambda) {
            return Err(Error::argument("q_lambda", "lambda", lambda, "within [0, 1]"));
        }
        Ok(TableAgent::with_rule(env, seed, |_| QLambdaRule { lambda, traces: Vec::new() }))
    }
}

fn is_best(q: &QTable, state: usize, action: usize) -> bool {
    q.get(state, action) >= q.max(state)
}

impl Rule for QLambdaRule {
    fn acted(&mut self, core: &mut Core, state: usize, action: usize) {
        if !is_best(&core.q, state, action) {
            self.traces.clear();
        }
    }

    fn learn(&mut self, core: &mut Core, moment: &Moment<'_>) -> f64 {
        let target = core.target(moment, core.q.max_allowed(moment.next, moment.next_mask));
        let here = (moment.state as u64, moment.action as u64);
        let error = target - core.q.get(moment.state, moment.action);
        self.traces.retain(|&(s, a, trace)| (s, a) != here && trace >= FAINT);
        self.traces.push((here.0, here.1, 1.0));
        let alpha = core.alpha.at(core.episodes);
        for (state, action, trace) in &mut self.traces {
            let (s, a) = (*state as usize, *action as usize);
            core.q.set(s, a, core.q.get(s, a) + alpha * error * *trace);
            *trace *= core.gamma * self.lambda;
        }
        if moment.done() {
            self.traces.clear();
        }
        error
    }
}
