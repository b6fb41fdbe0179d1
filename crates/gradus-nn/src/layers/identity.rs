//! The layer that does nothing.

use gradus_autodiff::Tensor;
use gradus_tensor::Result;

use crate::Module;
use crate::layer::Layer;

/// Returns its input: a placeholder. PyTorch: `nn.Identity`.
///
/// ```
/// use gradus_nn::{Identity, Layer, Tensor};
/// assert_eq!(Identity.forward(&Tensor::scalar(3.0))?.item()?, 3.0);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Module)]
pub struct Identity;

impl Layer for Identity {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.clone())
    }
}
