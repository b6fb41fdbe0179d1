//! `RandomUnderSampler`: leaves out samples of large classes.

use gradus_tensor::{Array, Result};

use super::Strategy;
use super::strategy::Direction;
use crate::labels::Labels;
use crate::random::Purpose;

const OP: &str = "random_under_sampler";

/// Leaves out random samples of the larger classes until all classes are as small as the smallest,
/// or as the [`Strategy`] says.
///
/// ```
/// use gradus_data::RandomUnderSampler;
/// use gradus_tensor::Array;
/// let y = Array::from_vec(vec![0i32, 0, 0, 1], [4])?;
/// let indices = RandomUnderSampler::new(5).indices(&y)?;
/// assert_eq!(indices.len(), 2);
/// assert_eq!(indices[1], 3); // the only sample of class 1
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomUnderSampler {
    seed: u64,
    strategy: Strategy,
}

impl RandomUnderSampler {
    /// Shrinks all classes to the size of the smallest.
    pub const fn new(seed: u64) -> Self {
        RandomUnderSampler { seed, strategy: Strategy::Auto }
    }

    /// Shrinks classes to other sizes.
    #[must_use]
    pub fn strategy(self, strategy: Strategy) -> Self {
        RandomUnderSampler { strategy, ..self }
    }

    /// The samples that are left, in ascending order.
    ///
    /// # Errors
    /// `Kind::Argument` for a strategy that these classes cannot follow; `Kind::Shape` and
    /// `Kind::DType` when `labels` are not whole numbers `[N]`.
    pub fn indices(&self, labels: &Array) -> Result<Vec<usize>> {
        let labels = Labels::read(OP, labels)?;
        let mut classes = labels.classes();
        let targets = self.strategy.targets(OP, &classes, Direction::Under)?;
        let mut words = Purpose::Resample.words(self.seed);
        let mut indices = Vec::new();
        for (class, samples) in &mut classes {
            words.shuffle(samples);
            indices.extend_from_slice(&samples[..targets[class]]);
        }
        indices.sort_unstable();
        Ok(indices)
    }
}
