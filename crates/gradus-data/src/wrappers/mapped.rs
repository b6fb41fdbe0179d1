//! `Mapped`: a dataset whose batches go through a function.

use std::fmt;
use std::sync::Arc;

use gradus_tensor::{Array, Result};

use crate::dataset::Dataset;

type Change = dyn Fn(Vec<Array>) -> Result<Vec<Array>> + Send + Sync;

/// The samples of a dataset, changed by a function of whole batches: to choose, compute or convert
/// columns. What is random belongs into a [`Transform`](crate::Transform).
///
/// ```
/// use gradus_data::{Dataset, Mapped, TensorDataset};
/// use gradus_tensor::Array;
/// let data = TensorDataset::new(vec![Array::from_vec(vec![1.0f32, 2.0], [2])?])?;
/// let squares = Mapped::new(&data, |columns| {
///     let y: Vec<f32> = columns[0].to_vec::<f32>()?.iter().map(|x| x * x).collect();
///     let y = Array::from_vec(y, columns[0].shape().clone())?;
///     Ok(vec![columns[0].clone(), y])
/// });
/// assert_eq!(squares.fetch(&[1])?[1].to_vec::<f32>()?, [4.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Mapped {
    data: Arc<dyn Dataset>,
    change: Arc<Change>,
}

impl Mapped {
    /// The samples of `data`, of which a handle is taken, changed by `change`.
    pub fn new<D: Dataset + Clone + 'static>(
        data: &D,
        change: impl Fn(Vec<Array>) -> Result<Vec<Array>> + Send + Sync + 'static,
    ) -> Self {
        Mapped { data: Arc::new(data.clone()), change: Arc::new(change) }
    }
}

impl Dataset for Mapped {
    fn len(&self) -> usize {
        self.data.len()
    }

    fn fetch(&self, indices: &[usize]) -> Result<Vec<Array>> {
        (self.change)(self.data.fetch(indices)?)
    }
}

impl fmt::Debug for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mapped({} samples)", self.data.len())
    }
}
