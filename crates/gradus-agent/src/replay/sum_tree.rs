//! A tree of sums: draws by weight in logarithmic time.

use crate::persist;

/// Weights whose sum over any beginning is found in logarithmic time.
///
/// A sum is always that of its two parts, never old sum plus change, so rounding does not drift.
///
/// ```
/// use gradus_agent::replay::SumTree;
/// let mut tree = SumTree::new(3);
/// [1.0, 3.0, 2.0].iter().enumerate().for_each(|(i, w)| tree.set(i, *w));
/// assert_eq!(tree.total(), 6.0);
/// assert_eq!((tree.find(0.5), tree.find(1.0), tree.find(3.9), tree.find(5.0)), (0, 1, 1, 2));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SumTree {
    leaves: usize,
    /// Node i has the parts 2i and 2i + 1; the weights begin at `leaves`.
    sums: Vec<f64>,
}

persist! { SumTree { leaves, sums } }

impl SumTree {
    /// Weights of zero for at least so many things.
    pub fn new(n: usize) -> Self {
        let leaves = n.max(1).next_power_of_two();
        SumTree { leaves, sums: vec![0.0; 2 * leaves] }
    }

    /// Gives a thing a weight, 0 or more; one that there is no place for gets none.
    pub fn set(&mut self, place: usize, weight: f64) {
        if place >= self.leaves {
            return;
        }
        let mut node = self.leaves + place;
        self.sums[node] = weight;
        while node > 1 {
            node /= 2;
            self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1];
        }
    }

    /// A thing's weight.
    pub fn get(&self, place: usize) -> f64 {
        self.sums.get(self.leaves + place).copied().unwrap_or_default()
    }

    /// The sum of all weights.
    pub fn total(&self) -> f64 {
        self.sums[1]
    }

    /// The first thing whose weight and those before it sum to more than `sum`; a thing of some
    /// weight as long as there is one.
    pub fn find(&self, mut sum: f64) -> usize {
        let mut node = 1;
        while node < self.leaves {
            let left = self.sums[2 * node];
            // Rounding may leave a sum that no weight on the right can hold.
            if sum < left || self.sums[2 * node + 1] <= 0.0 {
                node *= 2;
            } else {
                sum -= left;
                node = 2 * node + 1;
            }
        }
        node - self.leaves
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Pcg64;

    #[test]
    fn a_million_changes_leave_no_drift() {
        let mut tree = SumTree::new(100);
        let mut rng = Pcg64::new(0);
        let mut weights = [0.0; 100];
        for _ in 0..1_000_000 {
            let (at, weight) = (rng.index(100), rng.random() * 10f64.powi(rng.below(9) as i32));
            tree.set(at, weight);
            weights[at] = weight;
        }
        let total: f64 = weights.iter().sum();
        assert!((tree.total() / total - 1.0).abs() < 1e-14, "{} {total}", tree.total());
    }

    #[test]
    fn draws_follow_the_weights() {
        let weights = [0.0, 1.0, 2.0, 0.0, 5.0, 0.0];
        let mut tree = SumTree::new(weights.len());
        weights.iter().enumerate().for_each(|(i, w)| tree.set(i, *w));
        let mut counts = [0.0; 6];
        let mut rng = Pcg64::new(3);
        (0..80_000).for_each(|_| counts[tree.find(rng.random() * tree.total())] += 1.0);
        for (count, weight) in counts.iter().zip(weights) {
            assert!((count / 10_000.0 - weight).abs() < 0.1 && (weight > 0.0 || *count == 0.0));
        }
        assert_eq!(tree.find(8.0), 4, "a sum that rounding carried too far");
    }
}
