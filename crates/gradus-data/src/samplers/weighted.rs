//! Samples with a probability of their own.

use std::cmp::Ordering;
use std::sync::Arc;

use gradus_tensor::{Error, Result};

use super::Sampler;
use crate::random::Purpose;

const OP: &str = "weighted_random_sampler";

/// Draws samples with probabilities proportional to their weights.
///
/// With the weights [`class_weights`](crate::class_weights) of their classes, classes come equally
/// often. Without replacement, each draw is among the samples that are left.
///
/// ```
/// use gradus_data::{Sampler, WeightedRandomSampler};
/// let sampler = WeightedRandomSampler::new(&[0.0, 1.0, 3.0], 4000, true, 0)?;
/// let indices = sampler.indices(0);
/// let twos = indices.iter().filter(|&&i| i == 2).count();
/// assert!(!indices.contains(&0) && (2800..3200).contains(&twos));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// *Source* of the draws without replacement: P. Efraimidis, P. Spirakis, "Weighted random sampling
/// with a reservoir", Information Processing Letters 97, 2006.
#[derive(Clone, Debug)]
pub struct WeightedRandomSampler {
    weights: Arc<[f64]>,
    num_samples: usize,
    replacement: bool,
    seed: u64,
}

impl WeightedRandomSampler {
    /// `num_samples` draws an epoch from samples with `weights`.
    ///
    /// # Errors
    /// `Kind::Argument` for a weight that is negative or not finite, weights that are all 0, or
    /// more draws without replacement than there are weights above 0.
    pub fn new(weights: &[f64], num_samples: usize, replacement: bool, seed: u64) -> Result<Self> {
        if let Some(at) = weights.iter().position(|w| !w.is_finite() || *w < 0.0) {
            let value = format!("{} at position {at}", weights[at]);
            return Err(Error::argument(OP, "weight", value, "finite and at least 0"));
        }
        let possible = weights.iter().filter(|&&w| w > 0.0).count();
        if possible == 0 && num_samples > 0 {
            return Err(Error::argument(OP, "sum of weights", 0, "above 0"));
        }
        if !replacement && num_samples > possible {
            let value = format!("{num_samples} of {possible} without replacement");
            return Err(Error::argument(OP, "num_samples", value, "no more than can be drawn"));
        }
        Ok(WeightedRandomSampler { weights: weights.into(), num_samples, replacement, seed })
    }
}

impl Sampler for WeightedRandomSampler {
    fn len(&self) -> usize {
        self.num_samples
    }

    fn indices(&self, epoch: u64) -> Vec<usize> {
        let mut words = Purpose::Epoch(epoch).words(self.seed);
        if self.replacement {
            let sums = self.weights.iter().scan(0.0, |sum, w| {
                *sum += w;
                Some(*sum)
            });
            let sums: Vec<f64> = sums.collect();
            let total = sums.last().copied().unwrap_or_default();
            // Rounding could lead past the last sample with a weight, to which it then belongs.
            let last = sums.partition_point(|&sum| sum < total);
            let one = |_| {
                let point = words.unit() * total;
                sums.partition_point(|&sum| sum <= point).min(last)
            };
            return (0..self.num_samples).map(one).collect();
        }
        // The sample with the earliest of exponential waiting times with rates `w` comes first.
        let wait = |(at, &w): (usize, &f64)| (-(1.0 - words.unit()).ln() / w, at);
        let mut waits: Vec<(f64, usize)> = self.weights.iter().enumerate().map(wait).collect();
        waits.retain(|&(wait, at)| self.weights[at] > 0.0 && !wait.is_nan());
        waits.sort_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
        waits.into_iter().take(self.num_samples).map(|(_, at)| at).collect()
    }

    fn repeats(&self) -> bool {
        self.replacement
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_without_replacement_follow_the_weights() {
        let sampler = |n| WeightedRandomSampler::new(&[1.0, 0.0, 2.0, 5.0], n, false, 3).unwrap();
        let mut first = [0; 4];
        for epoch in 0..8000 {
            let all = sampler(3).indices(epoch);
            first[all[0]] += 1;
            let mut sorted = all.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 2, 3]);
            assert_eq!(sampler(1).indices(epoch), all[..1]);
        }
        // 1000, 2000 and 5000 expected; five standard deviations are 220.
        assert!((780..1220).contains(&first[0]) && (1780..2220).contains(&first[2]), "{first:?}");
        assert_eq!(first[1], 0);
    }

    #[test]
    fn impossible_weights_are_refused() {
        let refused = |weights: &[f64], n, replacement| {
            WeightedRandomSampler::new(weights, n, replacement, 0).expect_err("refused").to_string()
        };
        assert_eq!(
            refused(&[1.0, f64::NAN], 1, true),
            "weighted_random_sampler: weight is NaN at position 1, expected finite and at least 0"
        );
        assert!(refused(&[1.0, -1.0], 1, true).contains("-1 at position 1"));
        assert!(refused(&[0.0], 1, true).contains("sum of weights is 0"));
        assert!(refused(&[1.0, 0.0], 2, false).contains("2 of 1 without replacement"));
        assert!(WeightedRandomSampler::new(&[], 0, true, 0).unwrap().indices(0).is_empty());
    }
}
