//! Keras's layers that move and resize axes.

use gradus_autodiff::{Dim, InterpolateMode, PerDim, Tensor};
use gradus_tensor::{Error, Result};

use super::call::{Combine, One, one_input};
use super::symbol::Spec;
use crate::{Layer, Module, Pad, Upsample};

super::layer! {
    /// All axes behind the batch merged into one. Keras: `Flatten`; the order of the elements
    /// is that of channels first.
    ///
    /// ```
    /// use gradus_nn::keras::{Call, Flatten, input};
    /// assert_eq!(Flatten::new().call(&input([3, 4, 5]))?.to_string(), "(None, 60)");
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    Flatten => "Flatten"; {} with {}
}

impl Flatten {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        let x = one_input("flatten", inputs, &[], "")?;
        // A sample of one number becomes a vector of one.
        Ok(match x.shape.rank() {
            0 => Box::new(One(Shaped { shape: vec![1] })),
            _ => Box::new(One(crate::Flatten::default())),
        })
    }
}

/// The batch and these sizes, one of them -1 for what is left.
#[derive(Module)]
struct Shaped {
    shape: Vec<i64>,
}

impl Layer for Shaped {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let batch = x.shape().dim("reshape", 0).map(|at| x.shape()[at] as i64)?;
        x.reshape(&[&[batch], &self.shape[..]].concat())
    }
}

super::layer! {
    /// The elements of a sample in another shape, one of whose sizes may be -1 for what is left.
    /// Keras: `Reshape(target_shape)`.
    ///
    /// ```
    /// use gradus_nn::keras::{Call, Reshape, input};
    /// assert_eq!(Reshape::new([1, -1, 28]).call(&input([784]))?.to_string(), "(None, 1, 28, 28)");
    /// assert!(Reshape::new([10]).call(&input([784])).is_err());
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    Reshape => "Reshape"; { target_shape: Vec<i64> [impl Into<Vec<i64>>] } with {}
}

impl Reshape {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        let x = one_input("reshape", inputs, &[], "")?;
        let mut shape = self.target_shape.clone();
        let left = shape.iter().filter(|&&size| size == -1).count();
        let known: i64 = shape.iter().filter(|&&size| size >= 0).product();
        // A size that is left over must be the sample's alone, whatever the batch.
        if left == 1 && known > 0 {
            let rest = x.shape.numel() as i64 / known;
            shape.iter_mut().filter(|size| **size == -1).for_each(|size| *size = rest);
        }
        Ok(Box::new(One(Shaped { shape })))
    }
}

/// A permutation that leaves the batch.
#[derive(Module)]
struct Permuted {
    dims: Vec<Dim>,
}

impl Layer for Permuted {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.permute(&[&[0], &self.dims[..]].concat())
    }
}

super::layer! {
    /// The axes of a sample in another order; they count from 1, the batch being 0. Keras:
    /// `Permute(dims)`.
    ///
    /// ```
    /// use gradus_nn::keras::{Call, Permute, input};
    /// assert_eq!(Permute::new([2, 1]).call(&input([10, 64]))?.to_string(), "(None, 64, 10)");
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    Permute => "Permute"; { dims: Vec<Dim> [impl Into<Vec<Dim>>] } with {}
}

impl Permute {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        one_input("permute", inputs, &[self.dims.len()], "as many axes as are named")?;
        Ok(Box::new(One(Permuted { dims: self.dims.clone() })))
    }
}

/// The permutation that moves the channels before or behind the sizes.
fn channels(op: &'static str, inputs: &[Spec], last: bool) -> Result<Box<dyn Combine>> {
    let expected = "channels and at least one size, as (None, height, width, channels)";
    let rank = one_input(op, inputs, &[2, 3, 4], expected)?.shape.rank() as Dim;
    let mut dims: Vec<Dim> = (1..=rank).collect();
    if last {
        dims.rotate_left(1);
    } else {
        dims.rotate_right(1);
    }
    Ok(Box::new(One(Permuted { dims })))
}

