//! Many environments that step together. Gymnasium: `gymnasium.vector`.

mod slot;
mod sync;
mod threaded;

pub use slot::AutoresetMode;
pub use sync::SyncVectorEnv;
pub use threaded::ThreadedVectorEnv;

use gradus_tensor::Result;

use crate::env::Env;

/// What a step of many environments leads to, each list in the order of the environments.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorStep<O, I> {
    /// What is seen now.
    pub observations: Vec<O>,
    /// The rewards.
    pub rewards: Vec<f64>,
    /// Which episodes are over in their worlds.
    pub terminated: Vec<bool>,
    /// Which episodes were cut.
    pub truncated: Vec<bool>,
    /// What else there is to say.
    pub infos: Vec<I>,
    /// With [`AutoresetMode::SameStep`] the last observation and information of an episode that
    /// ended with this step; `observations` then holds the first of the next.
    pub finals: Vec<Option<(O, I)>>,
}

impl<O, I> VectorStep<O, I> {
    fn with_capacity(n: usize) -> Self {
        VectorStep {
            observations: Vec::with_capacity(n),
            rewards: Vec::with_capacity(n),
            terminated: Vec::with_capacity(n),
            truncated: Vec::with_capacity(n),
            infos: Vec::with_capacity(n),
            finals: Vec::with_capacity(n),
        }
    }

    fn push(&mut self, (step, last): slot::SlotStep<O, I>) {
        self.observations.push(step.observation);
        self.rewards.push(step.reward);
        self.terminated.push(step.terminated);
        self.truncated.push(step.truncated);
        self.infos.push(step.info);
        self.finals.push(last);
    }
}

/// Observations and information of many environments.
pub type VectorReset<E> = (Vec<<E as Env>::Observation>, Vec<<E as Env>::Info>);

/// The steps of many environments.
pub type VectorSteps<E> = VectorStep<<E as Env>::Observation, <E as Env>::Info>;

/// Environments of one kind that reset and step together.
pub trait VectorEnv {
    /// The kind.
    type Env: Env;

    /// How many.
    fn num_envs(&self) -> usize;

    /// Begins an episode in each. Environment i is seeded with `seed + i`.
    ///
    /// # Errors
    /// The first error of an environment, with its number.
    fn reset(&mut self, seed: Option<u64>) -> Result<VectorReset<Self::Env>>;

    /// Does an action in each.
    ///
    /// # Errors
    /// `Kind::Argument` unless there are as many actions as environments; the first error of an
    /// environment, with its number.
    fn step(&mut self, actions: &[<Self::Env as Env>::Action]) -> Result<VectorSteps<Self::Env>>;
}
