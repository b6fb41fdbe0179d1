//! Several rewards in one transition.

use std::collections::VecDeque;

use super::Stored;
use crate::persist;

/// Joins n transitions into one: the discounted sum of their rewards and what is seen after them.
/// None reaches across the end of an episode.
///
/// ```
/// use gradus_agent::replay::{NStep, Stored};
/// let mut joined = NStep::new(2, 0.5);
/// let step = |o: f32, reward| Stored {
///     observation: vec![o], reward, next_observation: vec![o + 1.0], ..Default::default()
/// };
/// assert!(joined.push(step(0.0, 1.0), false, false).is_empty());
/// let out = joined.push(step(1.0, 1.0), false, false);
/// assert_eq!((out[0].reward, out[0].discount), (1.5, 0.25));
/// assert_eq!(out[0].next_observation, [2.0]);
/// let out = joined.push(step(2.0, 4.0), true, false); // the end: all that wait
/// let seen: Vec<_> = out.iter().map(|t| (t.reward, t.discount)).collect();
/// assert_eq!(seen, [(3.0, 0.0), (4.0, 0.0)]);
/// ```
#[derive(Clone, Debug)]
pub struct NStep {
    n: usize,
    gamma: f64,
    waiting: VecDeque<Stored>,
}

persist! { NStep { waiting } }

impl NStep {
    /// Of n transitions, at least 1.
    pub fn new(n: usize, gamma: f64) -> Self {
        NStep { n: n.max(1), gamma, waiting: VecDeque::new() }
    }

    /// Takes a transition, whose `discount` does not matter; returns those that are complete.
    /// What follows a truncated episode counts, what follows a terminated one does not.
    pub fn push(&mut self, step: Stored, terminated: bool, truncated: bool) -> Vec<Stored> {
        self.waiting.push_back(step);
        let done = terminated || truncated;
        let mut out = Vec::new();
        while self.waiting.len() == self.n || (done && !self.waiting.is_empty()) {
            let rewards = self.waiting.iter().rev().map(|step| f64::from(step.reward));
            let sum = rewards.fold(0.0, |sum, reward| reward + self.gamma * sum);
            let discount = match terminated {
                true => 0.0,
                false => self.gamma.powi(self.waiting.len() as i32),
            };
            let (Some(last), Some(first)) =
                (self.waiting.back().cloned(), self.waiting.pop_front())
            else {
                break;
            };
            out.push(Stored {
                reward: sum as f32,
                discount: discount as f32,
                next_observation: last.next_observation,
                next_mask: last.next_mask,
                ..first
            });
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(at: u8) -> Stored {
        let (observation, next_observation) = (vec![f32::from(at)], vec![f32::from(at) + 1.0]);
        Stored { observation, next_observation, reward: 1.0, ..Stored::default() }
    }

    #[test]
    fn no_transition_reaches_across_an_episode() {
        let mut joined = NStep::new(3, 0.9);
        let mut all = Vec::new();
        for episode in 0..4u8 {
            for i in 0..5u8 {
                let (last, cut) = (i == 4, episode % 2 == 1);
                let at = episode * 10 + i;
                all.extend(joined.push(step(at), last && !cut, last && cut));
            }
        }
        assert_eq!(all.len(), 20, "one for each step");
        for t in &all {
            let (from, to) = (t.observation[0], t.next_observation[0]);
            let (episode, length) = ((from / 10.0).floor(), to - from);
            assert!((1.0..=3.0).contains(&length) && to <= episode * 10.0 + 5.0, "{from} {to}");
            let expected: f64 = (0..length as i32).map(|i| 0.9f64.powi(i)).sum();
            assert!((f64::from(t.reward) - expected).abs() < 1e-6);
            let ends = to == episode * 10.0 + 5.0 && episode % 2.0 == 0.0;
            let discount = if ends { 0.0 } else { 0.9f64.powi(length as i32) };
            assert!((f64::from(t.discount) - discount).abs() < 1e-6, "{from} {to}");
        }
    }
}
