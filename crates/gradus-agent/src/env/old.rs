//! The interface of old programs: reset gives an observation, step four values.

use gradus_tensor::Result;

use super::{Env, Step};

/// An environment as `gym` had it before version 0.26: for programs that are written that way.
///
/// `done` says that an episode is over and hides why, which a bootstrapped target needs to know.
///
/// ```
/// use gradus_agent::{OldEnv, envs::FrozenLake};
/// let mut env = OldEnv::new(FrozenLake::new(Default::default())?);
/// let mut observation = env.reset()?;
/// for _ in 0..100 {
///     let (next, reward, done, _info) = env.step(env.sample_action())?;
///     observation = next;
///     if done {
///         assert!(reward == 0.0 || observation == 15);
///         break;
///     }
/// }
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct OldEnv<E> {
    env: E,
    seed: Option<u64>,
    actions: std::cell::RefCell<crate::rng::Pcg64>,
}

impl<E: Env> OldEnv<E> {
    /// Around an environment, with seed 0.
    pub fn new(env: E) -> Self {
        OldEnv { env, seed: Some(0), actions: crate::rng::Pcg64::new(0).into() }
    }

    /// Seeds the environment, from the next reset on, and the drawn actions. gym: `env.seed`.
    pub fn seed(&mut self, seed: u64) {
        self.seed = Some(seed);
        self.actions = crate::rng::Pcg64::new(seed).into();
    }

    /// Begins an episode.
    ///
    /// # Errors
    /// As [`Env::reset_with`].
    pub fn reset(&mut self) -> Result<E::Observation> {
        Ok(self.env.reset(self.seed.take())?.0)
    }

    /// Does an action: observation, reward, done, info.
    ///
    /// # Errors
    /// As [`Env::step`].
    pub fn step(&mut self, action: E::Action) -> Result<(E::Observation, f64, bool, E::Info)> {
        let step = self.env.step(action)?;
        let done = step.done();
        let Step { observation, reward, info, .. } = step;
        Ok((observation, reward, done, info))
    }

    /// An action at random. gym: `env.action_space.sample()`.
    pub fn sample_action(&self) -> E::Action {
        use crate::spaces::Space;
        self.env.action_space().sample(&mut self.actions.borrow_mut())
    }

    /// The environment.
    pub fn env(&self) -> &E {
        &self.env
    }
}
