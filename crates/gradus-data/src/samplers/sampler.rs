//! `Sampler`: the seam between a loader and the order of its samples.

use std::fmt;

/// Which samples an epoch visits, and in what order: a function of the epoch's number alone, so
/// that an epoch can be taken up again anywhere.
///
/// ```
/// use gradus_data::{DataLoader, Sampler, TensorDataset};
/// use gradus_tensor::Array;
///
/// /// From the last to the first.
/// #[derive(Debug)]
/// struct Backwards(usize);
/// impl Sampler for Backwards {
///     fn len(&self) -> usize {
///         self.0
///     }
///     fn indices(&self, _epoch: u64) -> Vec<usize> {
///         (0..self.0).rev().collect()
///     }
/// }
///
/// let x = Array::from_vec(vec![10i32, 11, 12], [3])?;
/// let data = TensorDataset::pair(x.clone(), x)?;
/// let loader = DataLoader::new(&data).batch_size(2).sampler(Backwards(3));
/// assert_eq!(loader.iter().next().unwrap()?.0.to_vec::<i32>()?, [12, 11]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub trait Sampler: Send + Sync + fmt::Debug {
    /// The number of samples of every epoch.
    fn len(&self) -> usize;

    /// Whether epochs have no samples.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sample numbers of an epoch, [`len`](Sampler::len) of them.
    fn indices(&self, epoch: u64) -> Vec<usize>;

    /// Whether a sample may come more than once in an epoch.
    fn repeats(&self) -> bool {
        false
    }
}
