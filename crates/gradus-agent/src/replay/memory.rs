//! A ring of transitions.

use gradus_tensor::{Error, Result};

use crate::persist;
use crate::rng::Pcg64;

/// A transition in numbers, as a network sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stored {
    /// What was seen.
    pub observation: Vec<f32>,
    /// What was done.
    pub action: u32,
    /// What it gave; with n steps the discounted sum.
    pub reward: f32,
    /// What was seen then.
    pub next_observation: Vec<f32>,
    /// The factor of what follows: γ, with n steps γⁿ, and 0 where nothing does.
    pub discount: f32,
    /// What is allowed then; empty where everything is.
    pub next_mask: Vec<bool>,
}

persist! { Stored { observation, action, reward, next_observation, discount, next_mask } }

/// The last transitions, up to a capacity; the oldest give way.
///
/// ```
/// use gradus_agent::replay::{Replay, Stored};
/// let mut replay = Replay::new(2, 1);
/// for i in 0..3 {
///     let (observation, next_observation) = (vec![i as f32], vec![i as f32 + 1.0]);
///     replay.push(&Stored { observation, next_observation, ..Default::default() })?;
/// }
/// assert_eq!(replay.len(), 2);
/// assert_eq!((replay.observation(0), replay.observation(1)), (&[2.0f32][..], &[1.0f32][..]));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Replay {
    capacity: usize,
    width: usize,
    next: usize,
    observations: Vec<f32>,
    next_observations: Vec<f32>,
    actions: Vec<u32>,
    rewards: Vec<f32>,
    discounts: Vec<f32>,
    /// As many as there are actions for each transition, or none at all.
    masks: Vec<bool>,
}

persist! {
    Replay {
        capacity, width, next, observations, next_observations, actions, rewards, discounts, masks
    }
}

/// Writes a row of a ring that grows until it is full.
fn put<T: Clone>(ring: &mut Vec<T>, row: usize, values: &[T]) {
    let at = row * values.len();
    if at == ring.len() {
        ring.extend_from_slice(values);
    } else {
        ring[at..at + values.len()].clone_from_slice(values);
    }
}

impl Replay {
    /// For so many transitions, at least 1, of observations of a width. Memory grows with the
    /// transitions.
    pub fn new(capacity: usize, width: usize) -> Self {
        Replay {
            capacity: capacity.max(1),
            width,
            next: 0,
            observations: Vec::new(),
            next_observations: Vec::new(),
            actions: Vec::new(),
            rewards: Vec::new(),
            discounts: Vec::new(),
            masks: Vec::new(),
        }
    }

    /// Adds a transition; returns its place.
    ///
    /// # Errors
    /// `Kind::Argument` for observations of another width, or masks of another length than the
    /// first one's.
    pub fn push(&mut self, stored: &Stored) -> Result<usize> {
        const OP: &str = "replay";
        for observation in [&stored.observation, &stored.next_observation] {
            if observation.len() != self.width {
                let value = format!("{} long, width {}", observation.len(), self.width);
                return Err(Error::argument(OP, "observation", value, "as long as the width"));
            }
        }
        let actions = self.masks.len() / self.len().max(1);
        if stored.next_mask.len() != actions && !self.is_empty() {
            let value = format!("{} long, {actions} before", stored.next_mask.len());
            return Err(Error::argument(OP, "next_mask", value, "as long as the first"));
        }
        let row = self.next;
        put(&mut self.observations, row, &stored.observation);
        put(&mut self.next_observations, row, &stored.next_observation);
        put(&mut self.actions, row, &[stored.action]);
        put(&mut self.rewards, row, &[stored.reward]);
        put(&mut self.discounts, row, &[stored.discount]);
        put(&mut self.masks, row, &stored.next_mask);
        self.next = (row + 1) % self.capacity;
        Ok(row)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.actions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// How many there can be.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Length of an observation.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Places of transitions at random, each as likely as the others; none from an empty memory.
    pub fn sample(&self, n: usize, rng: &mut Pcg64) -> Vec<usize> {
        if self.is_empty() {
            return Vec::new();
        }
        (0..n).map(|_| rng.index(self.len())).collect()
    }

    fn row<'a, T>(&self, ring: &'a [T], place: usize, width: usize) -> &'a [T] {
        ring.get(place * width..(place + 1) * width).unwrap_or_default()
    }

    /// What was seen; nothing at a place without a transition, as below.
    pub fn observation(&self, place: usize) -> &[f32] {
        self.row(&self.observations, place, self.width)
    }

    /// What was seen then.
    pub fn next_observation(&self, place: usize) -> &[f32] {
        self.row(&self.next_observations, place, self.width)
    }

    /// What was done.
    pub fn action(&self, place: usize) -> u32 {
        self.actions.get(place).copied().unwrap_or_default()
    }

    /// What it gave.
    pub fn reward(&self, place: usize) -> f32 {
        self.rewards.get(place).copied().unwrap_or_default()
    }

    /// The factor of what follows.
    pub fn discount(&self, place: usize) -> f32 {
        self.discounts.get(place).copied().unwrap_or_default()
    }

    /// What is allowed then; `None` where everything is.
    pub fn next_mask(&self, place: usize) -> Option<&[bool]> {
        let actions = self.masks.len() / self.len().max(1);
        (actions > 0).then(|| self.row(&self.masks, place, actions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut replay = Replay::new(3, 1);
        let stored =
            Stored { observation: vec![0.0], next_observation: vec![1.0], ..Stored::default() };
        replay.push(&stored).unwrap();
        assert!(replay.push(&Stored { observation: vec![0.0; 2], ..stored.clone() }).is_err());
        assert!(replay.push(&Stored { next_mask: vec![true], ..stored }).is_err());
        assert_eq!((replay.len(), replay.observation(7)), (1, &[][..]));
    }

    #[test]
    fn the_oldest_give_way_and_pairs_stay_together() {
        let mut replay = Replay::new(5, 2);
        for i in 0..13u16 {
            let x = f32::from(i);
            let place = replay
                .push(&Stored {
                    observation: vec![x, -x],
                    action: u32::from(i),
                    reward: x * 2.0,
                    next_observation: vec![x + 1.0, -x - 1.0],
                    discount: 0.5,
                    next_mask: vec![i % 2 == 0, true],
                })
                .unwrap();
            assert_eq!(place, usize::from(i) % 5);
        }
        let mut seen: Vec<u32> = (0..5).map(|place| replay.action(place)).collect();
        for place in 0..5 {
            let x = replay.action(place) as f32;
            assert_eq!(replay.observation(place), [x, -x]);
            assert_eq!(replay.next_observation(place), [x + 1.0, -x - 1.0]);
            assert_eq!(replay.reward(place), x * 2.0);
            assert_eq!(replay.next_mask(place), Some(&[x % 2.0 == 0.0, true][..]));
        }
        seen.sort_unstable();
        assert_eq!(seen, [8, 9, 10, 11, 12]);
        let places = replay.sample(1000, &mut Pcg64::new(0));
        assert!((0..5).all(|place| places.iter().filter(|&&p| p == place).count() > 150));
    }
}
