//! Samples in the order of their numbers.

use super::Sampler;

/// `0, 1, 2 …`: what a loader does unless told otherwise.
///
/// ```
/// use gradus_data::{Sampler, SequentialSampler};
/// assert_eq!(SequentialSampler::new(3).indices(5), [0, 1, 2]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SequentialSampler {
    samples: usize,
}

impl SequentialSampler {
    /// For a dataset of `samples`.
    pub const fn new(samples: usize) -> Self {
        SequentialSampler { samples }
    }
}

impl Sampler for SequentialSampler {
    fn len(&self) -> usize {
        self.samples
    }

    fn indices(&self, _epoch: u64) -> Vec<usize> {
        (0..self.samples).collect()
    }
}
