//! Normalisation over features: layer norm and rms norm.

use gradus_autodiff::Tensor;
use gradus_tensor::{DType, Device, Result, Shape};

use crate::Module;
use crate::layer::Layer;
use crate::parameter::Parameter;

/// The last dimensions standardised together, then scaled and shifted element by element.
/// PyTorch: `nn.LayerNorm` (arXiv:1607.06450).
///
/// ```
/// use gradus_nn::{Layer, LayerNorm, Tensor};
/// let layer = LayerNorm::new([2]);
/// let y = layer.forward(&Tensor::from_vec(vec![1000.0f32, 3000.0], [1, 2])?)?;
/// assert_eq!(y.to_vec::<f32>()?, [-1.0, 1.0]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct LayerNorm {
    /// Of the normalized shape, or none without `elementwise_affine`.
    pub weight: Option<Parameter>,
    /// Of the normalized shape, or none.
    pub bias: Option<Parameter>,
    /// The sizes of the last dimensions.
    pub normalized_shape: Shape,
    /// Added to the variance.
    pub eps: f64,
}

/// Options of [`LayerNorm`], with PyTorch's defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNormOptions {
    /// Added to the variance: 1e-5.
    pub eps: f64,
    /// Whether the result is scaled, and shifted where `bias` is set too.
    pub elementwise_affine: bool,
    /// Whether it is shifted.
    pub bias: bool,
}

impl Default for LayerNormOptions {
    fn default() -> Self {
        LayerNormOptions { eps: 1e-5, elementwise_affine: true, bias: true }
    }
}

impl LayerNorm {
    /// A layer with PyTorch's defaults.
    pub fn new(normalized_shape: impl Into<Shape>) -> Self {
        LayerNorm::with(normalized_shape, LayerNormOptions::default())
    }

    /// A layer with options.
    pub fn with(normalized_shape: impl Into<Shape>, options: LayerNormOptions) -> Self {
        let shape = normalized_shape.into();
        let LayerNormOptions { eps, elementwise_affine, bias } = options;
        let weight = elementwise_affine.then(|| filled(&shape, 1.0));
        let bias = (elementwise_affine && bias).then(|| filled(&shape, 0.0));
        LayerNorm { weight, bias, normalized_shape: shape, eps }
    }
}

fn filled(shape: &Shape, value: f64) -> Parameter {
    Parameter::new(Tensor::full(shape, value, DType::F32, &Device::cpu()))
}

impl Layer for LayerNorm {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (weight, bias) = (self.weight.as_deref(), self.bias.as_deref());
        x.layer_norm(&self.normalized_shape, weight, bias, self.eps)
    }
}

/// `x / √(mean(x²) + eps) · weight` over the last dimensions. PyTorch: `nn.RMSNorm`
/// (arXiv:1910.07467).
///
/// ```
/// use gradus_nn::{Layer, RmsNorm, Tensor};
/// let layer = RmsNorm::new([2]);
/// let y = layer.forward(&Tensor::from_vec(vec![1.0f32, 7.0], [1, 2])?)?;
/// assert!((y.to_vec::<f32>()?[1] - 1.4).abs() < 1e-6);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct RmsNorm {
    /// Of the normalized shape, or none.
    pub weight: Option<Parameter>,
    /// The sizes of the last dimensions.
    pub normalized_shape: Shape,
    /// Added to the mean square; without it, the smallest step from 1 of the type of x.
    pub eps: Option<f64>,
}

impl RmsNorm {
    /// A layer with PyTorch's defaults: a weight of ones, eps by the type.
    pub fn new(normalized_shape: impl Into<Shape>) -> Self {
        RmsNorm::with(normalized_shape, None, true)
    }

    /// A layer with an eps, and with or without weight.
    pub fn with(
        normalized_shape: impl Into<Shape>,
        eps: Option<f64>,
        elementwise_affine: bool,
    ) -> Self {
        let shape = normalized_shape.into();
        let weight = elementwise_affine.then(|| filled(&shape, 1.0));
        RmsNorm { weight, normalized_shape: shape, eps }
    }
}

impl Layer for RmsNorm {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.rms_norm(&self.normalized_shape, self.weight.as_deref(), self.eps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_start_as_the_identity_under_pytorchs_names() {
        let layer = LayerNorm::new([2, 3]);
        assert!(layer.state_dict().unwrap().keys().eq(["bias", "weight"]));
        assert_eq!(layer.num_parameters(), 12);
        let options = LayerNormOptions { bias: false, ..Default::default() };
        assert_eq!(LayerNorm::with([4], options).num_parameters(), 4);
        assert_eq!(RmsNorm::with([4], None, false).num_parameters(), 0);
    }

    #[test]
    fn a_large_mean_costs_no_precision_of_the_variance() {
        let x: Vec<f32> = (0..64).map(|i| 10_000.0 + if i % 2 == 0 { 0.5 } else { -0.5 }).collect();
        let y = LayerNorm::new([64]).forward(&Tensor::from_vec(x, [64]).unwrap()).unwrap();
        let y = y.to_vec::<f32>().unwrap();
        assert!(y.iter().all(|y| (y.abs() - 0.99998).abs() < 1e-5), "{y:?}");
    }

    #[test]
    fn the_last_dimensions_must_fit() {
        let x = Tensor::ones([2, 3], &Device::cpu());
        let text = LayerNorm::new([2]).forward(&x).unwrap_err().to_string();
        assert!(text.contains("normalized_shape [2]"), "{text}");
        assert!(RmsNorm::new([1, 2, 3]).forward(&x).unwrap_err().is_shape());
    }
}
