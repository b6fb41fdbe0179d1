//! How an agent tries what it does not take for the best.

use gradus_tensor::Result;

use super::q_table::random_best;
use crate::persist::{Persist, Source, read};
use crate::rng::Pcg64;
use crate::schedule::Schedule;

/// How actions are chosen while learning.
///
/// ```
/// use gradus_agent::{rng::Pcg64, tabular::Exploration};
/// let softmax = Exploration::softmax(0.5);
/// let p = softmax.probabilities(&[0.0, 1.0], &[0, 0], None, 0);
/// assert!((p[1] / p[0] - (1.0f64 / 0.5).exp()).abs() < 1e-12);
/// let greedy = Exploration::epsilon_greedy(0.2);
/// let p = greedy.probabilities(&[0.0, 1.0], &[0, 0], None, 0);
/// assert!((p[0] - 0.1).abs() < 1e-15 && (p[1] - 0.9).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Exploration {
    /// A random action with probability epsilon, else one of the best.
    EpsilonGreedy(Schedule),
    /// Actions by `exp(Q / temperature)`.
    Softmax(Schedule),
    /// The largest `Q + c √(ln N / n)`: what was seldom tried seems better (UCB1).
    Ucb(f64),
}

impl Exploration {
    /// A random action with this probability.
    pub fn epsilon_greedy(epsilon: impl Into<Schedule>) -> Self {
        Exploration::EpsilonGreedy(epsilon.into())
    }

    /// Actions by their values at this temperature.
    pub fn softmax(temperature: impl Into<Schedule>) -> Self {
        Exploration::Softmax(temperature.into())
    }

    /// An action for these values; `counts` says how often each was chosen here.
    pub(crate) fn choose(
        &self,
        values: &[f64],
        counts: &[u64],
        mask: Option<&[bool]>,
        time: u64,
        rng: &mut Pcg64,
    ) -> usize {
        match self {
            Exploration::EpsilonGreedy(epsilon) => {
                if rng.random() >= epsilon.at(time) {
                    return random_best(values, mask, rng);
                }
                match mask {
                    None => rng.index(values.len()),
                    Some(mask) => rng.weighted(&uniform(values.len(), Some(mask))),
                }
            }
            Exploration::Softmax(_) => {
                rng.weighted(&self.probabilities(values, counts, mask, time))
            }
            Exploration::Ucb(c) => random_best(&upper(values, counts, *c), mask, rng),
        }
    }

    /// How likely each action is.
    pub fn probabilities(
        &self,
        values: &[f64],
        counts: &[u64],
        mask: Option<&[bool]>,
        time: u64,
    ) -> Vec<f64> {
        let even = uniform(values.len(), mask);
        match self {
            Exploration::EpsilonGreedy(epsilon) => {
                let (best, epsilon) = (shared_best(values, &even), epsilon.at(time));
                let mixed = best.iter().zip(&even);
                mixed.map(|(best, even)| (1.0 - epsilon) * best + epsilon * even).collect()
            }
            Exploration::Softmax(temperature) => {
                let allowed = values.iter().zip(&even).filter(|(_, even)| **even > 0.0);
                let max = allowed.map(|(v, _)| *v).fold(f64::NEG_INFINITY, f64::max);
                let temperature = temperature.at(time).max(f64::MIN_POSITIVE);
                let weight = |(v, even): (&f64, &f64)| match *even > 0.0 {
                    true => ((v - max) / temperature).exp(),
                    false => 0.0,
                };
                let weights: Vec<f64> = values.iter().zip(&even).map(weight).collect();
                let total: f64 = weights.iter().sum();
                weights.into_iter().map(|weight| weight / total).collect()
            }
            Exploration::Ucb(c) => shared_best(&upper(values, counts, *c), &even),
        }
    }
}

/// The same probability for all that are allowed; for all where none is.
fn uniform(n: usize, mask: Option<&[bool]>) -> Vec<f64> {
    let allowed = |i: usize| mask.is_none_or(|mask| mask.get(i).copied().unwrap_or(false));
    let count = (0..n).filter(|&i| allowed(i)).count();
    match count {
        0 => vec![1.0 / n as f64; n],
        _ => (0..n).map(|i| if allowed(i) { 1.0 / count as f64 } else { 0.0 }).collect(),
    }
}

/// The probability shared by the best of the allowed.
fn shared_best(values: &[f64], even: &[f64]) -> Vec<f64> {
    let allowed = || values.iter().zip(even).map(|(v, even)| (*v, *even > 0.0));
    let max = allowed().filter(|(_, a)| *a).map(|(v, _)| v).fold(f64::NEG_INFINITY, f64::max);
    let count = allowed().filter(|&(v, a)| a && v == max).count();
    allowed().map(|(v, a)| if a && v == max { 1.0 / count as f64 } else { 0.0 }).collect()
}

/// Values with the bonus of UCB1; an action never tried is better than all.
fn upper(values: &[f64], counts: &[u64], c: f64) -> Vec<f64> {
    let total: u64 = counts.iter().sum();
    let log = (total.max(1) as f64).ln();
    let bonus = |n: u64| if n == 0 { f64::MAX } else { c * (log / n as f64).sqrt() };
    values.iter().zip(counts).map(|(v, &n)| (v + bonus(n)).min(f64::MAX)).collect()
}

impl Persist for Exploration {
    fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        let (kind, schedule) = match *self {
            Exploration::EpsilonGreedy(schedule) => (0u8, schedule),
            Exploration::Softmax(schedule) => (1, schedule),
            Exploration::Ucb(c) => (2, Schedule::Constant(c)),
        };
        kind.save(out)?;
        schedule.save(out)
    }

    fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
        let kind: u8 = read(from)?;
        let mut schedule = Schedule::Constant(0.0);
        schedule.load(from)?;
        *self = match kind {
            0 => Exploration::EpsilonGreedy(schedule),
            1 => Exploration::Softmax(schedule),
            2 => Exploration::Ucb(schedule.at(0)),
            _ => return Err(from.bad(format!("{kind} is no exploration"))),
        };
        Ok(())
    }
}