super::layer! {
    /// Data whose channels are last, as Keras has it, with the channels first, as every layer here
    /// takes it: `(None, height, width, channels)` becomes `(None, channels, height, width)`, in
    /// one and three dimensions likewise.
    ///
    /// ```
    /// use gradus_nn::keras::{Call, ChannelsFirst, Conv2D, input};
    /// let x = input([28, 28, 1]); // Keras' input_shape=(28, 28, 1)
    /// let y = Conv2D::new(32, 3).call(&ChannelsFirst::new().call(&x)?)?;
    /// assert_eq!(y.to_string(), "(None, 32, 26, 26)");
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    ChannelsFirst => "ChannelsFirst"; {} with {}
}

impl ChannelsFirst {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        channels("channels_first", inputs, false)
    }
}

super::layer! {
    /// The inverse of [`ChannelsFirst`]; before a [`Flatten`] it gives the elements Keras' order.
    ///
    /// ```
    /// use gradus_nn::keras::{Call, ChannelsLast, input};
    /// assert_eq!(ChannelsLast::new().call(&input([3, 8, 9]))?.to_string(), "(None, 8, 9, 3)");
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    ChannelsLast => "ChannelsLast"; {} with {}
}

impl ChannelsLast {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        channels("channels_last", inputs, true)
    }
}

super::layer! {
    /// A vector `n` times, as the steps of a sequence. Keras: `RepeatVector(n)`.
    ///
    /// ```
    /// use gradus_nn::keras::{Call, RepeatVector, input};
    /// assert_eq!(RepeatVector::new(3).call(&input([32]))?.to_string(), "(None, 3, 32)");
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    RepeatVector => "RepeatVector"; { n: usize [usize] } with {}
}

impl RepeatVector {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        one_input("repeat_vector", inputs, &[1], "(None, features)")?;
        Ok(Box::new(One(Repeated { n: self.n })))
    }
}

#[derive(Module)]
struct Repeated {
    n: usize,
}

impl Layer for Repeated {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.unsqueeze(1)?.repeat(&[1, self.n, 1])
    }
}

/// The last axes with zeros at their ends, or cut there.
#[derive(Module)]
struct Ends {
    ends: Vec<i64>,
}

impl Layer for Ends {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.pad(&self.ends, 0.0)
    }
}

macro_rules! ends {
    ($($name:ident $op:literal $ends:literal $axes:literal $sign:tt
        $verb:literal $what:literal $sample:literal $given:literal $shape:literal;)*) => {$(
        super::layer! {
            #[doc = concat!($verb, " the last axes of `", $axes, "`: ", $what, ", or one number. \
                Keras: `", stringify!($name), "`, but channels stand first in the data.")]
            ///
            /// ```
            #[doc = concat!("use gradus_nn::keras::{Call, ", stringify!($name), ", input};")]
            #[doc = concat!("let y = ", stringify!($name), "::new(", $given, ").call(&input(",
                $sample, "))?;")]
            #[doc = concat!("assert_eq!(y.to_string(), \"", $shape, "\");")]
            /// # Ok::<(), gradus_nn::Error>(())
            /// ```
            $name => stringify!($name); { ends: Pad<$ends> [impl Into<Pad<$ends>>] } with {}
        }

        impl $name {
            fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
                one_input($op, inputs, &[$ends / 2 + 1], $axes)?;
                if let Some(end) = self.ends.0.iter().find(|&&end| end < 0) {
                    return Err(Error::argument($op, "ends", end, "0 or more"));
                }
                Ok(Box::new(One(Ends { ends: self.ends.0.map(|end| 0 $sign end).to_vec() })))
            }
        }
    )*};
}
ends! {
    ZeroPadding1D "zero_padding1d" 2 "(None, channels, length)" +
        "Zeros around" "left, right" "[3, 8]" "(1, 2)" "(None, 3, 11)";
    ZeroPadding2D "zero_padding2d" 4 "(None, channels, height, width)" +
        "Zeros around" "left, right, top, bottom" "[3, 8, 8]" "(1, 2, 0, 0)" "(None, 3, 8, 11)";
    ZeroPadding3D "zero_padding3d" 6 "(None, channels, depth, height, width)" +
        "Zeros around" "left, right, top, bottom, front, back" "[3, 4, 8, 8]" "1"
        "(None, 3, 6, 10, 10)";
    Cropping1D "cropping1d" 2 "(None, channels, length)" -
        "Cuts" "left, right" "[3, 8]" "(1, 2)" "(None, 3, 5)";
    Cropping2D "cropping2d" 4 "(None, channels, height, width)" -
        "Cuts" "left, right, top, bottom" "[3, 8, 8]" "(1, 2, 0, 0)" "(None, 3, 8, 5)";
    Cropping3D "cropping3d" 6 "(None, channels, depth, height, width)" -
        "Cuts" "left, right, top, bottom, front, back" "[3, 4, 8, 8]" "1" "(None, 3, 2, 6, 6)";
}

