//! Samples in a random order.

use super::Sampler;
use crate::random::Purpose;

/// Another random order in each epoch: what [`shuffle`](crate::Loader::shuffle) uses.
///
/// ```
/// use gradus_data::{RandomSampler, Sampler};
/// let sampler = RandomSampler::new(100, 7);
/// assert_ne!(sampler.indices(0), sampler.indices(1));
/// assert_eq!(sampler.indices(1), RandomSampler::new(100, 7).indices(1));
/// // 250 draws out of 100, each sample any number of times.
/// assert_eq!(sampler.with_replacement(250).indices(0).len(), 250);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RandomSampler {
    samples: usize,
    seed: u64,
    /// Draws per epoch, with replacement.
    draws: Option<usize>,
}

impl RandomSampler {
    /// Every one of `samples` once an epoch.
    pub const fn new(samples: usize, seed: u64) -> Self {
        RandomSampler { samples, seed, draws: None }
    }

    /// `num_samples` draws an epoch, each of any sample; none if there are no samples.
    #[must_use]
    pub const fn with_replacement(self, num_samples: usize) -> Self {
        let draws = if self.samples == 0 { 0 } else { num_samples };
        RandomSampler { draws: Some(draws), ..self }
    }
}

impl Sampler for RandomSampler {
    fn len(&self) -> usize {
        self.draws.unwrap_or(self.samples)
    }

    fn indices(&self, epoch: u64) -> Vec<usize> {
        let purpose = Purpose::Epoch(epoch);
        match self.draws {
            None => purpose.generator(self.seed).permutation(self.samples),
            Some(draws) => {
                let mut words = purpose.words(self.seed);
                (0..draws).map(|_| words.below(self.samples)).collect()
            }
        }
    }

    fn repeats(&self) -> bool {
        self.draws.is_some()
    }
}
