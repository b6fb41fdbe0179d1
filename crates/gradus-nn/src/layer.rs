//! `Layer`: a module from one tensor to one tensor.

use std::sync::Arc;

use gradus_autodiff::Tensor;
use gradus_tensor::Result;

use crate::module::Module;

/// A module that maps a tensor to a tensor, and so can stand in a
/// [`Sequential`](crate::Sequential).
///
/// ```
/// use gradus_nn::{Layer, Linear, Module, Result, Tensor, WithinLayer};
///
/// #[derive(Module)]
/// struct Mlp {
///     fc1: Linear,
///     fc2: Linear,
/// }
///
/// impl Layer for Mlp {
///     fn forward(&self, x: &Tensor) -> Result<Tensor> {
///         let h = self.fc1.forward(x).within_layer("fc1")?.relu()?;
///         self.fc2.forward(&h).within_layer("fc2")
///     }
/// }
///
/// let mlp = Mlp { fc1: Linear::new(4, 3)?, fc2: Linear::new(5, 2)? };
/// let error = mlp.forward(&Tensor::from_vec(vec![0.0f32; 4], [1, 4])?).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "linear: x has 3 features, weight expects 5; x [1, 3], weight [2, 5]; in fc2"
/// );
/// # Ok::<(), gradus_nn::Error>(())
/// ```
pub trait Layer: Module + Send + Sync {
    /// The layer's output for `x`.
    ///
    /// # Errors
    /// Those of the layer; `Kind::Shape` when x does not fit.
    fn forward(&self, x: &Tensor) -> Result<Tensor>;
}

impl<T: Layer + ?Sized> Layer for Box<T> {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        (**self).forward(x)
    }
}

impl<T: Layer + ?Sized> Layer for Arc<T> {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        (**self).forward(x)
    }
}

/// Adds the name of the layer that failed to an error, for a model's own `forward`.
pub trait WithinLayer {
    /// Prefixes the path of an error: `conv` inside `features` reads `features.conv`.
    #[must_use]
    fn within_layer(self, name: &str) -> Self;
}

impl<T> WithinLayer for Result<T> {
    fn within_layer(self, name: &str) -> Self {
        self.map_err(|error| error.within_layer(name))
    }
}
