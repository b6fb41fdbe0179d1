//! `Dataset`: numbered samples that are fetched many at a time.

use std::sync::Arc;

use gradus_tensor::{Array, Kind, Result};

use crate::convert::ToFloat;

/// Samples with numbers `0..len()`, each made of the same columns (`x`, `y` …).
///
/// A batch is fetched with one call, so that an implementation can gather rows with plain copies
/// instead of stacking samples. Implementations are shared with the loader's thread.
///
/// ```
/// use gradus_data::{DataLoader, Dataset};
/// use gradus_tensor::{Array, Result};
///
/// #[derive(Clone)]
/// struct Squares;
/// impl Dataset for Squares {
///     fn len(&self) -> usize {
///         10
///     }
///     fn fetch(&self, indices: &[usize]) -> Result<Vec<Array>> {
///         let x: Vec<f32> = indices.iter().map(|&i| i as f32).collect();
///         let y: Vec<f32> = x.iter().map(|v| v * v).collect();
///         Ok(vec![Array::from_vec(x, [indices.len()])?, Array::from_vec(y, [indices.len()])?])
///     }
/// }
///
/// let (_, y) = DataLoader::new(&Squares).batch_size(4).into_iter().nth(1).unwrap()?;
/// assert_eq!(y.to_vec::<f32>()?, [16.0, 25.0, 36.0, 49.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub trait Dataset: Send + Sync {
    /// The number of samples.
    fn len(&self) -> usize;

    /// Whether there are no samples.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The samples `indices` in that order: one array per column, samples along dimension 0.
    ///
    /// # Errors
    /// `Kind::Index` for an index outside `0..len()`; whatever reading the samples can cause.
    fn fetch(&self, indices: &[usize]) -> Result<Vec<Array>>;

    /// As [`fetch`](Dataset::fetch), with those bytes left as bytes that `fetch` makes floats of.
    /// A loader on a GPU moves a quarter of the memory this way, and converts there.
    ///
    /// # Errors
    /// As [`fetch`](Dataset::fetch).
    fn fetch_stored(&self, indices: &[usize]) -> Result<Vec<Array>> {
        self.fetch(indices)
    }

    /// What makes of a column of `fetch_stored` that of `fetch`; nothing for columns that are
    /// equal, as are those past the end of the list.
    fn conversions(&self) -> Vec<Option<ToFloat>> {
        Vec::new()
    }
}

impl<D: Dataset + ?Sized> Dataset for Arc<D> {
    fn len(&self) -> usize {
        (**self).len()
    }

    fn is_empty(&self) -> bool {
        (**self).is_empty()
    }

    fn fetch(&self, indices: &[usize]) -> Result<Vec<Array>> {
        (**self).fetch(indices)
    }

    fn fetch_stored(&self, indices: &[usize]) -> Result<Vec<Array>> {
        (**self).fetch_stored(indices)
    }

    fn conversions(&self) -> Vec<Option<ToFloat>> {
        (**self).conversions()
    }
}

/// Checks that every index is below `size`.
pub(crate) fn check_indices(op: &'static str, indices: &[usize], size: usize) -> Result<()> {
    match indices.iter().position(|&i| i >= size) {
        None => Ok(()),
        Some(position) => {
            let index = i64::try_from(indices[position]).unwrap_or(i64::MAX);
            Err(Kind::Index { op, index, position, size }.into())
        }
    }
}
