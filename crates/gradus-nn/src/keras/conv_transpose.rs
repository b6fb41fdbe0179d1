//! Keras's transposed convolutions, with channels first.

use gradus_autodiff::{ConvTransposeOptions, Padding, Sizes, Tensor};
use gradus_tensor::Result;

use super::activations::activated;
use super::call::Combine;
use super::conv::{image, of_dims, padding};
use super::symbol::Spec;
use crate::Module;
use crate::init::Init;
use crate::layers::{ConvTranspose as Layer, ConvTransposeLayerOptions};

const KINDS: [&str; 3] = ["Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"];
const OPS: [&str; 3] = ["conv1d_transpose", "conv2d_transpose", "conv3d_transpose"];

super::layer! {
    /// Transposed convolution over `D` dimensions, [`ConvTranspose`](crate::ConvTranspose) with as
    /// many channels as it is called on: [`Conv1DTranspose`], [`Conv2DTranspose`],
    /// [`Conv3DTranspose`]. Keras: `Conv2DTranspose(filters, kernel_size)`, but channels stand
    /// first in the data; `output_padding` is not offered.
    ///
    /// *Shapes*: with `same` padding a size becomes `size · stride`, with `valid`
    /// `size · stride + max(taps - stride, 0)`, where taps are those that the kernel reaches over.
    ///
    /// ```
    /// use gradus_nn::keras::{Call, Conv2DTranspose, input};
    /// let x = input([8, 7, 7]);
    /// let y = Conv2DTranspose::new(4, 3).strides(2).padding("same").activation("relu").call(&x)?;
    /// assert_eq!(y.to_string(), "(None, 4, 14, 14)");
    /// let y = Conv2DTranspose::new(4, 3).strides(2).call(&x)?;
    /// assert_eq!(y.to_string(), "(None, 4, 15, 15)");
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    ConvTranspose<D> => of_dims::<D>(&KINDS); {
        filters: usize [usize],
        kernel_size: Sizes<D> [impl Into<Sizes<D>>]
    } with {
        /// Sets how far what one element becomes is from what the next one does.
        strides: Sizes<D> [impl Into<Sizes<D>>] = 1.into(),
        /// Sets the padding: `valid`, which keeps everything, or `same`; an odd element is cut at
        /// the end.
        padding: String [&str] = "valid".into(),
        /// Sets how far an element of the window is from the next.
        dilation_rate: Sizes<D> [impl Into<Sizes<D>>] = 1.into(),
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

/// Transposed convolution over sequences `[N, C, L]`.
pub type Conv1DTranspose = ConvTranspose<1>;
/// Transposed convolution over images `[N, C, H, W]`.
pub type Conv2DTranspose = ConvTranspose<2>;
/// Transposed convolution over volumes `[N, C, D, H, W]`.
pub type Conv3DTranspose = ConvTranspose<3>;

impl<const D: usize> ConvTranspose<D> {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        let op = of_dims::<D>(&OPS);
        let x = image::<D>(op, inputs)?;
        let same = padding::<D>(op, &self.padding)? == Padding::Same;
        let of = |sizes: &Sizes<D>, i: usize| sizes.0[i].max(1);
        let taps = |i| (of(&self.kernel_size, i) - 1) * of(&self.dilation_rate, i) + 1;
        // Strides beyond the window leave zeros, also behind the last element.
        let beyond = |i| of(&self.strides, i).saturating_sub(taps(i));
        let excess = |i| taps(i).saturating_sub(of(&self.strides, i));
        let options = ConvTransposeLayerOptions {
            conv: ConvTransposeOptions::default()
                .stride(self.strides)
                .dilation(self.dilation_rate)
                .output_padding(Sizes(std::array::from_fn(beyond))),
            bias: self.use_bias,
            weight_init: self.kernel_initializer,
            bias_init: Some(self.bias_initializer),
        };
        let layer = Layer::with(x.shape[0], self.filters, self.kernel_size, options)?;
        let cut: Vec<usize> = (0..D).map(|i| if same { excess(i) } else { 0 }).collect();
        activated(Cut { layer, cut }, &self.activation, 1)
    }
}

/// A transposed convolution without some elements at its ends.
#[derive(Module)]
struct Cut<const D: usize> {
    #[module(flatten)]
    layer: Layer<D>,
    /// How many elements of each dimension are cut, half of them in front.
    cut: Vec<usize>,
}

impl<const D: usize> crate::Layer for Cut<D> {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.layer.forward(x)?;
        if self.cut.iter().all(|&cut| cut == 0) {
            return Ok(y);
        }
        // The last dimension first.
        let ends = |&cut: &usize| [-((cut / 2) as i64), -((cut - cut / 2) as i64)];
        y.pad(&self.cut.iter().rev().flat_map(ends).collect::<Vec<i64>>(), 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer as _;
    use crate::keras::{Call, Model, input};

    /// A window of ones over 1, 2, 3.
    fn run(layer: &Conv1DTranspose) -> Vec<f32> {
        let x = input([1, 3]);
        let model = Model::new(&x, &layer.call(&x).unwrap()).unwrap();
        let weight = &model.named_parameters()[0].1;
        let ones = Tensor::ones(weight.shape(), &weight.device());
        weight.set_value(&ones).unwrap();
        let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0], [1, 1, 3]).unwrap();
        model.forward(&x).unwrap().to_vec().unwrap()
    }

    #[test]
    fn ends_are_cut_and_left_as_keras_does() {
        // Keras's rule by hand: the excess of the window over the stride is cut, the smaller half
        // in front.
        let layer = |taps: usize| Conv1DTranspose::new(1, taps);
        assert_eq!(run(&layer(3).strides(2)), [1.0, 1.0, 3.0, 2.0, 5.0, 3.0, 3.0]);
        assert_eq!(run(&layer(3).strides(2).padding("same")), [1.0, 1.0, 3.0, 2.0, 5.0, 3.0]);
        assert_eq!(run(&layer(3).padding("same")), [3.0, 6.0, 5.0]);
        assert_eq!(run(&layer(4).padding("same")), [3.0, 6.0, 6.0]);
        // Strides beyond the window.
        let sparse = [1.0, 0.0, 0.0, 2.0, 0.0, 0.0, 3.0, 0.0, 0.0];
        assert_eq!(run(&layer(1).strides(3)), sparse);
        assert_eq!(run(&layer(1).strides(3).padding("same")), sparse);
        assert_eq!(run(&layer(2).dilation_rate(2).padding("same")), [2.0, 4.0, 2.0]);
        let biased = layer(1).strides(2).bias_initializer(Init::Constant(0.5));
        assert_eq!(run(&biased), [1.5, 0.5, 2.5, 0.5, 3.5, 0.5]);
    }

    #[test]
    fn shapes_and_names_are_kerass() {
        let x = input([3, 4, 5, 6]);
        let volume = super::super::Conv3DTranspose::new(2, (3, 2, 1)).strides((2, 1, 3));
        assert_eq!(volume.call(&x).unwrap().to_string(), "(None, 2, 9, 6, 18)");
        let same = volume.clone().padding("same").call(&x).unwrap();
        assert_eq!(same.to_string(), "(None, 2, 8, 5, 18)");
        let text = Conv2DTranspose::new(1, 1).call(&x).unwrap_err().to_string();
        assert!(text.starts_with("conv2d_transpose: x is (None, 3, 4, 5, 6), expected"), "{text}");
        let image = input([2, 3, 3]);
        let model = Model::new(&image, &Conv2DTranspose::new(4, 3).call(&image).unwrap()).unwrap();
        let dict = model.state_dict().unwrap();
        assert!(dict.keys().eq(["conv2d_transpose.bias", "conv2d_transpose.weight"]));
        assert!(Conv2DTranspose::new(4, 0).call(&image).is_err());
    }
}
