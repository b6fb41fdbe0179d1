//! Draws that prefer what surprised.

use super::SumTree;
use crate::persist;
use crate::rng::Pcg64;
use crate::schedule::Schedule;

/// Options of [`Prioritized`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrioritizedOptions {
    /// How much surprise counts: 0 not at all.
    pub alpha: f64,
    /// How much of the preference the weights take back, as a function of steps.
    pub beta: Schedule,
    /// Added to every error, so that none is never drawn.
    pub epsilon: f64,
}

impl Default for PrioritizedOptions {
    /// The paper's: 0.6; 0.4 to 1, here over 50,000 steps.
    fn default() -> Self {
        let beta = Schedule::linear(0.4, 1.0, 50_000);
        PrioritizedOptions { alpha: 0.6, beta, epsilon: 1e-6 }
    }
}

/// Priorities of the places of a [`Replay`](super::Replay): `(|error| + ε)^α`. What is new has the
/// largest priority so far.
///
/// *Source*: Schaul et al. 2015, arXiv:1511.05952, proportional variant.
///
/// ```
/// use gradus_agent::{replay::Prioritized, rng::Pcg64};
/// let mut p = Prioritized::new(4, Default::default());
/// p.add(0);
/// p.add(1);
/// p.update(&[0, 1], &[0.0, 10.0]);
/// let (places, weights) = p.sample(100, 2, 0, &mut Pcg64::new(0));
/// assert!(places.iter().all(|&place| place == 1) && weights.iter().all(|&w| w == 1.0));
/// ```
#[derive(Clone, Debug)]
pub struct Prioritized {
    options: PrioritizedOptions,
    tree: SumTree,
    largest: f64,
}

persist! { Prioritized { tree, largest } }

impl Prioritized {
    /// For a memory of a capacity.
    pub fn new(capacity: usize, options: PrioritizedOptions) -> Self {
        Prioritized { options, tree: SumTree::new(capacity), largest: 1.0 }
    }

    /// A transition was written to a place.
    pub fn add(&mut self, place: usize) {
        self.tree.set(place, self.largest);
    }

    /// How far the drawn transitions were from their targets.
    pub fn update(&mut self, places: &[usize], errors: &[f32]) {
        for (&place, error) in places.iter().zip(errors) {
            let error = f64::from(error.abs()) + self.options.epsilon;
            let priority = if error.is_finite() { error.powf(self.options.alpha) } else { 1.0 };
            self.tree.set(place, priority);
            self.largest = self.largest.max(priority);
        }
    }

    /// Places by priority, one from each of n equal parts of the sum, and the weights of their
    /// losses: `(len · P)^-β`, the largest being 1. `len` is how many transitions there are; of
    /// none, none is drawn.
    pub fn sample(
        &self,
        n: usize,
        len: usize,
        step: u64,
        rng: &mut Pcg64,
    ) -> (Vec<usize>, Vec<f32>) {
        if len == 0 {
            return (Vec::new(), Vec::new());
        }
        let (total, beta) = (self.tree.total(), self.options.beta.at(step));
        let part = total / n as f64;
        let draw = |i: usize| self.tree.find((i as f64 + rng.random()) * part).min(len - 1);
        let places: Vec<usize> = (0..n).map(draw).collect();
        let weight = |&place: &usize| (len as f64 * self.tree.get(place) / total).powf(-beta);
        let weights: Vec<f64> = places.iter().map(weight).collect();
        let most = weights.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        (places, weights.into_iter().map(|weight| (weight / most) as f32).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_and_weights_cancel_in_the_mean() {
        let options = PrioritizedOptions { alpha: 1.0, beta: 1.0.into(), epsilon: 0.0 };
        let mut p = Prioritized::new(3, options);
        let errors = [1.0f32, 2.0, 5.0];
        (0..3).for_each(|place| p.add(place));
        p.update(&[0, 1, 2], &errors);
        let (mut rng, mut counts, mut weight) = (Pcg64::new(1), [0.0; 3], [0.0f32; 3]);
        for _ in 0..2000 {
            let (places, weights) = p.sample(16, 3, 0, &mut rng);
            for (place, w) in places.iter().zip(weights) {
                counts[*place] += 1.0;
                weight[*place] = w;
            }
        }
        for i in 0..3 {
            let share = counts[i] / 32_000.0;
            assert!((share - f64::from(errors[i]) / 8.0).abs() < 0.01, "{counts:?}");
        }
        // Sixteen draws reach the smallest priority nearly always, whose weight is then 1.
        assert!((weight[1] - 0.5).abs() < 1e-6 && (weight[2] - 0.2).abs() < 1e-6, "{weight:?}");
    }
}
