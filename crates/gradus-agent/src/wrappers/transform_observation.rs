//! Observations through a function.

use gradus_tensor::Result;

use crate::env::{Env, Reset, Step};
use crate::spaces::Space;

/// Observations through a function into a space of their own. Gymnasium: `TransformObservation`.
///
/// ```
/// use gradus_agent::{Env, envs::CartPole, spaces::BoxSpace, wrappers::TransformObservation};
/// let space = BoxSpace::new([-0.5f32], [0.5])?;
/// let env = CartPole::new(Default::default());
/// let mut env = TransformObservation::new(env, space, |[_, _, theta, _]: [f32; 4]| [theta]);
/// assert_eq!(env.reset(42)?.0, [0.035859793]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TransformObservation<E, S, F> {
    env: E,
    space: S,
    f: F,
}

impl<E: Env, S: Space, F: Fn(E::Observation) -> S::Element> TransformObservation<E, S, F> {
    /// With this function into this space.
    pub fn new(env: E, space: S, f: F) -> Self {
        TransformObservation { env, space, f }
    }
}

inner! { TransformObservation, S, F }
crate::persist! {
    [E: crate::persist::Persist, S, F] TransformObservation<E, S, F> { env }
}

impl<E: Env, S: Space, F: Fn(E::Observation) -> S::Element> Env for TransformObservation<E, S, F> {
    forward! { actions }
    forward! { options }
    type Observation = S::Element;
    type ObservationSpace = S;
    type Info = E::Info;

    fn observation_space(&self) -> &S {
        &self.space
    }

    fn reset_with(
        &mut self,
        seed: Option<u64>,
        options: &E::Options,
    ) -> Result<Reset<S::Element, E::Info>> {
        let (observation, info) = self.env.reset_with(seed, options)?;
        Ok(((self.f)(observation), info))
    }

    fn step(&mut self, action: E::Action) -> Result<Step<S::Element, E::Info>> {
        Ok(self.env.step(action)?.with_observation(&self.f))
    }
}
