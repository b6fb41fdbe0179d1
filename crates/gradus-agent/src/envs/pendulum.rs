//! Pendulum: swing up and stay there, with a torque.

use std::f64::consts::PI;

use gradus_tensor::{Error, Result};

use crate::env::{Env, Reset, Step, not_reset};
use crate::render::{Picture, classic};
use crate::rng::Pcg64;
use crate::spaces::BoxSpace;
use crate::wrappers::{DiscretizeAction, TimeLimit};

const OP: &str = "pendulum";
/// rad/s.
const MAX_SPEED: f64 = 8.0;
/// N m.
const MAX_TORQUE: f32 = 2.0;
/// Time between states, s.
const DT: f64 = 0.05;

/// Swings a pendulum up.
///
/// *Observation*: cosine and sine of the angle (0 is upright), angular velocity (rad/s).
/// *Action*: a torque; more than 2 N m is taken as 2.
/// *Reward*: `-(θ² + 0.1 θ̇² + 0.001 torque²)`, θ within ±π.
/// *End*: never. *Start*: θ in U(-π, π), velocity in U(-1, 1).
///
/// *Source*: Gymnasium 1.4 `Pendulum-v1`. [`Pendulum::discrete`] gives it a few torques to choose
/// from, for agents that choose.
///
/// ```
/// use gradus_agent::{Env, envs::Pendulum};
/// let mut env = Pendulum::new(Default::default());
/// env.reset(42)?;
/// let step = env.step([-0.6])?;
/// assert_eq!(step.observation, [-0.17606162, 0.9843792, 0.5292768]);
/// let mut env = Pendulum::discrete(Default::default(), 10)?;
/// env.reset(42)?;
/// assert_eq!(env.step(3)?.observation, [-0.17606162, 0.9843792, 0.5292768]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pendulum {
    gravity: f64,
    observation_space: BoxSpace<[f32; 3]>,
    action_space: BoxSpace<[f32; 1]>,
    state: Option<[f64; 2]>,
    last_torque: Option<f32>,
    rng: Pcg64,
}

crate::persist! { Pendulum { state, last_torque, rng } }

/// Options of [`Pendulum`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PendulumOptions {
    /// Gravity, m/s².
    pub g: f64,
}

impl Default for PendulumOptions {
    fn default() -> Self {
        PendulumOptions { g: 10.0 }
    }
}

/// How far from upright and at rest an episode of [`Pendulum`] may begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PendulumStart {
    /// Of the angle.
    pub x_init: f64,
    /// Of the angular velocity.
    pub y_init: f64,
}

impl Default for PendulumStart {
    fn default() -> Self {
        PendulumStart { x_init: PI, y_init: 1.0 }
    }
}

impl Pendulum {
    /// Without a time limit.
    pub fn new(options: PendulumOptions) -> Self {
        let high = [1.0, 1.0, MAX_SPEED as f32];
        Pendulum {
            gravity: options.g,
            observation_space: BoxSpace::known(high.map(|bound| -bound), high),
            action_space: BoxSpace::known([-MAX_TORQUE], [MAX_TORQUE]),
            state: None,
            last_torque: None,
            rng: Pcg64::new(0),
        }
    }

    /// As `gymnasium.make("Pendulum-v1")` gives it: cut after 200 steps.
    pub fn make(options: PendulumOptions) -> TimeLimit<Self> {
        TimeLimit::new(Pendulum::new(options), 200)
    }

    /// As [`Pendulum::make`], with `bins` torques to choose from.
    ///
    /// # Errors
    /// `Kind::Argument` for no bins.
    pub fn discrete(
        options: PendulumOptions,
        bins: usize,
    ) -> Result<TimeLimit<DiscretizeAction<Self>>> {
        Ok(TimeLimit::new(DiscretizeAction::new(Pendulum::new(options), bins)?, 200))
    }
}

fn observe([theta, velocity]: [f64; 2]) -> [f32; 3] {
    [theta.cos() as f32, theta.sin() as f32, velocity as f32]
}

impl Env for Pendulum {
    type Observation = [f32; 3];
    type Action = [f32; 1];
    type ObservationSpace = BoxSpace<[f32; 3]>;
    type ActionSpace = BoxSpace<[f32; 1]>;
    type Info = ();
    type Options = PendulumStart;

    fn observation_space(&self) -> &BoxSpace<[f32; 3]> {
        &self.observation_space
    }

    fn action_space(&self) -> &BoxSpace<[f32; 1]> {
        &self.action_space
    }

    fn reset_with(
        &mut self,
        seed: Option<u64>,
        start: &PendulumStart,
    ) -> Result<Reset<[f32; 3], ()>> {
        let high = [start.x_init, start.y_init];
        if !high.iter().all(|bound| bound.is_finite()) {
            return Err(Error::argument(OP, "x_init", format!("{high:?}"), "finite bounds"));
        }
        if let Some(seed) = seed {
            self.rng = Pcg64::new(seed);
        }
        let state = high.map(|bound| self.rng.uniform(-bound, bound));
        (self.state, self.last_torque) = (Some(state), None);
        Ok((observe(state), ()))
    }

    fn step(&mut self, [torque]: [f32; 1]) -> Result<Step<[f32; 3]>> {
        let Some([theta, velocity]) = self.state else { return Err(not_reset(OP)) };
        if torque.is_nan() {
            return Err(Error::argument(OP, "action", torque, "a number"));
        }
        let torque = torque.clamp(-MAX_TORQUE, MAX_TORQUE);
        self.last_torque = Some(torque);
        let angle = (theta + PI).rem_euclid(2.0 * PI) - PI;
        // Gymnasium's torque, and what is made of it alone, is in single precision.
        let effort = f64::from(0.001 * (torque * torque));
        let cost = angle * angle + 0.1 * (velocity * velocity) + effort;
        let fall = 3.0 * self.gravity / 2.0 * theta.sin();
        let velocity =
            (velocity + (fall + f64::from(3.0 * torque)) * DT).clamp(-MAX_SPEED, MAX_SPEED);
        let state = [theta + velocity * DT, velocity];
        self.state = Some(state);
        let observation = observe(state);
        Ok(Step { observation, reward: -cost, terminated: false, truncated: false, info: () })
    }

    fn render(&self) -> Option<Picture> {
        Some(classic::pendulum(self.state?[0], self.last_torque))
    }
}
