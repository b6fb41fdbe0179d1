//! Normalisation of groups of channels and by neighbouring channels.

use gradus_autodiff::Tensor;
use gradus_tensor::{DType, Device, Error, Result};

use crate::Module;
use crate::layer::Layer;
use crate::parameter::Parameter;

/// Channels `[N, C, *]` in groups, each group of an example standardised by itself, then scaled
/// and shifted by channel. PyTorch: `nn.GroupNorm` (arXiv:1803.08494).
///
/// ```
/// use gradus_nn::{GroupNorm, Layer, Tensor};
/// let layer = GroupNorm::new(1, 2)?;
/// let y = layer.forward(&Tensor::from_vec(vec![1000.0f32, 3000.0], [1, 2, 1])?)?;
/// assert_eq!(y.to_vec::<f32>()?, [-1.0, 1.0]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct GroupNorm {
    /// `[C]`, or none without `affine`.
    pub weight: Option<Parameter>,
    /// `[C]`, or none without `affine`.
    pub bias: Option<Parameter>,
    /// Number of groups.
    pub num_groups: usize,
    /// Added to the variance.
    pub eps: f64,
}

impl GroupNorm {
    /// A layer with PyTorch's defaults: eps 1e-5 and parameters.
    ///
    /// # Errors
    /// `Kind::Argument` when the groups do not divide the channels.
    pub fn new(num_groups: usize, num_channels: usize) -> Result<Self> {
        GroupNorm::with(num_groups, num_channels, 1e-5, true)
    }

    /// A layer with an eps, and with or without parameters.
    ///
    /// # Errors
    /// As [`GroupNorm::new`].
    pub fn with(num_groups: usize, num_channels: usize, eps: f64, affine: bool) -> Result<Self> {
        if num_groups == 0 || !num_channels.is_multiple_of(num_groups) {
            let expected = "a divisor of num_channels";
            return Err(Error::argument("group_norm", "num_groups", num_groups, expected));
        }
        let filled = |value| {
            let values = Tensor::full([num_channels], value, DType::F32, &Device::cpu());
            affine.then(|| Parameter::new(values))
        };
        Ok(GroupNorm { weight: filled(1.0), bias: filled(0.0), num_groups, eps })
    }
}

impl Layer for GroupNorm {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.group_norm(self.num_groups, self.weight.as_deref(), self.bias.as_deref(), self.eps)
    }
}

/// `x / (k + alpha · mean(x²))^beta` with the mean over `size` neighbouring channels of
/// `[N, C, *]`. PyTorch: `nn.LocalResponseNorm`. *Source*: Krizhevsky et al., NIPS 2012.
///
/// ```
/// use gradus_nn::{Layer, LocalResponseNorm, Tensor};
/// let layer = LocalResponseNorm { alpha: 3.0, beta: 1.0, ..LocalResponseNorm::new(1) };
/// let y = layer.forward(&Tensor::from_vec(vec![1.0f32, 3.0], [1, 2, 1])?)?;
/// assert_eq!(y.to_vec::<f32>()?, [0.25, 3.0 / 28.0]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Module)]
pub struct LocalResponseNorm {
    /// Number of neighbouring channels.
    pub size: usize,
    /// The factor of the mean square: 1e-4.
    pub alpha: f64,
    /// The exponent: 0.75.
    pub beta: f64,
    /// The constant: 1.
    pub k: f64,
}

impl LocalResponseNorm {
    /// A layer over `size` channels, with PyTorch's defaults.
    pub fn new(size: usize) -> Self {
        LocalResponseNorm { size, alpha: 1e-4, beta: 0.75, k: 1.0 }
    }
}

impl Layer for LocalResponseNorm {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.local_response_norm(self.size, self.alpha, self.beta, self.k)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_must_divide_the_channels() {
        assert!(GroupNorm::new(0, 4).is_err() && GroupNorm::new(3, 4).is_err());
        assert_eq!(GroupNorm::new(2, 4).unwrap().num_parameters(), 8);
        assert_eq!(GroupNorm::with(2, 4, 1e-5, false).unwrap().num_parameters(), 0);
        let x = Tensor::ones([1, 6, 2], &Device::cpu());
        assert!(GroupNorm::new(2, 4).unwrap().forward(&x).unwrap_err().is_shape());
    }

    /// An even window reaches further back, as PyTorch's: one channel before, none after.
    #[test]
    fn an_even_window_looks_back() {
        let layer = LocalResponseNorm { size: 2, alpha: 2.0, beta: 1.0, k: 0.0 };
        let x = Tensor::from_vec(vec![1.0f32, 2.0, 4.0], [1, 3, 1]).unwrap();
        let y = layer.forward(&x).unwrap().to_vec::<f32>().unwrap();
        assert_eq!(y, [1.0, 2.0 / 5.0, 4.0 / 20.0]);
        assert!(layer.forward(&Tensor::ones([2, 2], &Device::cpu())).unwrap_err().is_shape());
    }
}
