//! Many environments, one after another.

use gradus_tensor::Result;

use super::slot::{Slot, check_actions};
use super::{AutoresetMode, VectorEnv, VectorReset, VectorStep, VectorSteps};
use crate::env::Env;
use crate::persist::{Persist, Source};

/// Environments that step one after another: fastest where a step takes less than a microsecond,
/// as it does in all of [`envs`](crate::envs). Gymnasium: `SyncVectorEnv`.
///
/// ```
/// use gradus_agent::{envs::CartPole, vector::{AutoresetMode, SyncVectorEnv, VectorEnv}};
/// let envs = (0..3).map(|_| CartPole::make(Default::default()));
/// let mut envs = SyncVectorEnv::new(envs, AutoresetMode::SameStep);
/// let (observations, _) = envs.reset(Some(42))?;
/// assert_eq!(observations[0], [0.027395604, -0.006112156, 0.035859793, 0.019736802]);
/// let steps = envs.step(&[0, 1, 0])?;
/// assert_eq!(steps.rewards, [1.0; 3]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SyncVectorEnv<E> {
    slots: Vec<Slot<E>>,
}

impl<E: Env> SyncVectorEnv<E> {
    /// Of these environments.
    pub fn new(envs: impl IntoIterator<Item = E>, mode: AutoresetMode) -> Self {
        SyncVectorEnv { slots: Slot::all(envs, mode) }
    }

    /// An environment by number.
    pub fn get(&self, number: usize) -> Option<&E> {
        self.slots.get(number).map(|slot| &slot.env)
    }

    /// Begins a new episode in those environments that are named; for
    /// [`AutoresetMode::Disabled`].
    ///
    /// # Errors
    /// `Kind::Argument` for a mask of another length; the first error of an environment.
    pub fn reset_where(&mut self, mask: &[bool]) -> Result<Vec<Option<E::Observation>>> {
        check_actions(mask.len(), self.slots.len())?;
        let reset = |(slot, &wanted): (&mut Slot<E>, &bool)| match wanted {
            true => slot.reset(None).map(|(observation, _)| Some(observation)),
            false => Ok(None),
        };
        self.slots.iter_mut().zip(mask).map(reset).collect()
    }
}

impl<E: Env> Persist for SyncVectorEnv<E> {
    fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        self.slots.iter().try_for_each(|slot| slot.save(out))
    }

    fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
        self.slots.iter_mut().try_for_each(|slot| slot.load(from))
    }
}

impl<E: Env> VectorEnv for SyncVectorEnv<E> {
    type Env = E;

    fn num_envs(&self) -> usize {
        self.slots.len()
    }

    fn reset(&mut self, seed: Option<u64>) -> Result<VectorReset<E>> {
        let starts: Result<Vec<_>> = self.slots.iter_mut().map(|slot| slot.reset(seed)).collect();
        Ok(starts?.into_iter().unzip())
    }

    fn step(&mut self, actions: &[E::Action]) -> Result<VectorSteps<E>> {
        check_actions(actions.len(), self.slots.len())?;
        let mut all = VectorStep::with_capacity(self.slots.len());
        for (slot, action) in self.slots.iter_mut().zip(actions) {
            all.push(slot.step(action.clone())?);
        }
        Ok(all)
    }
}
