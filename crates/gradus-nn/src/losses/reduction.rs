//! What a loss makes of its elements.

use std::str::FromStr;

use gradus_autodiff::Tensor;
use gradus_tensor::{Error, Result};

/// What a loss makes of its elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean; with class weights, divided by the weights that took part.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// All of them: the loss of each sample.
    None,
    /// Their sum divided by the batch size, the first dimension: the mean that the mathematics of
    /// a Kullback–Leibler divergence mean.
    BatchMean,
}

impl Reduction {
    /// Reduces the elements of a loss.
    ///
    /// ```
    /// use gradus_nn::{Reduction, Tensor};
    /// let loss = Tensor::from_vec(vec![1.0f32, 2.0, 3.0, 6.0], [2, 2])?;
    /// assert_eq!(Reduction::Mean.apply(&loss)?.item()?, 3.0);
    /// assert_eq!(Reduction::BatchMean.apply(&loss)?.item()?, 6.0);
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::DType` for the mean of integers.
    pub fn apply(self, loss: &Tensor) -> Result<Tensor> {
        match self {
            Reduction::Mean => loss.mean_all(),
            Reduction::Sum => loss.sum_all(),
            Reduction::None => Ok(loss.clone()),
            Reduction::BatchMean => {
                let batch = loss.shape().first().copied().unwrap_or(1);
                loss.sum_all()?.mul(1.0 / batch as f64)
            }
        }
    }

    /// As [`Reduction::apply`] for a loss whose rows are weighted already: the mean is divided by
    /// the weights.
    pub(super) fn apply_weighted(self, loss: &Tensor, weight: &Tensor) -> Result<Tensor> {
        match self {
            Reduction::Mean => loss.sum_all()?.div(&weight.sum_all()?),
            other => other.apply(loss),
        }
    }
}

impl FromStr for Reduction {
    type Err = Error;

    /// PyTorch's names: `mean`, `sum`, `none`, `batchmean`.
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "mean" => Ok(Reduction::Mean),
            "sum" => Ok(Reduction::Sum),
            "none" => Ok(Reduction::None),
            "batchmean" => Ok(Reduction::BatchMean),
            _ => Err(Error::argument("loss", "reduction", name, "mean, sum, none or batchmean")),
        }
    }
}
