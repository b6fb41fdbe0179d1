//! What agents with a table share.

use gradus_tensor::{Error, Kind, Result};

use super::exploration::Exploration;
use super::q_table::{QTable, first_best};
use crate::agent::{Agent, Learned, Transition};
use crate::env::Env;
use crate::persist::{Persist, Source};
use crate::rng::Pcg64;
use crate::schedule::Schedule;
use crate::spaces::Discrete;

/// Stream of an agent's own draws, so that they differ from its environment's with the same seed.
const AGENT_STREAM: u64 = 1;

/// The table, and how it is read and changed.
#[derive(Clone, Debug)]
pub struct Core {
    /// The values.
    pub q: QTable,
    /// The step towards a target, as a function of episodes.
    pub alpha: Schedule,
    /// The discount.
    pub gamma: f64,
    /// How actions are chosen.
    pub exploration: Exploration,
    /// Draws.
    pub rng: Pcg64,
    /// Episodes that have ended.
    pub episodes: u64,
    counts: Vec<u64>,
}

crate::persist! { Core { q, alpha, gamma, exploration, rng, episodes, counts } }

impl Core {
    /// An action for a state.
    pub fn choose(&mut self, state: usize, mask: Option<&[bool]>) -> usize {
        let actions = self.q.actions();
        let at = state * actions;
        let counts = self.counts.get(at..at + actions).unwrap_or_default();
        let time = self.episodes;
        self.exploration.choose(self.q.row(state), counts, mask, time, &mut self.rng)
    }

    /// How likely each action is chosen in a state.
    pub fn probabilities(&self, state: usize, mask: Option<&[bool]>) -> Vec<f64> {
        let at = state * self.q.actions();
        let counts = self.counts.get(at..at + self.q.actions()).unwrap_or_default();
        self.exploration.probabilities(self.q.row(state), counts, mask, self.episodes)
    }

    /// Moves a value towards a target; returns how far it was.
    #[inline]
    pub fn towards(&mut self, state: usize, action: usize, target: f64) -> f64 {
        let old = self.q.get(state, action);
        self.q.set(state, action, old + self.alpha.at(self.episodes) * (target - old));
        target - old
    }

    /// Reward and discounted value of what follows.
    #[inline]
    pub fn target(&self, moment: &Moment<'_>, follows: f64) -> f64 {
        if moment.terminated { moment.reward } else { moment.reward + self.gamma * follows }
    }
}

/// A transition in numbers of states and actions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment<'a> {
    /// The state.
    pub state: usize,
    /// The action.
    pub action: usize,
    /// The reward.
    pub reward: f64,
    /// The state that followed.
    pub next: usize,
    /// Whether nothing follows.
    pub terminated: bool,
    /// Whether the episode was cut.
    pub truncated: bool,
    /// What is allowed next.
    pub next_mask: Option<&'a [bool]>,
}

impl Moment<'_> {
    /// Whether the episode is over.
    pub fn done(&self) -> bool {
        self.terminated || self.truncated
    }
}

/// How a table is changed by what happens.
pub trait Rule: Persist {
    /// An action was chosen.
    fn acted(&mut self, core: &mut Core, state: usize, action: usize) {
        let _ = (core, state, action);
    }

    /// An action had a consequence. Returns how far the value was from its target.
    fn learn(&mut self, core: &mut Core, moment: &Moment<'_>) -> f64;
}

/// An agent with a table and a rule. Each of [`tabular`](super) is a name for one.
///
/// Defaults: α 0.1, γ 0.99, ε 0.1, all values 0.
#[derive(Clone, Debug)]
pub struct TableAgent<R> {
    pub(super) core: Core,
    pub(super) rule: R,
    observations: Discrete,
    actions: Discrete,
    terminal_mask: bool,
}

impl<R: Persist> Persist for TableAgent<R> {
    fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        self.core.save(out)?;
        self.rule.save(out)
    }

    fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
        let states = self.core.q.states();
        self.core.load(from)?;
        if self.core.q.states() != states {
            return Err(from.bad(format!("{} states for {states}", self.core.q.states())));
        }
        self.rule.load(from)
    }
}

