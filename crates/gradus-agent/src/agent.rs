//! `Agent`: what tables and networks have in common.

use gradus_tensor::Result;

use crate::persist::Persist;

/// What an agent learns from: one step of an environment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transition<'a, O> {
    /// What was seen.
    pub observation: &'a O,
    /// What was done.
    pub action: i64,
    /// What it gave.
    pub reward: f64,
    /// What was seen then.
    pub next_observation: &'a O,
    /// Whether the world ended the episode: nothing follows, so a target does not bootstrap.
    pub terminated: bool,
    /// Whether the episode was cut: something would follow, so a target bootstraps.
    pub truncated: bool,
    /// Which actions are allowed then.
    pub next_mask: Option<&'a [bool]>,
}

/// What learning from a transition did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Learned {
    /// How many updates.
    pub updates: usize,
    /// The last update's loss.
    pub loss: Option<f64>,
}

/// Something that chooses actions by number, `0..n`, and learns from what they lead to.
///
/// Tables and networks implement it, so a [`Run`](crate::run::Run) trains either. Actions are the
/// places of the action space's elements.
pub trait Agent<O>: Persist {
    /// An action to learn from: mostly good, sometimes tried.
    ///
    /// # Errors
    /// `Kind::Index` for an observation outside the space; those of the network.
    fn act(&mut self, observation: &O, mask: Option<&[bool]>) -> Result<i64>;

    /// The action that the agent takes for the best. Nothing changes, random numbers included.
    ///
    /// # Errors
    /// As [`Agent::act`].
    fn best(&self, observation: &O, mask: Option<&[bool]>) -> Result<i64>;

    /// The best actions of many observations, where one pass through a network serves for all.
    ///
    /// # Errors
    /// As [`Agent::act`].
    fn best_of_all(&self, observations: &[(&O, Option<&[bool]>)]) -> Result<Vec<i64>> {
        observations.iter().map(|(observation, mask)| self.best(observation, *mask)).collect()
    }

    /// Learns from a transition. They come in order.
    ///
    /// # Errors
    /// As [`Agent::act`].
    fn observe(&mut self, transition: &Transition<'_, O>) -> Result<Learned>;
}

/// An agent that acts and learns in many environments at once; `run::VectorRun` trains it.
pub trait VectorAgent<O>: Agent<O> {
    /// An action to learn from for each environment, from what is seen and allowed there.
    ///
    /// # Errors
    /// As [`Agent::act`].
    fn act_all(&mut self, seen: &[(&O, Option<&[bool]>)]) -> Result<Vec<i64>>;

    /// Learns from a transition of each environment, in their order.
    ///
    /// # Errors
    /// As [`Agent::act`]; `Kind::Argument` for another number of environments than the agent was
    /// built for.
    fn observe_all(&mut self, transitions: &[Transition<'_, O>]) -> Result<Learned>;
}
