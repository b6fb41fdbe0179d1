//! The confusion matrix: how often each class is taken for each.

use gradus_autodiff::Tensor;
use gradus_tensor::{Error, Result};

use super::mean::{alike, column, divide, labels};
use super::metric::{Direction, Metric};

/// How often samples of each class (rows) are predicted as each class (columns), as
/// scikit-learn's `confusion_matrix`. As one number, in logs, it is the accuracy.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_train::{ConfusionMatrix, Running};
/// let mut confusion = Running::new(ConfusionMatrix::new(2));
/// let scores = Tensor::from_vec(vec![0.9f32, 0.1, 0.2, 0.8, 0.3, 0.7], [3, 2])?;
/// confusion.update(&scores, &Tensor::from_vec(vec![0i32, 1, 0], [3])?, None)?;
/// let sums = confusion.sums()?;
/// assert_eq!(confusion.metric().matrix(&sums), [[1.0, 1.0], [0.0, 1.0]]);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: usize,
}

impl ConfusionMatrix {
    /// For so many classes. Scores are `[N, C]` with class indices `[N]` or one-hot rows, or a
    /// single column of probabilities with the threshold 0.5, which has 2 classes.
    pub fn new(classes: usize) -> Self {
        ConfusionMatrix { classes }
    }

    /// The rows of the matrix, from [`Running::sums`](crate::Running::sums).
    pub fn matrix(&self, sums: &[f64]) -> Vec<Vec<f64>> {
        sums.chunks(self.classes.max(1)).map(<[f64]>::to_vec).collect()
    }
}

impl Metric for ConfusionMatrix {
    fn name(&self) -> &str {
        "confusion_matrix"
    }

    fn direction(&self) -> Direction {
        Direction::Rises
    }

    fn terms(&self, y: &Tensor, t: &Tensor, weight: Option<&Tensor>) -> Result<Tensor> {
        let (sy, op) = (y.shape(), "confusion_matrix");
        let columns = if sy.rank() > 1 { sy[1] } else { 1 };
        if self.classes != columns.max(2) {
            let expected = "as many as the predictions have columns, 2 for a single one";
            return Err(Error::argument(op, "classes", self.classes, expected));
        }
        let (y, t) = if columns == 1 {
            let (y, t) = alike(op, y, t)?;
            (y.gt(0.5)?, t)
        } else if sy == t.shape() {
            (y.argmax(Some(1), false)?, t.argmax(Some(1), false)?)
        } else {
            (y.argmax(Some(1), false)?, labels(op, y, t)?)
        };
        let rows = |x: &Tensor| x.reshape(&[-1])?.one_hot(self.classes);
        let (mut y, t) = (rows(&y)?, rows(&t)?);
        if let Some(weight) = weight {
            let ones = Tensor::full([y.shape()[0]], 1.0, y.dtype(), &y.device());
            y = y.mul(&column(&ones, weight)?.unsqueeze(1)?)?;
        }
        t.t()?.matmul(&y)?.reshape(&[-1])
    }

    fn value(&self, sums: &[f64]) -> Result<f64> {
        let right: f64 = (0..self.classes).map(|c| sums[c * (self.classes + 1)]).sum();
        Ok(divide(right, sums.iter().sum()))
    }
}
