//! Convolution layers.

use gradus_autodiff::{ConvOptions, Padding, Sizes, Tensor};
use gradus_tensor::{Device, Error, Result};

use crate::init::{self, Init};
use crate::layer::Layer;
use crate::parameter::Parameter;
use crate::{Module, Nonlinearity};

/// What a convolution sees beyond the edge of its input. PyTorch: `padding_mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PaddingMode {
    /// Zeros.
    #[default]
    Zeros,
    /// The input mirrored, without its edge.
    Reflect,
    /// The edge repeated.
    Replicate,
    /// The other side of the input.
    Circular,
}

/// Convolution over `D` spatial dimensions: [`Conv1d`], [`Conv2d`] and [`Conv3d`]. PyTorch:
/// `nn.Conv2d` and its kin, with their state-dict keys.
///
/// *Shapes*: `x: [N, C, H, W]` or `[C, H, W]`; the result is `[N, O, OH, OW]`. See
/// [`Tensor::conv2d`] for sizes, gradients and cost.
///
/// A kernel size, stride, padding or dilation is one number or one a dimension.
///
/// ```
/// use gradus_nn::{Conv2d, ConvOptions, Layer, Module, Padding, Tensor};
/// let x = Tensor::zeros([2, 3, 8, 8], &gradus_nn::Device::cpu());
/// let layer = Conv2d::new(3, 16, 3)?.padding(1).stride(2);
/// assert_eq!(layer.forward(&x)?.shape().dims(), [2, 16, 4, 4]);
/// let depthwise = Conv2d::with(3, 6, (3, 5), ConvOptions::default().groups(3))?;
/// assert_eq!(depthwise.num_parameters(), 6 * 15 + 6);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct Conv<const D: usize> {
    /// `[O, C / groups, K..]`.
    pub weight: Parameter,
    /// `[O]`, or none.
    pub bias: Option<Parameter>,
    #[module(skip)]
    options: ConvOptions<D>,
    #[module(skip)]
    mode: PaddingMode,
}

/// Convolution over sequences: `x: [N, C, L]`. PyTorch: `nn.Conv1d`.
pub type Conv1d = Conv<1>;
/// Convolution over images: `x: [N, C, H, W]`. PyTorch: `nn.Conv2d`.
pub type Conv2d = Conv<2>;
/// Convolution over volumes: `x: [N, C, D, H, W]`. PyTorch: `nn.Conv3d`.
pub type Conv3d = Conv<3>;

/// Options of [`Conv`]; made from [`ConvOptions`] where the rest are PyTorch's defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvLayerOptions<const D: usize> {
    /// Stride, padding, dilation and groups.
    pub conv: ConvOptions<D>,
    /// Whether there is a bias.
    pub bias: bool,
    /// What stands beyond the edge.
    pub padding_mode: PaddingMode,
    /// How the weight starts.
    pub weight_init: Init,
    /// How the bias starts; none is PyTorch's default, U(±1/√fan_in).
    pub bias_init: Option<Init>,
}

/// PyTorch's start of weights: U(±1/√fan_in).
pub(super) const WEIGHT_INIT: Init =
    Init::KaimingUniform(init::Fan::In, Nonlinearity::LeakyRelu(SQRT_5));
const SQRT_5: f64 = 2.236_067_977_499_79;

impl<const D: usize> Default for ConvLayerOptions<D> {
    fn default() -> Self {
        ConvLayerOptions {
            conv: ConvOptions::default(),
            bias: true,
            padding_mode: PaddingMode::Zeros,
            weight_init: WEIGHT_INIT,
            bias_init: None,
        }
    }
}

impl<const D: usize> From<ConvOptions<D>> for ConvLayerOptions<D> {
    fn from(conv: ConvOptions<D>) -> Self {
        ConvLayerOptions { conv, ..ConvLayerOptions::default() }
    }
}

impl<const D: usize> ConvLayerOptions<D> {
    /// Keras's: the weight Glorot-uniform, the bias zero.
    pub fn keras() -> Self {
        ConvLayerOptions {
            weight_init: Init::XavierUniform(1.0),
            bias_init: Some(Init::Zeros),
            ..ConvLayerOptions::default()
        }
    }
}

