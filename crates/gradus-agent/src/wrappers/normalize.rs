//! Observations and rewards of about unit size, by running statistics.

use gradus_tensor::Result;

use crate::env::{Env, Reset, Step};
use crate::spaces::{BoxSpace, Floats};

/// Mean and variance of all that was seen, in double precision. Gymnasium: `RunningMeanStd`.
///
/// ```
/// use gradus_agent::wrappers::RunningMeanStd;
/// let mut running = RunningMeanStd::new(1);
/// [1.0, 3.0].iter().for_each(|&v| running.update(&[v]));
/// assert!((running.mean()[0] - 2.0).abs() < 1e-3 && (running.var()[0] - 1.0).abs() < 1e-3);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RunningMeanStd {
    mean: Vec<f64>,
    var: Vec<f64>,
    count: f64,
}

crate::persist! { RunningMeanStd { mean, var, count } }

impl RunningMeanStd {
    /// Of vectors of a length: mean 0 and variance 1, with a weight of 1e-4.
    pub fn new(length: usize) -> Self {
        RunningMeanStd { mean: vec![0.0; length], var: vec![1.0; length], count: 1e-4 }
    }

    /// Takes a vector in (Chan's parallel formula for a batch of one).
    pub fn update(&mut self, values: &[f64]) {
        let total = self.count + 1.0;
        for ((mean, var), value) in self.mean.iter_mut().zip(&mut self.var).zip(values) {
            let delta = value - *mean;
            *mean += delta / total;
            *var = (*var * self.count + delta * delta * self.count / total) / total;
        }
        self.count = total;
    }

    /// The mean.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The variance.
    pub fn var(&self) -> &[f64] {
        &self.var
    }
}

/// Keeps a variance of zero from dividing by zero. Gymnasium's value.
const EPSILON: f64 = 1e-8;

/// Observations of mean 0 and variance 1, as far as has been seen. Gymnasium:
/// `NormalizeObservation`.
///
/// ```
/// use gradus_agent::{Env, envs::CartPole, wrappers::NormalizeObservation};
/// let mut env = NormalizeObservation::new(CartPole::make(Default::default()))?;
/// env.reset(0)?;
/// let first = env.step(1)?.observation;
/// assert!(first.iter().all(|v| v.abs() < 10.0));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct NormalizeObservation<E: Env> {
    env: E,
    running: RunningMeanStd,
    observation_space: E::ObservationSpace,
    /// Whether statistics are taken; not while an agent is judged.
    pub update_running_mean: bool,
}

crate::persist! { [E: Env] NormalizeObservation<E> { env, running } }

impl<V: Floats, E: Env<Observation = V, ObservationSpace = BoxSpace<V>>> NormalizeObservation<E> {
    /// Around an environment.
    ///
    /// # Errors
    /// None for spaces that hold something.
    pub fn new(env: E) -> Result<Self> {
        let space = env.observation_space();
        let length = space.low().len();
        let unbounded = |bound| V::from_fn(length, |_| bound);
        let (low, high) = (unbounded(f32::NEG_INFINITY), unbounded(f32::INFINITY));
        let observation_space = BoxSpace::shaped(low, high, space.shape().clone())?;
        let running = RunningMeanStd::new(length);
        Ok(NormalizeObservation { env, running, observation_space, update_running_mean: true })
    }

    /// The statistics.
    pub fn statistics(&self) -> &RunningMeanStd {
        &self.running
    }

    fn normalize(&mut self, observation: &V) -> V {
        let values: Vec<f64> = observation.as_ref().iter().map(|&v| f64::from(v)).collect();
        if self.update_running_mean {
            self.running.update(&values);
        }
        let (mean, var) = (self.running.mean(), self.running.var());
        V::from_fn(values.len(), |i| ((values[i] - mean[i]) / (var[i] + EPSILON).sqrt()) as f32)
    }
}

impl<V: Floats, E: Env<Observation = V, ObservationSpace = BoxSpace<V>>> Env
    for NormalizeObservation<E>
{
    forward! { actions }
    forward! { options }
    type Observation = V;
    type ObservationSpace = BoxSpace<V>;
    type Info = E::Info;

    fn observation_space(&self) -> &BoxSpace<V> {
        &self.observation_space
    }

    fn reset_with(&mut self, seed: Option<u64>, options: &E::Options) -> Result<Reset<V, E::Info>> {
        let (observation, info) = self.env.reset_with(seed, options)?;
        Ok((self.normalize(&observation), info))
    }

    fn step(&mut self, action: E::Action) -> Result<Step<V, E::Info>> {
        let step = self.env.step(action)?;
        Ok(step.with_observation(|o| self.normalize(&o)))
    }
}

/// Rewards divided by the deviation of their discounted sum. Gymnasium: `NormalizeReward`.
///
/// ```
/// use gradus_agent::{Env, envs::MountainCar, wrappers::NormalizeReward};
/// let mut env = NormalizeReward::new(MountainCar::make(Default::default()), 0.99);
/// env.reset(0)?;
/// let mut last = -1.0;
/// for _ in 0..100 {
///     last = env.step(0)?.reward;
/// }
/// assert!(last > -0.2, "the sum varies by much more than 1: {last}");
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct NormalizeReward<E> {
    env: E,
    gamma: f64,
    discounted: f64,
    running: RunningMeanStd,
    /// Whether statistics are taken.
    pub update_running_mean: bool,
}

inner! { NormalizeReward }
crate::persist! {
    [E: crate::persist::Persist] NormalizeReward<E> { env, discounted, running }
}

impl<E: Env> NormalizeReward<E> {
    /// With this discount.
    pub fn new(env: E, gamma: f64) -> Self {
        let running = RunningMeanStd::new(1);
        NormalizeReward { env, gamma, discounted: 0.0, running, update_running_mean: true }
    }
}

impl<E: Env> Env for NormalizeReward<E> {
    forward! { observations }
    forward! { actions }
    forward! { options }
    forward! { reset }
    type Info = E::Info;

    fn step(&mut self, action: E::Action) -> Result<Step<E::Observation, E::Info>> {
        let mut step = self.env.step(action)?;
        let goes_on = if step.terminated { 0.0 } else { 1.0 };
        self.discounted = self.discounted * self.gamma * goes_on + step.reward;
        if self.update_running_mean {
            self.running.update(&[self.discounted]);
        }
        step.reward /= (self.running.var()[0] + EPSILON).sqrt();
        Ok(step)
    }
}
