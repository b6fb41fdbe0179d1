//! The gated linear unit.

use gradus_autodiff::Tensor;
use gradus_tensor::{Dim, Result};

use crate::Module;
use crate::layer::Layer;

/// The first half of a dimension times the sigmoid of the second; the last dimension by default.
/// PyTorch: `nn.GLU`.
///
/// ```
/// use gradus_nn::{Glu, Layer, Tensor};
/// let x = Tensor::from_vec(vec![3.0f32, 0.0], [1, 2])?;
/// assert_eq!(Glu::default().forward(&x)?.to_vec::<f32>()?, [1.5]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Module)]
pub struct Glu {
    /// The dimension that is halved.
    pub dim: Dim,
}

impl Default for Glu {
    fn default() -> Self {
        Glu { dim: -1 }
    }
}

impl Layer for Glu {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.glu(self.dim)
    }
}