impl<const D: usize> Conv<D> {
    /// A layer with PyTorch's defaults: stride 1, no padding, a bias.
    ///
    /// # Errors
    /// `Kind::Argument` for channels or sizes of 0; `Kind::OutOfMemory`.
    pub fn new(
        in_channels: usize,
        out_channels: usize,
        kernel_size: impl Into<Sizes<D>>,
    ) -> Result<Self> {
        Conv::with(in_channels, out_channels, kernel_size, ConvLayerOptions::default())
    }

    /// A layer with options: [`ConvOptions`] or [`ConvLayerOptions`].
    ///
    /// # Errors
    /// As [`Conv::new`], and for groups that do not divide both channels.
    pub fn with(
        in_channels: usize,
        out_channels: usize,
        kernel_size: impl Into<Sizes<D>>,
        options: impl Into<ConvLayerOptions<D>>,
    ) -> Result<Self> {
        let options = options.into();
        let groups = options.conv.groups;
        must_divide("conv", groups, in_channels, out_channels)?;
        let kernel = kernel_size.into().0;
        let shape = [&[out_channels, in_channels / groups], &kernel[..]].concat();
        let fan = shape[1..].iter().product();
        let (weight, bias) =
            parameters(&shape, out_channels, fan, &options.weight_init, bias_of(&options))?;
        Ok(Conv { weight, bias, options: options.conv, mode: options.padding_mode })
    }

    /// Sets the stride.
    #[must_use]
    pub fn stride(mut self, stride: impl Into<Sizes<D>>) -> Self {
        self.options.stride = stride.into();
        self
    }

    /// Sets the padding: a number, one a dimension, or [`Padding::Same`].
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Padding<D>>) -> Self {
        self.options.padding = padding.into();
        self
    }

    /// Sets the dilation.
    #[must_use]
    pub fn dilation(mut self, dilation: impl Into<Sizes<D>>) -> Self {
        self.options.dilation = dilation.into();
        self
    }

    /// Sets what stands beyond the edge.
    #[must_use]
    pub fn padding_mode(mut self, mode: PaddingMode) -> Self {
        self.mode = mode;
        self
    }

    /// Stride, padding, dilation and groups.
    pub fn options(&self) -> &ConvOptions<D> {
        &self.options
    }
}

fn bias_of<const D: usize>(options: &ConvLayerOptions<D>) -> Option<Option<&Init>> {
    options.bias.then_some(options.bias_init.as_ref())
}

/// # Errors
/// `Kind::Argument` unless `groups` divides both numbers of channels.
pub(super) fn must_divide(op: &'static str, groups: usize, input: usize, out: usize) -> Result<()> {
    for (name, channels) in [("in_channels", input), ("out_channels", out)] {
        if channels == 0 {
            return Err(Error::argument(op, name, channels, "at least 1"));
        }
        if groups == 0 || !channels.is_multiple_of(groups) {
            let value = format!("{channels} with {groups} groups");
            return Err(Error::argument(op, name, value, "a multiple of the groups"));
        }
    }
    Ok(())
}

/// A weight and, where `bias` is given, a bias with its initialiser or PyTorch's.
pub(super) fn parameters(
    weight_shape: &[usize],
    channels: usize,
    fan_in: usize,
    weight_init: &Init,
    bias: Option<Option<&Init>>,
) -> Result<(Parameter, Option<Parameter>)> {
    let cpu = Device::cpu();
    let weight = Parameter::new(Tensor::zeros(weight_shape, &cpu));
    weight_init.fill(&weight, None)?;
    let Some(bias_init) = bias else { return Ok((weight, None)) };
    let bias = Parameter::new(Tensor::zeros([channels], &cpu));
    match bias_init {
        Some(init) => init.fill(&bias, None)?,
        None => init::uniform_of_fan(&bias, fan_in, None)?,
    }
    Ok((weight, Some(bias)))
}