impl<R: Rule> TableAgent<R> {
    /// For an environment whose states and actions are numbered.
    pub(super) fn with_rule<E>(env: &E, seed: u64, rule: impl FnOnce(&Core) -> R) -> Self
    where
        E: Env<ObservationSpace = Discrete, ActionSpace = Discrete>,
    {
        let (observations, actions) = (*env.observation_space(), *env.action_space());
        let core = Core {
            q: QTable::new(observations.n(), actions.n(), 0.0),
            alpha: 0.1.into(),
            gamma: 0.99,
            exploration: Exploration::epsilon_greedy(0.1),
            rng: Pcg64::stream(seed, AGENT_STREAM),
            episodes: 0,
            counts: vec![0; observations.n() * actions.n()],
        };
        let rule = rule(&core);
        TableAgent { core, rule, observations, actions, terminal_mask: true }
    }

    /// How far a value moves towards its target, as a function of episodes.
    #[must_use]
    pub fn alpha(mut self, alpha: impl Into<Schedule>) -> Self {
        self.core.alpha = alpha.into();
        self
    }

    /// The discount.
    #[must_use]
    pub fn gamma(mut self, gamma: f64) -> Self {
        self.core.gamma = gamma;
        self
    }

    /// Random actions with this probability, as a function of episodes.
    #[must_use]
    pub fn epsilon(self, epsilon: impl Into<Schedule>) -> Self {
        self.exploration(Exploration::epsilon_greedy(epsilon))
    }

    /// How actions are chosen while learning.
    #[must_use]
    pub fn exploration(mut self, exploration: Exploration) -> Self {
        self.core.exploration = exploration;
        self
    }

    /// Whether nothing follows the end of an episode; true unless set. Without it targets look past
    /// the end, as loops without a mask do.
    #[must_use]
    pub fn terminal_mask(mut self, terminal_mask: bool) -> Self {
        self.terminal_mask = terminal_mask;
        self
    }

    /// The values.
    pub fn values(&self) -> &QTable {
        &self.core.q
    }

    /// Episodes that have ended.
    pub fn episodes(&self) -> u64 {
        self.core.episodes
    }

    /// # Errors
    /// `Kind::Index` for an observation outside the space.
    fn state(&self, observation: i64) -> Result<usize> {
        self.observations.index(observation).ok_or_else(|| {
            let size = self.observations.n();
            Kind::Index { op: "table_agent", index: observation, position: 0, size }.into()
        })
    }
}

impl<R: Rule> Agent<i64> for TableAgent<R> {
    fn act(&mut self, observation: &i64, mask: Option<&[bool]>) -> Result<i64> {
        let state = self.state(*observation)?;
        let action = self.core.choose(state, mask);
        let at = state * self.core.q.actions() + action;
        self.core.counts[at] += 1;
        self.rule.acted(&mut self.core, state, action);
        Ok(self.actions.at(action))
    }

    fn best(&self, observation: &i64, mask: Option<&[bool]>) -> Result<i64> {
        let state = self.state(*observation)?;
        let action = first_best(self.core.q.row(state), mask);
        Ok(self.actions.at(action))
    }

    fn observe(&mut self, t: &Transition<'_, i64>) -> Result<Learned> {
        let Some(action) = self.actions.index(t.action) else {
            let expected = "an element of the action space";
            return Err(Error::argument("table_agent", "action", t.action, expected));
        };
        let moment = Moment {
            state: self.state(*t.observation)?,
            action,
            reward: t.reward,
            next: self.state(*t.next_observation)?,
            terminated: t.terminated && self.terminal_mask,
            truncated: t.truncated || (t.terminated && !self.terminal_mask),
            next_mask: t.next_mask,
        };
        let error = self.rule.learn(&mut self.core, &moment);
        self.core.episodes += u64::from(moment.done());
        Ok(Learned { updates: 1, loss: Some(error * error) })
    }
}

/// Constructors of the agents whose rule takes nothing.
macro_rules! table_agent {
    ($agent:ident $rule:expr) => {
        impl $agent {
            /// For an environment whose states and actions are numbered, with the seed of the
            /// agent's draws.
            ///
            /// # Errors
            /// None with today's spaces.
            pub fn new<E>(env: &E, seed: u64) -> Result<Self>
            where
                E: Env<ObservationSpace = Discrete, ActionSpace = Discrete>,
            {
                Ok(TableAgent::with_rule(env, seed, $rule))
            }
        }
    };
}
pub(super) use table_agent;
