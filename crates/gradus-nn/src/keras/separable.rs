//! Keras's convolutions of each channel alone, with channels first.

use gradus_autodiff::{ConvOptions, Sizes, Tensor};
use gradus_tensor::Result;

use super::activations::activated;
use super::call::Combine;
use super::conv::{image, of_dims, padding};
use super::symbol::Spec;
use crate::Module;
use crate::init::Init;
use crate::layers::{Conv as Layer, ConvLayerOptions};

const DEPTHWISE: [&str; 3] = ["DepthwiseConv1D", "DepthwiseConv2D", "DepthwiseConv3D"];
const DEPTHWISE_OPS: [&str; 3] = ["depthwise_conv1d", "depthwise_conv2d", "depthwise_conv3d"];
const SEPARABLE: [&str; 3] = ["SeparableConv1D", "SeparableConv2D", "SeparableConv3D"];
const SEPARABLE_OPS: [&str; 3] = ["separable_conv1d", "separable_conv2d", "separable_conv3d"];

/// What the convolution of each channel is told.
#[derive(Clone, Copy)]
struct Depthwise<'a, const D: usize> {
    kernel_size: Sizes<D>,
    strides: Sizes<D>,
    padding: &'a str,
    dilation_rate: Sizes<D>,
    depth_multiplier: usize,
    bias: bool,
}

impl<const D: usize> Depthwise<'_, D> {
    fn layer(self, op: &'static str, channels: usize) -> Result<Layer<D>> {
        let taps = self.kernel_size.0.iter().product::<usize>();
        // Keras's kernel is [height, width, channels, multiplier]: its fans are those of the
        // whole kernel.
        let fans = taps * (channels + self.depth_multiplier);
        let bound = (6.0 / fans.max(1) as f64).sqrt();
        let options = ConvLayerOptions {
            conv: ConvOptions::default()
                .stride(self.strides)
                .padding(padding(op, self.padding)?)
                .dilation(self.dilation_rate)
                .groups(channels),
            bias: self.bias,
            weight_init: Init::Uniform(-bound, bound),
            bias_init: Some(Init::Zeros),
            ..Default::default()
        };
        Layer::with(channels, channels * self.depth_multiplier, self.kernel_size, options)
    }
}

super::layer! {
    /// Convolution of each channel alone, `depth_multiplier` filters a channel:
    /// [`DepthwiseConv1D`], [`DepthwiseConv2D`]. Keras: `DepthwiseConv2D(kernel_size)`, with its
    /// start of weights.
    ///
    /// ```
    /// use gradus_nn::Module;
    /// use gradus_nn::keras::{Call, DepthwiseConv2D, Model, input};
    /// let x = input([4, 8, 8]);
    /// let y = DepthwiseConv2D::new(3).depth_multiplier(2).padding("same").call(&x)?;
    /// assert_eq!(y.to_string(), "(None, 8, 8, 8)");
    /// assert_eq!(Model::new(&x, &y)?.num_parameters(), 8 * 9 + 8);
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    DepthwiseConv<D> => of_dims::<D>(&DEPTHWISE); {
        kernel_size: Sizes<D> [impl Into<Sizes<D>>]
    } with {
        /// Sets how far a window is from the next.
        strides: Sizes<D> [impl Into<Sizes<D>>] = 1.into(),
        /// Sets the padding: `valid` or `same`.
        padding: String [&str] = "valid".into(),
        /// Sets how far an element of the window is from the next.
        dilation_rate: Sizes<D> [impl Into<Sizes<D>>] = 1.into(),
        /// Sets the filters of a channel.
        depth_multiplier: usize [usize] = 1,
        /// Sets the activation by its name.
        activation: String [&str] = "linear".into(),
        /// Sets whether there is a bias.
        use_bias: bool [bool] = true,
    }
}

/// Convolution of each channel of sequences `[N, C, L]`.
pub type DepthwiseConv1D = DepthwiseConv<1>;
/// Convolution of each channel of images `[N, C, H, W]`.
pub type DepthwiseConv2D = DepthwiseConv<2>;

impl<const D: usize> DepthwiseConv<D> {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        let op = of_dims::<D>(&DEPTHWISE_OPS);
        let x = image::<D>(op, inputs)?;
        let depthwise = Depthwise {
            kernel_size: self.kernel_size,
            strides: self.strides,
            padding: &self.padding,
            dilation_rate: self.dilation_rate,
            depth_multiplier: self.depth_multiplier,
            bias: self.use_bias,
        };
        activated(depthwise.layer(op, x.shape[0])?, &self.activation, 1)
    }
}

super::layer! {
    /// A [`DepthwiseConv`] followed by a mixture of its channels into `filters`, position by
    /// position: [`SeparableConv1D`], [`SeparableConv2D`]. Keras:
    /// `SeparableConv2D(filters, kernel_size)`; there is one bias, behind the mixture.
    ///
    /// ```
    /// use gradus_nn::Module;
    /// use gradus_nn::keras::{Call, Model, SeparableConv2D, input};
    /// let x = input([4, 8, 8]);
    /// let y = SeparableConv2D::new(16, 3).padding("same").activation("relu").call(&x)?;
    /// assert_eq!(y.to_string(), "(None, 16, 8, 8)");
    /// assert_eq!(Model::new(&x, &y)?.num_parameters(), 4 * 9 + 4 * 16 + 16);
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    SeparableConv<D> => of_dims::<D>(&SEPARABLE); {
        filters: usize [usize],
        kernel_size: Sizes<D> [impl Into<Sizes<D>>]
    } with {
        /// Sets how far a window is from the next.
        strides: Sizes<D> [impl Into<Sizes<D>>] = 1.into(),
        /// Sets the padding: `valid` or `same`.
        padding: String [&str] = "valid".into(),
        /// Sets how far an element of the window is from the next.
        dilation_rate: Sizes<D> [impl Into<Sizes<D>>] = 1.into(),
        /// Sets the filters of a channel before the mixture.
        depth_multiplier: usize [usize] = 1,
        /// Sets the activation by its name; a `softmax` is along the channels.
        activation: String [&str] = "linear".into(),
        /// Sets whether there is a bias.
        use_bias: bool [bool] = true,
    }
}

/// Separable convolution over sequences `[N, C, L]`.
pub type SeparableConv1D = SeparableConv<1>;
/// Separable convolution over images `[N, C, H, W]`.
pub type SeparableConv2D = SeparableConv<2>;

impl<const D: usize> SeparableConv<D> {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        let op = of_dims::<D>(&SEPARABLE_OPS);
        let x = image::<D>(op, inputs)?;
        let depthwise = Depthwise {
            kernel_size: self.kernel_size,
            strides: self.strides,
            padding: &self.padding,
            dilation_rate: self.dilation_rate,
            depth_multiplier: self.depth_multiplier,
            bias: false,
        };
        let channels = x.shape[0];
        let options = ConvLayerOptions {
            bias: self.use_bias,
            weight_init: Init::XavierUniform(1.0),
            bias_init: Some(Init::Zeros),
            ..Default::default()
        };
        let mixed = channels * self.depth_multiplier;
        let layer = Separable {
            depthwise: depthwise.layer(op, channels)?,
            pointwise: Layer::with(mixed, self.filters, 1, options)?,
        };
        activated(layer, &self.activation, 1)
    }
}

#[derive(Module)]
struct Separable<const D: usize> {
    depthwise: Layer<D>,
    pointwise: Layer<D>,
}

impl<const D: usize> crate::Layer for Separable<D> {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.pointwise.forward(&self.depthwise.forward(x)?)
    }
}
