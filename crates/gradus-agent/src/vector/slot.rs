//! One of many environments, and when it is reset.

use gradus_tensor::{Error, Result};

use crate::env::{Env, Reset, Step};

/// What happens when an episode of one of many environments ends. Gymnasium: `AutoresetMode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoresetMode {
    /// The next step ignores its action and resets: reward 0, not done. A replay memory leaves
    /// this transition out.
    #[default]
    NextStep,
    /// The step itself resets; the last observation is in `finals`.
    SameStep,
    /// Nothing: the program resets.
    Disabled,
}

/// A step, and the last observation and information of the episode where they were replaced.
pub(super) type SlotStep<O, I> = (Step<O, I>, Option<(O, I)>);

#[derive(Clone, Debug)]
pub(super) struct Slot<E> {
    pub(super) env: E,
    mode: AutoresetMode,
    number: usize,
    done: bool,
}

crate::persist! { [E: crate::persist::Persist] Slot<E> { env, done } }

impl<E: Env> Slot<E> {
    pub(super) fn all(envs: impl IntoIterator<Item = E>, mode: AutoresetMode) -> Vec<Self> {
        let slot = |(number, env)| Slot { env, mode, number, done: false };
        envs.into_iter().enumerate().map(slot).collect()
    }

    fn place(&self, error: Error) -> Error {
        error.within(format!("environment {}", self.number))
    }

    pub(super) fn reset(&mut self, seed: Option<u64>) -> Result<Reset<E::Observation, E::Info>> {
        self.done = false;
        let seed = seed.map(|seed| seed.wrapping_add(self.number as u64));
        self.env.reset(seed).map_err(|error| self.place(error))
    }

    pub(super) fn step(&mut self, action: E::Action) -> Result<SlotStep<E::Observation, E::Info>> {
        if self.done && self.mode == AutoresetMode::NextStep {
            let (observation, info) = self.reset(None)?;
            let (terminated, truncated) = (false, false);
            return Ok((Step { observation, reward: 0.0, terminated, truncated, info }, None));
        }
        let mut step = self.env.step(action).map_err(|error| self.place(error))?;
        self.done = step.done();
        if !self.done || self.mode != AutoresetMode::SameStep {
            return Ok((step, None));
        }
        let (observation, info) = self.reset(None)?;
        let last = std::mem::replace(&mut step.observation, observation);
        let last_info = std::mem::replace(&mut step.info, info);
        Ok((step, Some((last, last_info))))
    }
}

/// # Errors
/// `Kind::Argument` unless there are as many actions as environments.
pub(super) fn check_actions(actions: usize, environments: usize) -> Result<()> {
    if actions != environments {
        let value = format!("{actions} for {environments} environments");
        return Err(Error::argument("vector_env", "actions", value, "one for each environment"));
    }
    Ok(())
}
