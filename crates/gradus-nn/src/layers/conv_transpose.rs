//! Transposed convolution layers.

use gradus_autodiff::{ConvTransposeOptions, Sizes, Tensor};
use gradus_tensor::Result;

use super::conv::{WEIGHT_INIT, must_divide, parameters};
use crate::Module;
use crate::init::Init;
use crate::layer::Layer;
use crate::parameter::Parameter;

/// Transposed convolution over `D` spatial dimensions: [`ConvTranspose1d`], [`ConvTranspose2d`]
/// and [`ConvTranspose3d`]. PyTorch: `nn.ConvTranspose2d` and its kin, with their state-dict keys.
///
/// *Shapes*: `x: [N, C, H, W]` or `[C, H, W]`; the result is `[N, O, OH, OW]`. See
/// [`Tensor::conv_transpose2d`] for sizes and gradients.
///
/// ```
/// use gradus_nn::{ConvTranspose2d, Layer, Tensor};
/// let x = Tensor::zeros([2, 8, 5, 5], &gradus_nn::Device::cpu());
/// let layer = ConvTranspose2d::new(8, 4, 2)?.stride(2);
/// assert_eq!(layer.forward(&x)?.shape().dims(), [2, 4, 10, 10]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct ConvTranspose<const D: usize> {
    /// `[C, O / groups, K..]`.
    pub weight: Parameter,
    /// `[O]`, or none.
    pub bias: Option<Parameter>,
    #[module(skip)]
    options: ConvTransposeOptions<D>,
}

/// Transposed convolution over sequences. PyTorch: `nn.ConvTranspose1d`.
pub type ConvTranspose1d = ConvTranspose<1>;
/// Transposed convolution over images. PyTorch: `nn.ConvTranspose2d`.
pub type ConvTranspose2d = ConvTranspose<2>;
/// Transposed convolution over volumes. PyTorch: `nn.ConvTranspose3d`.
pub type ConvTranspose3d = ConvTranspose<3>;

/// Options of [`ConvTranspose`]; made from [`ConvTransposeOptions`] where the rest are PyTorch's
/// defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvTransposeLayerOptions<const D: usize> {
    /// Stride, padding, output padding, groups and dilation.
    pub conv: ConvTransposeOptions<D>,
    /// Whether there is a bias.
    pub bias: bool,
    /// How the weight starts.
    pub weight_init: Init,
    /// How the bias starts; none is PyTorch's default, U(±1/√fan_in).
    pub bias_init: Option<Init>,
}

impl<const D: usize> Default for ConvTransposeLayerOptions<D> {
    fn default() -> Self {
        ConvTransposeLayerOptions {
            conv: ConvTransposeOptions::default(),
            bias: true,
            weight_init: WEIGHT_INIT,
            bias_init: None,
        }
    }
}

impl<const D: usize> From<ConvTransposeOptions<D>> for ConvTransposeLayerOptions<D> {
    fn from(conv: ConvTransposeOptions<D>) -> Self {
        ConvTransposeLayerOptions { conv, ..ConvTransposeLayerOptions::default() }
    }
}

impl<const D: usize> ConvTranspose<D> {
    /// A layer with PyTorch's defaults: stride 1, no padding, a bias.
    ///
    /// # Errors
    /// `Kind::Argument` for channels or sizes of 0; `Kind::OutOfMemory`.
    pub fn new(
        in_channels: usize,
        out_channels: usize,
        kernel_size: impl Into<Sizes<D>>,
    ) -> Result<Self> {
        let options = ConvTransposeLayerOptions::default();
        ConvTranspose::with(in_channels, out_channels, kernel_size, options)
    }

    /// A layer with options: [`ConvTransposeOptions`] or [`ConvTransposeLayerOptions`].
    ///
    /// # Errors
    /// As [`ConvTranspose::new`], and for groups that do not divide both channels.
    pub fn with(
        in_channels: usize,
        out_channels: usize,
        kernel_size: impl Into<Sizes<D>>,
        options: impl Into<ConvTransposeLayerOptions<D>>,
    ) -> Result<Self> {
        let options = options.into();
        let groups = options.conv.groups;
        must_divide("conv_transpose", groups, in_channels, out_channels)?;
        let kernel = kernel_size.into().0;
        let shape = [&[in_channels, out_channels / groups], &kernel[..]].concat();
        let fan = shape[1..].iter().product();
        let bias = options.bias.then_some(options.bias_init.as_ref());
        let (weight, bias) = parameters(&shape, out_channels, fan, &options.weight_init, bias)?;
        Ok(ConvTranspose { weight, bias, options: options.conv })
    }

    /// Sets the stride.
    #[must_use]
    pub fn stride(mut self, stride: impl Into<Sizes<D>>) -> Self {
        self.options.stride = stride.into();
        self
    }

    /// Sets what is cut from both ends.
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Sizes<D>>) -> Self {
        self.options.padding = padding.into();
        self
    }

    /// Sets what is added at the end.
    #[must_use]
    pub fn output_padding(mut self, padding: impl Into<Sizes<D>>) -> Self {
        self.options.output_padding = padding.into();
        self
    }

    /// Sets the dilation.
    #[must_use]
    pub fn dilation(mut self, dilation: impl Into<Sizes<D>>) -> Self {
        self.options.dilation = dilation.into();
        self
    }
}

impl<const D: usize> Layer for ConvTranspose<D> {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.conv_transpose(&self.weight, self.bias.as_deref(), &self.options)
    }
}

#[cfg(test)]
mod tests {
    use gradus_tensor::Device;

    use super::*;

    #[test]
    fn it_undoes_the_size_of_the_convolution() {
        let layer = ConvTranspose2d::new(2, 3, 3).unwrap().stride(2).padding(1).output_padding(1);
        let x = Tensor::zeros([1, 2, 4, 4], &Device::cpu());
        assert_eq!(layer.forward(&x).unwrap().shape().dims(), [1, 3, 8, 8]);
        let error = layer.output_padding(2).forward(&x).unwrap_err().to_string();
        assert_eq!(
            error,
            "conv_transpose2d: output_padding is 2, expected less than the stride or the dilation"
        );
    }
}
