//! Dimensions merged into one.

use gradus_autodiff::Tensor;
use gradus_tensor::{Dim, Result};

use crate::Module;
use crate::layer::Layer;

/// Merges dimensions `start..=end`, all but the batch by default. PyTorch: `nn.Flatten`.
///
/// ```
/// use gradus_nn::{Flatten, Layer, Tensor};
/// let x = Tensor::from_vec(vec![0.0f32; 24], [2, 3, 4])?;
/// assert_eq!(Flatten::default().forward(&x)?.shape().dims(), [2, 12]);
/// assert_eq!(Flatten { start: 0, end: 1 }.forward(&x)?.shape().dims(), [6, 4]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Module)]
pub struct Flatten {
    /// First dimension that is merged.
    pub start: Dim,
    /// Last dimension that is merged.
    pub end: Dim,
}

impl Default for Flatten {
    fn default() -> Self {
        Flatten { start: 1, end: -1 }
    }
}

impl Layer for Flatten {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.flatten(self.start, self.end)
    }
}
