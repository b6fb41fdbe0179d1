//! Breast cancer: 569 tumours, malignant or benign.

use gradus_tensor::Result;

use super::table::labelled;
use crate::tensor_dataset::TensorDataset;

const FILE: &str = "breast_cancer.csv";
const TEXT: &str = include_str!("../../data/breast_cancer.csv");

/// The features of [`breast_cancer`], in the order of the columns of `x`.
pub const BREAST_CANCER_FEATURES: [&str; 30] = [
    "mean radius",
    "mean texture",
    "mean perimeter",
    "mean area",
    "mean smoothness",
    "mean compactness",
    "mean concavity",
    "mean concave points",
    "mean symmetry",
    "mean fractal dimension",
    "radius error",
    "texture error",
    "perimeter error",
    "area error",
    "smoothness error",
    "compactness error",
    "concavity error",
    "concave points error",
    "symmetry error",
    "fractal dimension error",
    "worst radius",
    "worst texture",
    "worst perimeter",
    "worst area",
    "worst smoothness",
    "worst compactness",
    "worst concavity",
    "worst concave points",
    "worst symmetry",
    "worst fractal dimension",
];

/// Cell nuclei of 569 breast tumours, malignant (0) or benign (1).
///
/// `x` is float32 `[569, 30]`, `y` int32 `[569]`; the names of the features are
/// [`BREAST_CANCER_FEATURES`]. Samples are sorted by class or not at all: split them at random.
/// Anchor: logistic regression on standardised features gets 0.98 right in five-fold
/// cross-validation.
///
/// *Source*: W. Wolberg, O. Mangasarian, N. Street, W. Street, "Breast Cancer Wisconsin
/// (Diagnostic)", UCI Machine Learning Repository, 1993, CC BY 4.0; shipped in this crate (feature
/// `breast-cancer`).
///
/// ```
/// let data = gradus_data::datasets::breast_cancer()?;
/// assert_eq!(data.len(), 569);
/// assert_eq!(data.classes(), ["malignant", "benign"]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::OutOfMemory`.
pub fn breast_cancer() -> Result<TensorDataset> {
    labelled(TEXT, FILE, BREAST_CANCER_FEATURES.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;

    #[test]
    fn every_sample_of_the_file_is_there() {
        let data = labelled(TEXT, FILE, 30).expect("inside the crate");
        let y = data.column(1).and_then(|y| y.to_vec::<i32>()).expect("labels");
        let count = |class| y.iter().filter(|&&label| label == class).count();
        assert_eq!((0..2).map(count).collect::<Vec<_>>(), [212, 357]);
        let first = data.fetch(&[0]).expect("valid")[0].to_vec::<f32>().expect("f32");
        assert_eq!(first[..4], [17.99, 10.38, 122.8, 1001.0]);
        let x = data.column(0).and_then(|x| x.to_vec::<f32>()).expect("f32");
        let sum: f64 = x.iter().step_by(30).map(|&v| f64::from(v)).sum();
        // The mean of the first feature, as computed once from the file.
        assert!((sum / y.len() as f64 - 14.127292).abs() < 1e-5);
    }
}
