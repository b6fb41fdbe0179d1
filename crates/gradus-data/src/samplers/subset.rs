//! Some samples in a random order.

use std::sync::Arc;

use super::Sampler;
use crate::random::Purpose;

/// The given samples, in another random order in each epoch. For a fixed order, load a
/// [`Subset`](crate::Subset).
///
/// ```
/// use gradus_data::{Sampler, SubsetRandomSampler};
/// let mut indices = SubsetRandomSampler::new(&[2, 5, 11], 0).indices(4);
/// indices.sort_unstable();
/// assert_eq!(indices, [2, 5, 11]);
/// ```
#[derive(Clone, Debug)]
pub struct SubsetRandomSampler {
    indices: Arc<[usize]>,
    seed: u64,
}

impl SubsetRandomSampler {
    /// For the samples `indices`; the loader refuses those that its dataset does not have.
    pub fn new(indices: &[usize], seed: u64) -> Self {
        SubsetRandomSampler { indices: indices.into(), seed }
    }
}

impl Sampler for SubsetRandomSampler {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn indices(&self, epoch: u64) -> Vec<usize> {
        let order = Purpose::Epoch(epoch).generator(self.seed).permutation(self.indices.len());
        order.into_iter().map(|at| self.indices[at]).collect()
    }

    fn repeats(&self) -> bool {
        // The list itself may name a sample twice.
        let mut sorted = self.indices.to_vec();
        sorted.sort_unstable();
        sorted.windows(2).any(|pair| pair[0] == pair[1])
    }
}
