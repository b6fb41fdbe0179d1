//! Rewards that are changed on the way.

use gradus_tensor::{Error, Result};

use crate::env::{Env, Reset, Step};

/// Keeps rewards between two numbers. Gymnasium: `ClipReward`.
///
/// ```
/// use gradus_agent::{Env, envs::CliffWalking, wrappers::ClipReward};
/// let mut env = ClipReward::new(CliffWalking::new(Default::default())?, -1.0, 1.0)?;
/// env.reset(0)?;
/// assert_eq!(env.step(1)?.reward, -1.0, "a fall costs 100");
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClipReward<E> {
    env: E,
    min: f64,
    max: f64,
}

impl<E> ClipReward<E> {
    /// Between these.
    ///
    /// # Errors
    /// `Kind::Argument` unless min is at most max.
    pub fn new(env: E, min: f64, max: f64) -> Result<Self> {
        // Written so that NaN is refused.
        if !matches!(min.partial_cmp(&max), Some(order) if order.is_le()) {
            return Err(Error::argument("clip_reward", "min", min, "at most max"));
        }
        Ok(ClipReward { env, min, max })
    }
}

inner! { ClipReward }
crate::persist! { [E: crate::persist::Persist] ClipReward<E> { env } }

impl<E: Env> Env for ClipReward<E> {
    forward! { observations }
    forward! { actions }
    forward! { options }
    forward! { reset }
    type Info = E::Info;

    fn step(&mut self, action: E::Action) -> Result<Step<E::Observation, E::Info>> {
        let mut step = self.env.step(action)?;
        step.reward = step.reward.clamp(self.min, self.max);
        Ok(step)
    }
}

/// Rewards through a function. Gymnasium: `TransformReward`.
///
/// ```
/// use gradus_agent::{Env, envs::CartPole, wrappers::TransformReward};
/// let mut env = TransformReward::new(CartPole::new(Default::default()), |r| r / 100.0);
/// env.reset(0)?;
/// assert_eq!(env.step(0)?.reward, 0.01);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TransformReward<E, F> {
    env: E,
    f: F,
}

impl<E, F: Fn(f64) -> f64> TransformReward<E, F> {
    /// With this function.
    pub fn new(env: E, f: F) -> Self {
        TransformReward { env, f }
    }
}

inner! { TransformReward, F }
crate::persist! { [E: crate::persist::Persist, F] TransformReward<E, F> { env } }

impl<E: Env, F: Fn(f64) -> f64> Env for TransformReward<E, F> {
    forward! { observations }
    forward! { actions }
    forward! { options }
    forward! { reset }
    type Info = E::Info;

    fn step(&mut self, action: E::Action) -> Result<Step<E::Observation, E::Info>> {
        let mut step = self.env.step(action)?;
        step.reward = (self.f)(step.reward);
        Ok(step)
    }
}
