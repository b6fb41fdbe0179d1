//! Acrobot: two links, one motor between them.

use std::f64::consts::PI;

use gradus_tensor::Result;

use super::bounds::ResetBounds;
use crate::env::{Env, Reset, Step, no_action, not_reset};
use crate::render::{Picture, classic};
use crate::rng::Pcg64;
use crate::spaces::{BoxSpace, Discrete};
use crate::wrappers::TimeLimit;

const OP: &str = "acrobot";
/// Time between states, s.
const DT: f64 = 0.2;
/// m, kg, m, kg m²: of either link.
const LENGTH: f64 = 1.0;
const MASS: f64 = 1.0;
const CENTRE: f64 = 0.5;
const INERTIA: f64 = 1.0;
/// m/s².
const GRAVITY: f64 = 9.8;
/// rad/s.
const MAX_VELOCITY: [f64; 2] = [4.0 * PI, 9.0 * PI];

/// Swings the end of two links above a line.
///
/// *Observation*: cosine and sine of the first angle (0 hangs down) and of the second (relative to
/// the first), the two angular velocities (rad/s). *Actions*: a torque of -1, 0 or 1 N m on the
/// joint between the links. *Reward*: -1, and 0 for the last step. *End*:
/// `-cos θ₁ - cos(θ₁ + θ₂) > 1`. *Start*: U(-0.1, 0.1) each.
///
/// *Source*: Gymnasium 1.4 `Acrobot-v1`, the book's dynamics (Sutton & Barto), Runge–Kutta of
/// fourth order.
///
/// ```
/// use gradus_agent::{Env, envs::Acrobot};
/// let mut env = Acrobot::make(); // with the limit of 500 steps
/// let (observation, ()) = env.reset(0)?;
/// assert!(observation[0] > 0.99, "it hangs");
/// assert_eq!(env.step(2)?.reward, -1.0);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Acrobot {
    observation_space: BoxSpace<[f32; 6]>,
    action_space: Discrete,
    state: Option<[f64; 4]>,
    rng: Pcg64,
}

crate::persist! { Acrobot { state, rng } }

impl Default for Acrobot {
    fn default() -> Self {
        Acrobot::new()
    }
}

impl Acrobot {
    /// Without a time limit.
    pub fn new() -> Self {
        let [v1, v2] = MAX_VELOCITY.map(|v| v as f32);
        let high = [1.0, 1.0, 1.0, 1.0, v1, v2];
        Acrobot {
            observation_space: BoxSpace::known(high.map(|bound| -bound), high),
            action_space: Discrete::known(3),
            state: None,
            rng: Pcg64::new(0),
        }
    }

    /// As `gymnasium.make("Acrobot-v1")` gives it: cut after 500 steps.
    pub fn make() -> TimeLimit<Self> {
        TimeLimit::new(Acrobot::new(), 500)
    }
}

/// The derivatives of angles and velocities under a torque.
fn derivatives([theta1, theta2, v1, v2]: [f64; 4], torque: f64) -> [f64; 4] {
    let (l, m, c, i, g) = (LENGTH, MASS, CENTRE, INERTIA, GRAVITY);
    let (sin2, cos2) = (theta2.sin(), theta2.cos());
    let d1 = m * (c * c) + m * (l * l + c * c + 2.0 * l * c * cos2) + i + i;
    let d2 = m * (c * c + l * c * cos2) + i;
    let phi2 = m * c * g * (theta1 + theta2 - PI / 2.0).cos();
    let phi1 = -m * l * c * (v2 * v2) * sin2 - 2.0 * m * l * c * v2 * v1 * sin2
        + (m * c + m * l) * g * (theta1 - PI / 2.0).cos()
        + phi2;
    let a2 = (torque + d2 / d1 * phi1 - m * l * c * (v1 * v1) * sin2 - phi2)
        / (m * (c * c) + i - d2 * d2 / d1);
    let a1 = -(d2 * a2 + phi1) / d1;
    [v1, v2, a1, a2]
}

/// The state after `DT`, by the classical Runge–Kutta method.
fn integrate(y: [f64; 4], torque: f64) -> [f64; 4] {
    let along = |k: [f64; 4], h: f64| std::array::from_fn(|i| y[i] + h * k[i]);
    let k1 = derivatives(y, torque);
    let k2 = derivatives(along(k1, DT / 2.0), torque);
    let k3 = derivatives(along(k2, DT / 2.0), torque);
    let k4 = derivatives(along(k3, DT), torque);
    std::array::from_fn(|i| y[i] + DT / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]))
}

/// The same angle within ±π.
fn wrap(mut angle: f64) -> f64 {
    while angle > PI {
        angle -= 2.0 * PI;
    }
    while angle < -PI {
        angle += 2.0 * PI;
    }
    angle
}

fn observe([theta1, theta2, v1, v2]: [f64; 4]) -> [f32; 6] {
    [theta1.cos(), theta1.sin(), theta2.cos(), theta2.sin(), v1, v2].map(|v| v as f32)
}

impl Env for Acrobot {
    type Observation = [f32; 6];
    type Action = i64;
    type ObservationSpace = BoxSpace<[f32; 6]>;
    type ActionSpace = Discrete;
    type Info = ();
    type Options = ResetBounds;

    fn observation_space(&self) -> &BoxSpace<[f32; 6]> {
        &self.observation_space
    }

    fn action_space(&self) -> &Discrete {
        &self.action_space
    }

    fn reset_with(
        &mut self,
        seed: Option<u64>,
        bounds: &ResetBounds,
    ) -> Result<Reset<[f32; 6], ()>> {
        let drawn: [f64; 4] = bounds.draw(OP, [-0.1, 0.1], seed, &mut self.rng)?;
        // Gymnasium keeps the first state of an episode in single precision.
        let state = drawn.map(|v| f64::from(v as f32));
        self.state = Some(state);
        Ok((observe(state), ()))
    }

    fn step(&mut self, action: i64) -> Result<Step<[f32; 6]>> {
        let Some(state) = self.state else { return Err(not_reset(OP)) };
        if !(0..3).contains(&action) {
            return Err(no_action(OP, action));
        }
        let [theta1, theta2, v1, v2] = integrate(state, (action - 1) as f64);
        let (theta1, theta2) = (wrap(theta1), wrap(theta2));
        let v1 = v1.clamp(-MAX_VELOCITY[0], MAX_VELOCITY[0]);
        let v2 = v2.clamp(-MAX_VELOCITY[1], MAX_VELOCITY[1]);
        let state = [theta1, theta2, v1, v2];
        self.state = Some(state);
        let terminated = -theta1.cos() - (theta2 + theta1).cos() > 1.0;
        let reward = if terminated { 0.0 } else { -1.0 };
        Ok(Step { observation: observe(state), reward, terminated, truncated: false, info: () })
    }

    fn render(&self) -> Option<Picture> {
        let [theta1, theta2, ..] = self.state?;
        Some(classic::acrobot(theta1, theta2))
    }
}