impl<const D: usize> Layer for Conv<D> {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mode = match self.mode {
            PaddingMode::Zeros => {
                return x.conv(&self.weight, self.bias.as_deref(), &self.options);
            }
            PaddingMode::Reflect => "reflect",
            PaddingMode::Replicate => "replicate",
            PaddingMode::Circular => "circular",
        };
        let (shape, kernel) = (x.shape(), self.weight.shape());
        let spatial = shape.rank().saturating_sub(D);
        let pairs = self.options.zeros(&shape[spatial..], &kernel[2..]);
        let pad: Vec<i64> = pairs.iter().rev().flat_map(|&(a, b)| [a as i64, b as i64]).collect();
        let wide = x.pad_mode(&pad, mode)?;
        let options = self.options.padding(Padding::Valid);
        wide.conv(&self.weight, self.bias.as_deref(), &options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_start_within_the_root_of_the_window() {
        let layer = Conv2d::new(4, 50, 5).unwrap();
        let weight = layer.weight.to_vec::<f32>().unwrap();
        let largest = weight.iter().fold(0f32, |m, w| m.max(w.abs()));
        assert!((0.0998..=0.1).contains(&largest), "{largest}");
        let bias = layer.bias.unwrap().to_vec::<f32>().unwrap();
        assert!(bias.iter().all(|b| b.abs() <= 0.1) && bias.iter().any(|b| b.abs() > 0.05));
    }

    #[test]
    fn names_are_pytorchs() {
        let layer = Conv1d::new(2, 3, 4).unwrap();
        let dict = layer.state_dict().unwrap();
        let shapes: Vec<_> =
            dict.iter().map(|(name, a)| (name.clone(), a.shape().to_vec())).collect();
        let expected = [("weight".to_owned(), vec![3, 2, 4]), ("bias".to_owned(), vec![3])];
        assert!(expected.iter().all(|pair| shapes.contains(pair)) && shapes.len() == 2);
    }

    #[test]
    fn modes_see_different_things_beyond_the_edge() {
        let x = Tensor::from_vec(vec![1.0f32, 2.0, 4.0], [1, 1, 3]).unwrap();
        let run = |mode| {
            let mut layer = Conv1d::new(1, 1, 3).unwrap().padding(1).padding_mode(mode);
            layer.weight = Tensor::from_vec(vec![1.0f32, 0.0, 10.0], [1, 1, 3]).unwrap().into();
            layer.bias = None;
            layer.forward(&x).unwrap().to_vec::<f32>().unwrap()
        };
        assert_eq!(run(PaddingMode::Zeros), [20.0, 41.0, 2.0]);
        assert_eq!(run(PaddingMode::Reflect), [22.0, 41.0, 22.0]);
        assert_eq!(run(PaddingMode::Replicate), [21.0, 41.0, 42.0]);
        assert_eq!(run(PaddingMode::Circular), [24.0, 41.0, 12.0]);
    }

    #[test]
    fn same_keeps_the_size_that_the_stride_leaves() {
        for (size, kernel, stride) in [(7, 2, 1), (7, 4, 2), (8, 3, 3), (5, 5, 4)] {
            let layer = Conv2d::new(1, 1, kernel).unwrap().padding(Padding::Same).stride(stride);
            let x = Tensor::zeros([1, 1, size, size], &Device::cpu());
            let out = size.div_ceil(stride);
            assert_eq!(layer.forward(&x).unwrap().shape().dims(), [1, 1, out, out]);
        }
    }

    #[test]
    fn mistakes_are_named() {
        let error = Conv2d::with(3, 4, 3, ConvOptions::default().groups(2)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "conv: in_channels is 3 with 2 groups, expected a multiple of the groups"
        );
        let x = Tensor::zeros([2, 5, 8, 8], &Device::cpu());
        let error = Conv2d::new(3, 4, 3).unwrap().forward(&x).unwrap_err();
        assert_eq!(
            error.to_string(),
            "conv2d: x has 5 channels, w expects 3; x [2, 5, 8, 8], w [4, 3, 3, 3]"
        );
    }
}
