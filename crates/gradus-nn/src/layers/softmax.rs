//! Softmax and its logarithm as layers.

use gradus_autodiff::Tensor;
use gradus_tensor::{Dim, Result};

use crate::Module;
use crate::layer::Layer;

/// Probabilities along a dimension, the last by default. PyTorch: `nn.Softmax`.
///
/// Not before [`CrossEntropyLoss`](crate::CrossEntropyLoss), which takes logits.
///
/// ```
/// use gradus_nn::{Layer, Softmax, Tensor};
/// let x = Tensor::from_vec(vec![0.0f32, 0.0, 1.0, 1.0], [2, 2])?;
/// assert_eq!(Softmax::default().forward(&x)?.to_vec::<f32>()?, [0.5; 4]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Module)]
pub struct Softmax {
    /// The dimension of the classes.
    pub dim: Dim,
}

/// Logarithms of probabilities along a dimension, the last by default: what
/// [`NllLoss`](crate::NllLoss) takes. PyTorch: `nn.LogSoftmax`.
///
/// ```
/// use gradus_nn::{Layer, LogSoftmax, Tensor};
/// let y = LogSoftmax { dim: 0 }.forward(&Tensor::from_vec(vec![0.0f32; 2], [2])?)?;
/// assert!((y.to_vec::<f32>()?[0] + 2f32.ln()).abs() < 1e-6);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Module)]
pub struct LogSoftmax {
    /// The dimension of the classes.
    pub dim: Dim,
}

impl Default for Softmax {
    fn default() -> Self {
        Softmax { dim: -1 }
    }
}

impl Default for LogSoftmax {
    fn default() -> Self {
        LogSoftmax { dim: -1 }
    }
}

impl Layer for Softmax {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.softmax(self.dim)
    }
}

impl Layer for LogSoftmax {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.log_softmax(self.dim)
    }
}
