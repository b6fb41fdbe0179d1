//! The Gaussian error linear unit, exact or by tanh.

use gradus_autodiff::Tensor;
use gradus_tensor::Result;

use crate::Module;
use crate::layer::Layer;

/// `x · Φ(x)`. PyTorch: `nn.GELU`.
///
/// ```
/// use gradus_nn::{Approximate, Gelu, Layer, Tensor};
/// let x = Tensor::scalar(1.0);
/// assert!((Gelu::default().forward(&x)?.item()? - 0.841_344_7).abs() < 1e-6);
/// let by_tanh = Gelu { approximate: Approximate::Tanh };
/// assert!((by_tanh.forward(&x)?.item()? - 0.841_192).abs() < 1e-6);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Module)]
pub struct Gelu {
    /// How Φ is computed.
    #[module(skip)]
    pub approximate: Approximate,
}

/// How [`Gelu`] computes the normal distribution's Φ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Approximate {
    /// By the error function.
    #[default]
    None,
    /// By the hyperbolic tangent of a cubic.
    Tanh,
}

impl Layer for Gelu {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self.approximate {
            Approximate::None => x.gelu(),
            Approximate::Tanh => x.gelu_tanh(),
        }
    }
}
