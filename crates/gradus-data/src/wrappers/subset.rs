//! `Subset`: some samples of a dataset.

use std::fmt;
use std::sync::Arc;

use gradus_tensor::{Array, Result};

use crate::convert::ToFloat;
use crate::dataset::{Dataset, check_indices};

/// The given samples of a dataset, in the given order: a part of a split, a fold, a resampling.
///
/// ```
/// use gradus_data::{Dataset, Subset, TensorDataset};
/// use gradus_tensor::Array;
/// let data = TensorDataset::new(vec![Array::from_vec(vec![5i32, 6, 7], [3])?])?;
/// let part = Subset::new(&data, &[2, 0])?;
/// assert_eq!(part.fetch(&[0])?[0].to_vec::<i32>()?, [7]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Subset {
    data: Arc<dyn Dataset>,
    indices: Arc<[usize]>,
}

impl Subset {
    /// The samples `indices` of `data`, of which a handle is taken.
    ///
    /// # Errors
    /// `Kind::Index` for a sample that `data` does not have.
    pub fn new<D: Dataset + Clone + 'static>(data: &D, indices: &[usize]) -> Result<Self> {
        check_indices("subset", indices, data.len())?;
        Ok(Subset { data: Arc::new(data.clone()), indices: indices.into() })
    }

    /// Where the samples are in the whole dataset.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }

    fn whole(&self, indices: &[usize]) -> Result<Vec<usize>> {
        check_indices("fetch", indices, self.indices.len())?;
        Ok(indices.iter().map(|&at| self.indices[at]).collect())
    }
}

impl Dataset for Subset {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn fetch(&self, indices: &[usize]) -> Result<Vec<Array>> {
        self.data.fetch(&self.whole(indices)?)
    }

    fn fetch_stored(&self, indices: &[usize]) -> Result<Vec<Array>> {
        self.data.fetch_stored(&self.whole(indices)?)
    }

    fn conversions(&self) -> Vec<Option<ToFloat>> {
        self.data.conversions()
    }
}

impl fmt::Debug for Subset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subset({} of {} samples)", self.indices.len(), self.data.len())
    }
}
