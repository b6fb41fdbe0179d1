//! Cart-pole: a pole on a cart that is pushed left or right.

use std::f64::consts::PI;

use gradus_tensor::Result;

use super::bounds::ResetBounds;
use crate::env::{Env, Reset, Step, no_action, not_reset};
use crate::render::{Picture, classic};
use crate::rng::Pcg64;
use crate::spaces::{BoxSpace, Discrete};
use crate::wrappers::TimeLimit;

const OP: &str = "cart_pole";
/// m/s².
const GRAVITY: f64 = 9.8;
/// kg.
const MASS_CART: f64 = 1.0;
const MASS_POLE: f64 = 0.1;
const TOTAL_MASS: f64 = MASS_POLE + MASS_CART;
/// Half the pole's length, m.
const LENGTH: f64 = 0.5;
const POLE_MASS_LENGTH: f64 = MASS_POLE * LENGTH;
/// N.
const FORCE: f64 = 10.0;
/// Time between states, s.
const TAU: f64 = 0.02;
/// rad, 12°.
const THETA_LIMIT: f64 = 12.0 * 2.0 * PI / 360.0;
/// m.
const X_LIMIT: f64 = 2.4;

/// Balances a pole.
///
/// *Observation*: position (m), velocity, angle (rad, 0 is upright), angular velocity. *Actions*: 0
/// pushes left, 1 right. *Reward*: 1 for every step, the last included; with
/// `sutton_barto_reward` 0, and -1 for the last. *End*: beyond 2.4 m or 12°. *Start*:
/// U(-0.05, 0.05) each.
///
/// *Source*: Gymnasium 1.4 `CartPole-v1`, after Barto, Sutton & Anderson (1983): Euler's method
/// with the old velocities.
///
/// ```
/// use gradus_agent::{Env, envs::CartPole};
/// let mut env = CartPole::make(Default::default()); // with the limit of 500 steps
/// let (observation, ()) = env.reset(42)?;
/// assert_eq!(observation, [0.027395604, -0.006112156, 0.035859793, 0.019736802]);
/// let step = env.step(1)?;
/// assert_eq!((step.reward, step.terminated, step.truncated), (1.0, false, false));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CartPole {
    options: CartPoleOptions,
    observation_space: BoxSpace<[f32; 4]>,
    action_space: Discrete,
    state: Option<[f64; 4]>,
    fallen: bool,
    rng: Pcg64,
}

/// Options of [`CartPole`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CartPoleOptions {
    /// Whether rewards are 0 and -1 at the end, as in Sutton & Barto's book.
    pub sutton_barto_reward: bool,
}

impl CartPole {
    /// Without a time limit.
    pub fn new(options: CartPoleOptions) -> Self {
        // Twice the limits, so that the last observation of an episode is within.
        let theta = (THETA_LIMIT * 2.0) as f32;
        let high = [(X_LIMIT * 2.0) as f32, f32::INFINITY, theta, f32::INFINITY];
        CartPole {
            options,
            observation_space: BoxSpace::known(high.map(|bound| -bound), high),
            action_space: Discrete::known(2),
            state: None,
            fallen: false,
            rng: Pcg64::new(0),
        }
    }

    /// As `gymnasium.make("CartPole-v1")` gives it: cut after 500 steps.
    pub fn make(options: CartPoleOptions) -> TimeLimit<Self> {
        TimeLimit::new(CartPole::new(options), 500)
    }

    /// Position, velocity, angle and angular velocity, unrounded.
    pub fn state(&self) -> Option<[f64; 4]> {
        self.state
    }
}

impl crate::persist::Persist for CartPole {
    fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        (self.state, self.fallen).save(out)?;
        self.rng.save(out)
    }

    fn load(&mut self, from: &mut crate::persist::Source<'_>) -> Result<()> {
        (self.state, self.fallen) = crate::persist::read(from)?;
        self.rng.load(from)
    }
}

impl Env for CartPole {
    type Observation = [f32; 4];
    type Action = i64;
    type ObservationSpace = BoxSpace<[f32; 4]>;
    type ActionSpace = Discrete;
    type Info = ();
    type Options = ResetBounds;

    fn observation_space(&self) -> &BoxSpace<[f32; 4]> {
        &self.observation_space
    }

    fn action_space(&self) -> &Discrete {
        &self.action_space
    }

    fn reset_with(
        &mut self,
        seed: Option<u64>,
        bounds: &ResetBounds,
    ) -> Result<Reset<[f32; 4], ()>> {
        let state = bounds.draw(OP, [-0.05, 0.05], seed, &mut self.rng)?;
        (self.state, self.fallen) = (Some(state), false);
        Ok((state.map(|v| v as f32), ()))
    }

    #[inline]
    fn step(&mut self, action: i64) -> Result<Step<[f32; 4]>> {
        let Some([x, x_dot, theta, theta_dot]) = self.state else { return Err(not_reset(OP)) };
        let force = match action {
            0 => -FORCE,
            1 => FORCE,
            _ => return Err(no_action(OP, action)),
        };
        let (sin, cos) = (theta.sin(), theta.cos());
        let temp = (force + POLE_MASS_LENGTH * (theta_dot * theta_dot) * sin) / TOTAL_MASS;
        let theta_acc = (GRAVITY * sin - cos * temp)
            / (LENGTH * (4.0 / 3.0 - MASS_POLE * (cos * cos) / TOTAL_MASS));
        let x_acc = temp - POLE_MASS_LENGTH * theta_acc * cos / TOTAL_MASS;
        let state = [
            x + TAU * x_dot,
            x_dot + TAU * x_acc,
            theta + TAU * theta_dot,
            theta_dot + TAU * theta_acc,
        ];
        self.state = Some(state);
        let terminated = state[0].abs() > X_LIMIT || state[2].abs() > THETA_LIMIT;
        let reward = match (terminated, self.options.sutton_barto_reward) {
            (true, true) => -1.0,
            (false, true) => 0.0,
            // A pole that lies already earns nothing.
            (true, false) if self.fallen => 0.0,
            (_, false) => 1.0,
        };
        self.fallen |= terminated;
        let observation = state.map(|v| v as f32);
        Ok(Step { observation, reward, terminated, truncated: false, info: () })
    }

    fn render(&self) -> Option<Picture> {
        let [x, _, theta, _] = self.state?;
        Some(classic::cart_pole(x, theta, X_LIMIT, LENGTH))
    }
}
