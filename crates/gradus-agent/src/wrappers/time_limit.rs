//! Episodes that are cut after a number of steps.

use gradus_tensor::Result;

use crate::env::{Env, Reset, Step};
use crate::envs::{Tabular, Transitions};

/// Cuts episodes after a number of steps: `truncated`, which says nothing about the world, so that
/// a target still bootstraps. Gymnasium: `TimeLimit`.
///
/// ```
/// use gradus_agent::{Env, envs::CliffWalking, wrappers::TimeLimit};
/// let mut env = TimeLimit::new(CliffWalking::new(Default::default())?, 2);
/// env.reset(0)?;
/// assert!(!env.step(0)?.truncated);
/// let step = env.step(0)?;
/// assert!(step.truncated && !step.terminated);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TimeLimit<E> {
    env: E,
    max_episode_steps: usize,
    elapsed: usize,
}

impl<E> TimeLimit<E> {
    /// At most so many steps an episode.
    pub fn new(env: E, max_episode_steps: usize) -> Self {
        TimeLimit { env, max_episode_steps, elapsed: 0 }
    }

    /// The limit.
    pub fn max_episode_steps(&self) -> usize {
        self.max_episode_steps
    }
}

inner! { TimeLimit }
crate::persist! { [E: crate::persist::Persist] TimeLimit<E> { env, elapsed } }

impl<E: Env> Env for TimeLimit<E> {
    forward! { observations }
    forward! { actions }
    forward! { options }
    type Info = E::Info;

    fn reset_with(
        &mut self,
        seed: Option<u64>,
        options: &E::Options,
    ) -> Result<Reset<E::Observation, E::Info>> {
        self.elapsed = 0;
        self.env.reset_with(seed, options)
    }

    #[inline]
    fn step(&mut self, action: E::Action) -> Result<Step<E::Observation, E::Info>> {
        let mut step = self.env.step(action)?;
        self.elapsed += 1;
        step.truncated |= self.elapsed >= self.max_episode_steps;
        Ok(step)
    }
}

impl<E: Tabular> Tabular for TimeLimit<E> {
    fn transitions(&self) -> &Transitions {
        self.env.transitions()
    }
}
