//! How many samples classes have, and the weights that make them equal.

use gradus_tensor::{Array, Error, Result};

use crate::labels::Labels;

/// The number of samples of each of `classes`: the histogram of labels `[N]`, of a dataset or of a
/// batch.
///
/// ```
/// use gradus_tensor::Array;
/// let y = Array::from_vec(vec![0i32, 2, 2], [3])?;
/// assert_eq!(gradus_data::class_counts(&y, 4)?, [1, 0, 2, 0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Index` for a label outside `0..classes`; `Kind::Shape` and `Kind::DType` when `labels`
/// are not whole numbers `[N]`.
pub fn class_counts(labels: &Array, classes: usize) -> Result<Vec<usize>> {
    counts("class_counts", labels, classes)
}

/// Weights that make classes count equally, `N / (classes · samples of the class)`: for the
/// `weight` of a loss. scikit-learn calls them `balanced`.
///
/// ```
/// use gradus_tensor::Array;
/// let y = Array::from_vec(vec![0i32, 0, 0, 1], [4])?;
/// assert_eq!(gradus_data::class_weights(&y, 2)?, [4.0 / 6.0, 2.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Argument` for a class without samples, which no weight makes count; else as
/// [`class_counts`].
pub fn class_weights(labels: &Array, classes: usize) -> Result<Vec<f32>> {
    const OP: &str = "class_weights";
    let counts = counts(OP, labels, classes)?;
    if let Some(class) = counts.iter().position(|&count| count == 0) {
        let value = format!("none of class {class}");
        return Err(Error::argument(OP, "samples", value, "at least one of each class"));
    }
    let samples: usize = counts.iter().sum();
    Ok(counts.iter().map(|&n| (samples as f64 / (classes as f64 * n as f64)) as f32).collect())
}

/// The weight of each sample with which a
/// [`WeightedRandomSampler`](crate::WeightedRandomSampler) draws all classes that occur equally
/// often: one over the samples of its class.
///
/// ```
/// use gradus_tensor::Array;
/// let y = Array::from_vec(vec![7i32, 7, 1], [3])?;
/// assert_eq!(gradus_data::sample_weights(&y)?, [0.5, 0.5, 1.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` and `Kind::DType` when `labels` are not whole numbers `[N]`.
pub fn sample_weights(labels: &Array) -> Result<Vec<f64>> {
    let labels = Labels::read("sample_weights", labels)?;
    let mut weights = vec![0.0; labels.values().len()];
    for samples in labels.classes().values() {
        samples.iter().for_each(|&sample| weights[sample] = 1.0 / samples.len() as f64);
    }
    Ok(weights)
}

fn counts(op: &'static str, labels: &Array, classes: usize) -> Result<Vec<usize>> {
    let labels = Labels::read(op, labels)?;
    labels.check_classes(op, classes)?;
    let mut counts = vec![0; classes];
    labels.values().iter().for_each(|&label| counts[label as usize] += 1);
    Ok(counts)
}