super::layer! {
    /// Every pixel `size` times, or by straight lines. Keras: `UpSampling2D(size)`.
    ///
    /// ```
    /// use gradus_nn::keras::{Call, UpSampling2D, input};
    /// let y = UpSampling2D::new(2.0).interpolation("bilinear").call(&input([3, 8, 5]))?;
    /// assert_eq!(y.to_string(), "(None, 3, 16, 10)");
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    UpSampling2D => "UpSampling2D"; { size: PerDim<f64> [impl Into<PerDim<f64>>] } with {
        /// Sets `nearest` or `bilinear`.
        interpolation: String [&str] = "nearest".into(),
    }
}

impl UpSampling2D {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        const OP: &str = "up_sampling2d";
        one_input(OP, inputs, &[3], "(None, channels, height, width)")?;
        let mode = match &*self.interpolation {
            "nearest" => InterpolateMode::Nearest,
            "bilinear" => InterpolateMode::Bilinear,
            other => {
                let (value, expected) = (format!("{other:?}"), "\"nearest\" or \"bilinear\"");
                return Err(Error::argument(OP, "interpolation", value, expected));
            }
        };
        Ok(Box::new(One(Upsample::scale_factor(self.size.clone()).mode(mode))))
    }
}

macro_rules! larger {
    ($($name:ident $op:literal $rank:literal $axes:literal $sample:literal $shape:literal;)*) => {$(
        super::layer! {
            #[doc = concat!("Every element `size` times along the axes behind the channels of `",
                $axes, "`. Keras: `", stringify!($name), "(size)`, but channels stand first in \
                the data.")]
            ///
            /// ```
            #[doc = concat!("use gradus_nn::keras::{Call, ", stringify!($name), ", input};")]
            #[doc = concat!("let y = ", stringify!($name), "::new(2.0).call(&input(", $sample,
                "))?;")]
            #[doc = concat!("assert_eq!(y.to_string(), \"", $shape, "\");")]
            /// # Ok::<(), gradus_nn::Error>(())
            /// ```
            $name => stringify!($name); { size: PerDim<f64> [impl Into<PerDim<f64>>] } with {}
        }

        impl $name {
            fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
                one_input($op, inputs, &[$rank], $axes)?;
                Ok(Box::new(One(Upsample::scale_factor(self.size.clone()))))
            }
        }
    )*};
}
larger! {
    UpSampling1D "up_sampling1d" 2 "(None, channels, length)" "[3, 5]" "(None, 3, 10)";
    UpSampling3D "up_sampling3d" 4 "(None, channels, depth, height, width)" "[3, 2, 4, 5]"
        "(None, 3, 4, 8, 10)";
}
