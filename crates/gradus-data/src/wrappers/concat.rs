//! `Concat`: datasets one after the other.

use std::fmt;
use std::sync::Arc;

use gradus_tensor::{Array, Error, Result};

use crate::dataset::{Dataset, check_indices};
use crate::rows::placed;

const OP: &str = "concat";

/// The samples of several datasets, one dataset after the other. Their columns must be alike.
///
/// ```
/// use gradus_data::{Concat, Dataset, TensorDataset};
/// use gradus_tensor::Array;
/// let part = |v: &[i32]| TensorDataset::new(vec![Array::from_vec(v.to_vec(), [v.len()])?]);
/// let all = Concat::new(&[part(&[1, 2])?, part(&[3])?]);
/// assert_eq!(all.len(), 3);
/// assert_eq!(all.fetch(&[2, 0])?[0].to_vec::<i32>()?, [3, 1]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Concat {
    parts: Arc<[Arc<dyn Dataset>]>,
    /// The number of samples before each part, and of all.
    starts: Arc<[usize]>,
}

impl Concat {
    /// The samples of `parts`, of which handles are taken; `Arc<dyn Dataset>` mixes types.
    pub fn new<D: Dataset + Clone + 'static>(parts: &[D]) -> Self {
        let starts = parts.iter().scan(0, |start, part| {
            *start += part.len();
            Some(*start)
        });
        let starts = std::iter::once(0).chain(starts).collect();
        let parts = parts.iter().map(|part| Arc::new(part.clone()) as Arc<dyn Dataset>);
        Concat { parts: parts.collect(), starts }
    }
}

impl Dataset for Concat {
    fn len(&self) -> usize {
        self.starts.last().copied().unwrap_or_default()
    }

    fn fetch(&self, indices: &[usize]) -> Result<Vec<Array>> {
        check_indices("fetch", indices, self.len())?;
        let mut wanted: Vec<(Vec<usize>, Vec<usize>)> = vec![Default::default(); self.parts.len()];
        for (place, &index) in indices.iter().enumerate() {
            let part = self.starts.partition_point(|&start| start <= index) - 1;
            wanted[part].0.push(place);
            wanted[part].1.push(index - self.starts[part]);
        }
        let mut columns: Vec<Vec<(Vec<usize>, Array)>> = Vec::new();
        for (part, (places, indices)) in self.parts.iter().zip(wanted) {
            if indices.is_empty() {
                continue;
            }
            let fetched = part.fetch(&indices)?;
            if columns.is_empty() {
                columns.resize_with(fetched.len(), Vec::new);
            }
            if columns.len() != fetched.len() {
                let value = format!("{} and {}", columns.len(), fetched.len());
                return Err(Error::argument(OP, "columns", value, "equally many in all parts"));
            }
            for (column, fetched) in columns.iter_mut().zip(fetched) {
                column.push((places.clone(), fetched));
            }
        }
        if let (true, Some(part)) = (indices.is_empty(), self.parts.first()) {
            return part.fetch(&[]);
        }
        columns.iter().map(|parts| placed(OP, parts, indices.len())).collect()
    }
}

impl fmt::Debug for Concat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Concat({} datasets, {} samples)", self.parts.len(), self.len())
    }
}
