//! Keras's convolutions, with channels first.

use gradus_autodiff::{ConvOptions, Padding, Sizes};
use gradus_tensor::{Error, Result};

use super::activations::activated;
use super::call::{Combine, one_input};
use super::symbol::Spec;
use crate::init::Init;
use crate::layers::{Conv as Layer, ConvLayerOptions};

const KINDS: [&str; 3] = ["Conv1D", "Conv2D", "Conv3D"];
const OPS: [&str; 3] = ["conv1d", "conv2d", "conv3d"];
pub(super) const INPUTS: [&str; 3] = [
    "(None, channels, length)",
    "(None, channels, height, width)",
    "(None, channels, depth, height, width)",
];

super::layer! {
    /// Convolution over `D` dimensions, [`Conv`](crate::Conv) with as many channels as it is
    /// called on: [`Conv1D`], [`Conv2D`], [`Conv3D`]. Keras: `Conv2D(filters, kernel_size)`,
    /// but channels stand first in the data.
    ///
    /// Sizes are one number or one a dimension.
    ///
    /// ```
    /// use gradus_nn::keras::{Call, Conv2D, input};
    /// let x = input([3, 28, 28]);
    /// let y = Conv2D::new(16, 3).activation("relu").call(&x)?;
    /// assert_eq!(y.to_string(), "(None, 16, 26, 26)");
    /// let y = Conv2D::new(8, (5, 3)).strides(2).padding("same").call(&y)?;
    /// assert_eq!(y.to_string(), "(None, 8, 13, 13)");
    /// let text = Conv2D::new(8, 3).call(&input([28, 28])).unwrap_err().to_string();
    /// let expected = "conv2d: x is (None, 28, 28), expected (None, channels, height, width); \
    ///                 in Conv2D, called on (None, 28, 28)";
    /// assert_eq!(text, expected);
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    Conv<D> => of_dims::<D>(&KINDS); {
        filters: usize [usize],
        kernel_size: Sizes<D> [impl Into<Sizes<D>>]
    } with {
        /// Sets how far a window is from the next.
        strides: Sizes<D> [impl Into<Sizes<D>>] = 1.into(),
        /// Sets the padding: `valid`, which is none, or `same`, which makes as many windows as
        /// there are strides; an odd zero stands at the end.
        padding: String [&str] = "valid".into(),
        /// Sets how far an element of the window is from the next.
        dilation_rate: Sizes<D> [impl Into<Sizes<D>>] = 1.into(),
        /// Sets into how many groups the channels are divided.
        groups: usize [usize] = 1,
        /// Sets the activation by its name; a `softmax` is along the channels.
        activation: String [&str] = "linear".into(),
        /// Sets whether there is a bias.
        use_bias: bool [bool] = true,
        /// Sets how the weight starts.
        kernel_initializer: Init [Init] = Init::XavierUniform(1.0),
        /// Sets how the bias starts.
        bias_initializer: Init [Init] = Init::Zeros,
    }
}

/// Convolution over sequences `[N, C, L]`.
pub type Conv1D = Conv<1>;
/// Convolution over images `[N, C, H, W]`.
pub type Conv2D = Conv<2>;
/// Convolution over volumes `[N, C, D, H, W]`.
pub type Conv3D = Conv<3>;

impl<const D: usize> Conv<D> {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        let op = of_dims::<D>(&OPS);
        let x = image::<D>(op, inputs)?;
        let options = ConvLayerOptions {
            conv: ConvOptions::default()
                .stride(self.strides)
                .padding(padding(op, &self.padding)?)
                .dilation(self.dilation_rate)
                .groups(self.groups),
            bias: self.use_bias,
            weight_init: self.kernel_initializer,
            bias_init: Some(self.bias_initializer),
            ..Default::default()
        };
        let layer = Layer::with(x.shape[0], self.filters, self.kernel_size, options)?;
        activated(layer, &self.activation, 1)
    }
}

/// The text for `D` dimensions; for a number that there is none of, the last.
pub(super) fn of_dims<const D: usize>(texts: &[&'static str; 3]) -> &'static str {
    texts[D.clamp(1, 3) - 1]
}

/// The only input, if it is channels and `D` sizes.
///
/// # Errors
/// `Kind::Argument` if it is not, or unless D is 1, 2 or 3.
pub(super) fn image<'a, const D: usize>(op: &'static str, inputs: &'a [Spec]) -> Result<&'a Spec> {
    if !(1..=3).contains(&D) {
        return Err(Error::argument(op, "dimensions", D, "1, 2 or 3"));
    }
    one_input(op, inputs, &[D + 1], of_dims::<D>(&INPUTS))
}

/// # Errors
/// `Kind::Argument` unless it is `valid` or `same`.
pub(super) fn padding<const D: usize>(op: &'static str, name: &str) -> Result<Padding<D>> {
    match name {
        "valid" => Ok(Padding::Valid),
        "same" => Ok(Padding::Same),
        _ => Err(Error::argument(op, "padding", format!("{name:?}"), "\"valid\" or \"same\"")),
    }
}
