//! Choices as vectors of zeros with a one.

use gradus_tensor::Result;

use crate::env::{Env, Reset, Step};
use crate::spaces::{BoxSpace, Space};

/// Observations as numbers for a network: a state as a one-hot vector, tuples and vectors joined.
/// Gymnasium: `FlattenObservation`.
///
/// ```
/// use gradus_agent::{Env, envs::FrozenLake, wrappers::OneHot};
/// let mut env = OneHot::new(FrozenLake::make(Default::default())?)?;
/// let (observation, _) = env.reset(0)?;
/// assert_eq!((observation.len(), observation[0], observation[1]), (16, 1.0, 0.0));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct OneHot<E> {
    env: E,
    observation_space: BoxSpace,
}

impl<E: Env> OneHot<E> {
    /// Around an environment.
    ///
    /// # Errors
    /// None for spaces that hold something.
    pub fn new(env: E) -> Result<Self> {
        let length = env.observation_space().flat_dim();
        let (low, high) = (f32::NEG_INFINITY, f32::INFINITY);
        Ok(OneHot { env, observation_space: BoxSpace::uniform(length, low, high)? })
    }
}

inner! { OneHot }
crate::persist! { [E: crate::persist::Persist] OneHot<E> { env } }

impl<E: Env> Env for OneHot<E> {
    forward! { actions }
    forward! { options }
    type Observation = Vec<f32>;
    type ObservationSpace = BoxSpace;
    type Info = E::Info;

    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn reset_with(
        &mut self,
        seed: Option<u64>,
        options: &E::Options,
    ) -> Result<Reset<Vec<f32>, E::Info>> {
        let (observation, info) = self.env.reset_with(seed, options)?;
        Ok((self.env.observation_space().flatten(&observation), info))
    }

    fn step(&mut self, action: E::Action) -> Result<Step<Vec<f32>, E::Info>> {
        let step = self.env.step(action)?;
        Ok(step.with_observation(|o| self.env.observation_space().flatten(&o)))
    }
}
