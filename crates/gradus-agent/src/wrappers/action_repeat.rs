//! Each action several times.

use gradus_tensor::{Error, Result};

use crate::env::{Env, Reset, Step};

/// Does each action several times and adds the rewards; stops early where the episode ends.
///
/// ```
/// use gradus_agent::{Env, envs::MountainCar, wrappers::ActionRepeat};
/// let mut env = ActionRepeat::new(MountainCar::new(Default::default()), 4)?;
/// env.reset(0)?;
/// assert_eq!(env.step(2)?.reward, -4.0);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ActionRepeat<E> {
    env: E,
    times: usize,
}

impl<E> ActionRepeat<E> {
    /// So many times.
    ///
    /// # Errors
    /// `Kind::Argument` for 0.
    pub fn new(env: E, times: usize) -> Result<Self> {
        match times {
            0 => Err(Error::argument("action_repeat", "times", 0, "1 or more")),
            _ => Ok(ActionRepeat { env, times }),
        }
    }
}

inner! { ActionRepeat }
crate::persist! { [E: crate::persist::Persist] ActionRepeat<E> { env } }

impl<E: Env> Env for ActionRepeat<E> {
    forward! { observations }
    forward! { actions }
    forward! { options }
    forward! { reset }
    type Info = E::Info;

    fn step(&mut self, action: E::Action) -> Result<Step<E::Observation, E::Info>> {
        let mut step = self.env.step(action.clone())?;
        for _ in 1..self.times {
            if step.done() {
                break;
            }
            let before = step.reward;
            step = self.env.step(action.clone())?;
            step.reward += before;
        }
        Ok(step)
    }
}
