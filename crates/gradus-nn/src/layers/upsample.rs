//! Layers that change the size of the spatial dimensions.

use gradus_autodiff::{Interpolate, InterpolateMode, PerDim, Tensor};
use gradus_tensor::Result;

use crate::Module;
use crate::layer::Layer;

/// The spatial dimensions at another size, [`Tensor::interpolate`] as a layer. PyTorch:
/// `nn.Upsample`.
///
/// ```
/// use gradus_nn::{InterpolateMode, Layer, Tensor, Upsample};
/// let x = Tensor::from_vec(vec![0.0f32, 3.0], [1, 1, 1, 2])?;
/// let layer = Upsample::scale_factor((1.0, 2.0));
/// assert_eq!(layer.forward(&x)?.to_vec::<f32>()?, [0.0, 0.0, 3.0, 3.0]);
/// let layer = Upsample::size((1, 4)).mode(InterpolateMode::Bilinear).align_corners(true);
/// assert_eq!(layer.forward(&x)?.to_vec::<f32>()?, [0.0, 1.0, 2.0, 3.0]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Module)]
pub struct Upsample {
    #[module(skip)]
    to: Interpolate,
}

impl Upsample {
    /// To these sizes, by the nearest element.
    pub fn size(size: impl Into<PerDim<usize>>) -> Self {
        Upsample::from(Interpolate::size(size))
    }

    /// To `⌊factor · size⌋`, by the nearest element.
    pub fn scale_factor(factor: impl Into<PerDim<f64>>) -> Self {
        Upsample::from(Interpolate::scale_factor(factor))
    }

    /// Sets how elements are made.
    #[must_use]
    pub fn mode(self, mode: InterpolateMode) -> Self {
        Upsample { to: self.to.mode(mode) }
    }

    /// Sets whether the first and last elements stay where they are.
    #[must_use]
    pub fn align_corners(self, align_corners: bool) -> Self {
        Upsample { to: self.to.align_corners(align_corners) }
    }
}

impl From<Interpolate> for Upsample {
    fn from(to: Interpolate) -> Self {
        Upsample { to }
    }
}

impl Layer for Upsample {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.interpolate(&self.to)
    }
}

macro_rules! shuffles {
    ($($name:ident $method:ident $factor:ident $doc:literal;)*) => {$(
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Module)]
        pub struct $name {
            /// Pixels along a side of what was one.
            pub $factor: usize,
        }

        impl $name {
            /// The layer with this factor.
            pub fn new($factor: usize) -> Self {
                $name { $factor }
            }
        }

        impl Layer for $name {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                x.$method(self.$factor)
            }
        }
    )*};
}
shuffles! {
    PixelShuffle pixel_shuffle upscale_factor
        "Channels turned into pixels, [`Tensor::pixel_shuffle`] as a layer. \
            PyTorch: `nn.PixelShuffle`.";
    PixelUnshuffle pixel_unshuffle downscale_factor
        "Pixels turned into channels, [`Tensor::pixel_unshuffle`] as a layer. \
            PyTorch: `nn.PixelUnshuffle`.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unshuffling_undoes_shuffling() {
        let x = Tensor::from_vec((0..24).map(|i| i as f32).collect(), [1, 4, 2, 3]).unwrap();
        let y = PixelShuffle::new(2).forward(&x).unwrap();
        assert_eq!(y.shape().dims(), [1, 1, 4, 6]);
        assert_eq!(y.to_vec::<f32>().unwrap()[..6], [0.0, 6.0, 1.0, 7.0, 2.0, 8.0]);
        let back = PixelUnshuffle::new(2).forward(&y).unwrap();
        assert_eq!(back.shape(), x.shape());
        assert_eq!(back.to_vec::<f32>().unwrap(), x.to_vec::<f32>().unwrap());
        let error = PixelUnshuffle::new(4).forward(&y).unwrap_err().to_string();
        assert!(
            error.starts_with("pixel_unshuffle: height and width must be multiples"),
            "{error}"
        );
    }
}
