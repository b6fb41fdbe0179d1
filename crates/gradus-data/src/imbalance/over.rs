//! `RandomOverSampler`: repeats samples of small classes.

use gradus_tensor::{Array, Result};

use super::Strategy;
use super::strategy::Direction;
use crate::labels::Labels;
use crate::random::Purpose;

const OP: &str = "random_over_sampler";

/// Repeats random samples of the smaller classes until all classes are as large as the largest, or
/// as the [`Strategy`] says.
///
/// ```
/// use gradus_data::{Dataset, RandomOverSampler, TensorDataset};
/// use gradus_tensor::Array;
/// let y = Array::from_vec(vec![0i32, 0, 0, 1], [4])?;
/// let indices = RandomOverSampler::new(5).indices(&y)?;
/// assert_eq!(indices, [0, 1, 2, 3, 3, 3]);
/// let data = TensorDataset::pair(y.clone(), y)?.subset(&indices)?;
/// assert_eq!(data.len(), 6);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomOverSampler {
    seed: u64,
    strategy: Strategy,
}

impl RandomOverSampler {
    /// Grows all classes to the size of the largest.
    pub const fn new(seed: u64) -> Self {
        RandomOverSampler { seed, strategy: Strategy::Auto }
    }

    /// Grows classes to other sizes.
    #[must_use]
    pub fn strategy(self, strategy: Strategy) -> Self {
        RandomOverSampler { strategy, ..self }
    }

    /// All samples in their order, then the repeated ones, class by class.
    ///
    /// # Errors
    /// `Kind::Argument` for a strategy that these classes cannot follow; `Kind::Shape` and
    /// `Kind::DType` when `labels` are not whole numbers `[N]`.
    pub fn indices(&self, labels: &Array) -> Result<Vec<usize>> {
        let labels = Labels::read(OP, labels)?;
        let classes = labels.classes();
        let targets = self.strategy.targets(OP, &classes, Direction::Over)?;
        let mut words = Purpose::Resample.words(self.seed);
        let mut indices: Vec<usize> = (0..labels.values().len()).collect();
        for (class, samples) in &classes {
            let repeated =
                (samples.len()..targets[class]).map(|_| samples[words.below(samples.len())]);
            indices.extend(repeated);
        }
        Ok(indices)
    }
}
