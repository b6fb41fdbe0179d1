//! Mountain car: too weak to drive up, strong enough to swing.

use gradus_tensor::Result;

use super::bounds::ResetBounds;
use crate::env::{Env, Reset, Step, no_action, not_reset};
use crate::render::{Picture, classic};
use crate::rng::Pcg64;
use crate::spaces::{BoxSpace, Discrete};
use crate::wrappers::TimeLimit;

const OP: &str = "mountain_car";
const MIN_POSITION: f64 = -1.2;
const MAX_POSITION: f64 = 0.6;
const MAX_SPEED: f64 = 0.07;
const GOAL: f64 = 0.5;
const FORCE: f64 = 0.001;
const GRAVITY: f64 = 0.0025;

/// Swings a car up a hill.
///
/// *Observation*: position, velocity. *Actions*: 0 left, 1 none, 2 right. *Reward*: -1 for every
/// step. *End*: position 0.5 at `goal_velocity` or more. *Start*: position U(-0.6, -0.4), at rest.
///
/// *Source*: Gymnasium 1.4 `MountainCar-v0`, after Moore (1990).
///
/// ```
/// use gradus_agent::{Env, envs::MountainCar};
/// let mut env = MountainCar::make(Default::default()); // with the limit of 200 steps
/// let (observation, ()) = env.reset(1)?;
/// assert!((-0.6..-0.4).contains(&observation[0]) && observation[1] == 0.0);
/// assert_eq!(env.step(2)?.reward, -1.0);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MountainCar {
    goal_velocity: f64,
    observation_space: BoxSpace<[f32; 2]>,
    action_space: Discrete,
    state: Option<[f64; 2]>,
    rng: Pcg64,
}

crate::persist! { MountainCar { state, rng } }

/// Options of [`MountainCar`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MountainCarOptions {
    /// The speed that counts as arriving.
    pub goal_velocity: f64,
}

impl MountainCar {
    /// Without a time limit.
    pub fn new(options: MountainCarOptions) -> Self {
        let low = [MIN_POSITION as f32, -MAX_SPEED as f32];
        let high = [MAX_POSITION as f32, MAX_SPEED as f32];
        MountainCar {
            goal_velocity: options.goal_velocity,
            observation_space: BoxSpace::known(low, high),
            action_space: Discrete::known(3),
            state: None,
            rng: Pcg64::new(0),
        }
    }

    /// As `gymnasium.make("MountainCar-v0")` gives it: cut after 200 steps.
    pub fn make(options: MountainCarOptions) -> TimeLimit<Self> {
        TimeLimit::new(MountainCar::new(options), 200)
    }
}

impl Env for MountainCar {
    type Observation = [f32; 2];
    type Action = i64;
    type ObservationSpace = BoxSpace<[f32; 2]>;
    type ActionSpace = Discrete;
    type Info = ();
    type Options = ResetBounds;

    fn observation_space(&self) -> &BoxSpace<[f32; 2]> {
        &self.observation_space
    }

    fn action_space(&self) -> &Discrete {
        &self.action_space
    }

    fn reset_with(
        &mut self,
        seed: Option<u64>,
        bounds: &ResetBounds,
    ) -> Result<Reset<[f32; 2], ()>> {
        let [position] = bounds.draw(OP, [-0.6, -0.4], seed, &mut self.rng)?;
        self.state = Some([position, 0.0]);
        Ok(([position as f32, 0.0], ()))
    }

    #[inline]
    fn step(&mut self, action: i64) -> Result<Step<[f32; 2]>> {
        let Some([mut position, mut velocity]) = self.state else { return Err(not_reset(OP)) };
        if !(0..3).contains(&action) {
            return Err(no_action(OP, action));
        }
        velocity += (action - 1) as f64 * FORCE + (3.0 * position).cos() * -GRAVITY;
        velocity = velocity.clamp(-MAX_SPEED, MAX_SPEED);
        position = (position + velocity).clamp(MIN_POSITION, MAX_POSITION);
        if position == MIN_POSITION && velocity < 0.0 {
            velocity = 0.0;
        }
        self.state = Some([position, velocity]);
        Ok(Step {
            observation: [position as f32, velocity as f32],
            reward: -1.0,
            terminated: position >= GOAL && velocity >= self.goal_velocity,
            truncated: false,
            info: (),
        })
    }

    fn render(&self) -> Option<Picture> {
        Some(classic::mountain_car(self.state?[0], [MIN_POSITION, MAX_POSITION], GOAL))
    }
}
