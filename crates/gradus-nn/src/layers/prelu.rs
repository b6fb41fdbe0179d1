//! The rectifier with a trained slope.

use gradus_autodiff::Tensor;
use gradus_tensor::{DType, Device, Result};

use crate::Module;
use crate::layer::Layer;
use crate::parameter::Parameter;

/// x where positive, else `weight · x`, with one trained slope or one a channel (dimension 1).
/// PyTorch: `nn.PReLU` (arXiv:1502.01852).
///
/// ```
/// use gradus_nn::{Layer, Module, PRelu, Tensor};
/// let layer = PRelu::default();
/// assert_eq!(layer.forward(&Tensor::scalar(-2.0))?.item()?, -0.5);
/// assert_eq!(layer.named_parameters()[0].0, "weight");
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct PRelu {
    /// `[1]` or `[channels]`.
    pub weight: Parameter,
}

impl PRelu {
    /// Slopes that start at `init`.
    pub fn new(num_parameters: usize, init: f64) -> Self {
        let weight = Tensor::full([num_parameters], init, DType::F32, &Device::cpu());
        PRelu { weight: Parameter::new(weight) }
    }
}

impl Default for PRelu {
    /// One slope of 0.25, PyTorch's default.
    fn default() -> Self {
        PRelu::new(1, 0.25)
    }
}

impl Layer for PRelu {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.prelu(&self.weight)
    }
}
