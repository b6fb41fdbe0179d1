//! Parts of data sets: a range of samples, and samples with a column of weights.

use std::ops::Range;
use std::sync::Arc;

use gradus_data::Dataset;
use gradus_tensor::{Array, Error, Result};

/// Consecutive samples of a data set.
pub(crate) struct Slice {
    pub(crate) data: Arc<dyn Dataset>,
    pub(crate) range: Range<usize>,
}

impl Dataset for Slice {
    fn len(&self) -> usize {
        self.range.len()
    }

    fn fetch(&self, indices: &[usize]) -> Result<Vec<Array>> {
        let moved: Vec<usize> = indices.iter().map(|i| i + self.range.start).collect();
        self.data.fetch(&moved)
    }
}

/// A data set with the samples' weights as its last column.
pub(crate) struct Weighted {
    pub(crate) data: Arc<dyn Dataset>,
    pub(crate) weights: Vec<f32>,
}

impl Dataset for Weighted {
    fn len(&self) -> usize {
        self.data.len()
    }

    fn fetch(&self, indices: &[usize]) -> Result<Vec<Array>> {
        let mut columns = self.data.fetch(indices)?;
        let weights = indices.iter().map(|&i| self.weights[i]).collect();
        columns.push(Array::from_vec(weights, [indices.len()])?);
        Ok(columns)
    }
}

/// The data with weights, if there are any.
///
/// # Errors
/// `Kind::Argument` unless there is one weight a sample.
pub(crate) fn weighted(
    op: &'static str,
    data: Arc<dyn Dataset>,
    weights: Vec<f32>,
) -> Result<Arc<dyn Dataset>> {
    if weights.is_empty() {
        return Ok(data);
    }
    if weights.len() != data.len() {
        let value = format!("{} weights for {} samples", weights.len(), data.len());
        return Err(Error::argument(op, "sample_weight", value, "one weight a sample"));
    }
    Ok(Arc::new(Weighted { data, weights }))
}

/// Training data and the fraction at the end that validates.
///
/// # Errors
/// `Kind::Argument` for a fraction that leaves one of them empty.
pub(crate) fn split(
    data: &Arc<dyn Dataset>,
    fraction: f64,
) -> Result<(Arc<dyn Dataset>, Arc<dyn Dataset>)> {
    let n = data.len();
    // Keras: `split_at = floor(n * (1 - fraction))`.
    let at = (n as f64 * (1.0 - fraction)).floor();
    if !(fraction > 0.0 && fraction < 1.0) || at < 1.0 || at as usize >= n {
        let value = format!("{fraction} of {n} samples");
        let expected = "a fraction that leaves samples on both sides";
        return Err(Error::argument("fit", "validation", value, expected));
    }
    let part = |range| -> Arc<dyn Dataset> { Arc::new(Slice { data: data.clone(), range }) };
    Ok((part(0..at as usize), part(at as usize..n)))
}
