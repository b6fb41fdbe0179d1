//! Dyna-Q.

use gradus_tensor::Result;

use super::core::{Core, Moment, Rule, TableAgent};
use crate::env::Env;
use crate::spaces::Discrete;

/// Dyna-Q (Sutton 1990): Q-learning that dreams. After every step it learns again from steps that
/// it remembers: for each state and action the last thing that happened.
///
/// *Source*: Sutton & Barto, section 8.2.
pub type DynaQ = TableAgent<DynaQRule>;

/// The rule of [`DynaQ`].
#[derive(Clone, Debug)]
pub struct DynaQRule {
    planning_steps: usize,
    /// For each state and action: reward, following state, whether it was the end.
    model: Vec<Option<(f64, u64, bool)>>,
    /// What has been tried, in that order.
    tried: Vec<u64>,
}

crate::persist! { DynaQRule { planning_steps, model, tried } }

impl DynaQ {
    /// For an environment whose states and actions are numbered, with the seed of the agent's
    /// draws and the number of remembered steps after each real one.
    ///
    /// # Errors
    /// None with today's spaces.
    pub fn new<E>(env: &E, seed: u64, planning_steps: usize) -> Result<Self>
    where
        E: Env<ObservationSpace = Discrete, ActionSpace = Discrete>,
    {
        Ok(TableAgent::with_rule(env, seed, |core| {
            let model = vec![None; core.q.states() * core.q.actions()];
            DynaQRule { planning_steps, model, tried: Vec::new() }
        }))
    }
}

impl Rule for DynaQRule {
    fn learn(&mut self, core: &mut Core, moment: &Moment<'_>) -> f64 {
        let target = core.target(moment, core.q.max_allowed(moment.next, moment.next_mask));
        let error = core.towards(moment.state, moment.action, target);
        let actions = core.q.actions();
        let at = moment.state * actions + moment.action;
        let seen = (moment.reward, moment.next as u64, moment.terminated);
        if self.model[at].replace(seen).is_none() {
            self.tried.push(at as u64);
        }
        for _ in 0..self.planning_steps {
            let at = self.tried[core.rng.index(self.tried.len())] as usize;
            let Some((reward, next, terminated)) = self.model[at] else { continue };
            let follows = if terminated { 0.0 } else { core.gamma * core.q.max(next as usize) };
            core.towards(at / actions, at % actions, reward + follows);
        }
        error
    }
}
