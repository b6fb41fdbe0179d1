//! The last observations together.

use std::collections::VecDeque;

use gradus_tensor::{Error, Result};

use crate::env::{Env, Reset, Step};
use crate::persist::{Persist, Source, read};
use crate::spaces::{BoxSpace, Floats};

/// The last observations, oldest first; the first of an episode stands for those before it.
/// Gymnasium: `FrameStackObservation`.
///
/// *Shapes*: observations `[*]` become `[stack_size, *]`.
///
/// ```
/// use gradus_agent::{Env, envs::MountainCar, wrappers::FrameStack};
/// let mut env = FrameStack::new(MountainCar::new(Default::default()), 3)?;
/// let (first, ()) = env.reset(0)?;
/// assert_eq!((&first[..2], first.len()), (&first[2..4], 6));
/// let second = env.step(2)?.observation;
/// assert_eq!(second[2..4], first[4..]);
/// assert_eq!(env.observation_space().shape().dims(), [3, 2]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FrameStack<E: Env> {
    env: E,
    stack_size: usize,
    frames: VecDeque<E::Observation>,
    observation_space: BoxSpace,
}

impl<V: Floats, E: Env<Observation = V, ObservationSpace = BoxSpace<V>>> FrameStack<E> {
    /// So many observations.
    ///
    /// # Errors
    /// `Kind::Argument` for 0.
    pub fn new(env: E, stack_size: usize) -> Result<Self> {
        if stack_size == 0 {
            return Err(Error::argument("frame_stack", "stack_size", 0, "1 or more"));
        }
        let space = env.observation_space();
        let (low, high) = (space.low().repeat(stack_size), space.high().repeat(stack_size));
        let mut shape = vec![stack_size];
        shape.extend(space.shape().dims());
        let observation_space = BoxSpace::shaped(low, high, shape)?;
        Ok(FrameStack { env, stack_size, frames: VecDeque::new(), observation_space })
    }

    fn stacked(&self) -> Vec<f32> {
        self.frames.iter().flat_map(AsRef::as_ref).copied().collect()
    }
}

impl<V: Floats, E: Env<Observation = V>> Persist for FrameStack<E> {
    fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        self.env.save(out)?;
        let frames: Vec<Vec<f32>> = self.frames.iter().map(|f| f.as_ref().to_vec()).collect();
        frames.save(out)
    }

    fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
        self.env.load(from)?;
        let frames: Vec<Vec<f32>> = read(from)?;
        let length = self.observation_space.low().len() / self.stack_size;
        if frames.iter().any(|frame| frame.len() != length) {
            return Err(from.bad("frames of another length"));
        }
        self.frames = frames.iter().map(|frame| V::from_fn(length, |i| frame[i])).collect();
        Ok(())
    }
}

impl<V: Floats, E: Env<Observation = V, ObservationSpace = BoxSpace<V>>> Env for FrameStack<E> {
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
        self.frames = std::iter::repeat_n(observation, self.stack_size).collect();
        Ok((self.stacked(), info))
    }

    fn step(&mut self, action: E::Action) -> Result<Step<Vec<f32>, E::Info>> {
        let step = self.env.step(action)?;
        self.frames.pop_front();
        self.frames.push_back(step.observation.clone());
        let stacked = self.stacked();
        Ok(step.with_observation(|_| stacked))
    }
}
