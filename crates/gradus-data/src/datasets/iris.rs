//! Iris: 150 flowers of three species.

use gradus_tensor::Result;

use super::table::labelled;
use crate::tensor_dataset::TensorDataset;

const FILE: &str = "iris.csv";
const TEXT: &str = include_str!("../../data/iris.csv");

/// The features of [`iris`], in the order of the columns of `x`.
pub const IRIS_FEATURES: [&str; 4] =
    ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"];

/// Fisher's Iris: sepals and petals of 150 flowers of three species.
///
/// `x` is float32 `[150, 4]`, `y` int32 `[150]`; the names of the features are
/// [`IRIS_FEATURES`]. Samples are sorted by class or not at all: split them at random.
/// Anchor: logistic regression on standardised features gets 0.96 right in five-fold
/// cross-validation.
///
/// *Source*: R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of
/// Eugenics 7, 1936; UCI Machine Learning Repository, CC BY 4.0; shipped in this crate (feature
/// `iris`).
///
/// ```
/// let data = gradus_data::datasets::iris()?;
/// assert_eq!(data.len(), 150);
/// assert_eq!(data.classes(), ["setosa", "versicolor", "virginica"]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::OutOfMemory`.
pub fn iris() -> Result<TensorDataset> {
    labelled(TEXT, FILE, IRIS_FEATURES.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;

    #[test]
    fn every_sample_of_the_file_is_there() {
        let data = labelled(TEXT, FILE, 4).expect("inside the crate");
        let y = data.column(1).and_then(|y| y.to_vec::<i32>()).expect("labels");
        let count = |class| y.iter().filter(|&&label| label == class).count();
        assert_eq!((0..3).map(count).collect::<Vec<_>>(), [50, 50, 50]);
        let first = data.fetch(&[0]).expect("valid")[0].to_vec::<f32>().expect("f32");
        assert_eq!(first[..4], [5.1, 3.5, 1.4, 0.2]);
        let x = data.column(0).and_then(|x| x.to_vec::<f32>()).expect("f32");
        let sum: f64 = x.iter().step_by(4).map(|&v| f64::from(v)).sum();
        // The mean of the first feature, as computed once from the file.
        assert!((sum / y.len() as f64 - 5.843333).abs() < 1e-5);
    }
}
