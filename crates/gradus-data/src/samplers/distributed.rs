//! The share of one of several trainings that run side by side.

use gradus_tensor::{Error, Result};

use super::{RandomSampler, Sampler};

const OP: &str = "distributed_sampler";

/// Every `num_replicas`-th sample from `rank` on: the replicas' shares have one size and cover the
/// dataset. Where the samples do not divide evenly, some come twice, in different shares; with
/// [`drop_last`](DistributedSampler::drop_last) the last ones are left out instead.
///
/// ```
/// use gradus_data::{DistributedSampler, Sampler};
/// let share = |rank| DistributedSampler::new(10, 3, rank).unwrap();
/// assert_eq!(share(0).indices(0), [0, 3, 6, 9]);
/// assert_eq!(share(1).indices(0), [1, 4, 7, 0]);
/// assert_eq!(share(1).drop_last(true).indices(0), [1, 4, 7]);
/// assert_eq!(share(2).shuffle(5).indices(0).len(), 4);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DistributedSampler {
    samples: usize,
    num_replicas: usize,
    rank: usize,
    seed: Option<u64>,
    drop_last: bool,
}

impl DistributedSampler {
    /// The share number `rank` of `num_replicas`, in order.
    ///
    /// # Errors
    /// `Kind::Argument` unless `rank` is below `num_replicas`.
    pub fn new(samples: usize, num_replicas: usize, rank: usize) -> Result<Self> {
        if rank >= num_replicas {
            let value = format!("{rank} of {num_replicas} replicas");
            return Err(Error::argument(OP, "rank", value, "below the number of replicas"));
        }
        Ok(DistributedSampler { samples, num_replicas, rank, seed: None, drop_last: false })
    }

    /// Shares of another random order in each epoch. All replicas must take the same seed.
    #[must_use]
    pub const fn shuffle(self, seed: u64) -> Self {
        DistributedSampler { seed: Some(seed), ..self }
    }

    /// Leaves out samples that do not divide evenly.
    #[must_use]
    pub const fn drop_last(self, drop_last: bool) -> Self {
        DistributedSampler { drop_last, ..self }
    }
}

impl Sampler for DistributedSampler {
    fn len(&self) -> usize {
        if self.drop_last {
            self.samples / self.num_replicas
        } else {
            self.samples.div_ceil(self.num_replicas)
        }
    }

    fn indices(&self, epoch: u64) -> Vec<usize> {
        let order = match self.seed {
            Some(seed) => RandomSampler::new(self.samples, seed).indices(epoch),
            None => (0..self.samples).collect(),
        };
        let places = order.iter().cycle().skip(self.rank).step_by(self.num_replicas);
        places.take(self.len()).copied().collect()
    }
}
