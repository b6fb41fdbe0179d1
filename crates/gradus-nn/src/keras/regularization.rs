//! Keras's layers that disturb a training: dropout and noise.

use gradus_autodiff::Tensor;
use gradus_tensor::rng::{self, Generator};
use gradus_tensor::{Error, Result};

use super::call::{Combine, One, one_input};
use super::symbol::Spec;
use crate::parameter::{LayerGenerator, Mode};
use crate::{Layer, Module};

macro_rules! dropouts {
    ($(
        $(#[$doc:meta])*
        $name:ident $op:literal $layer:ident $ranks:expr, $expected:literal;
    )*) => {$(
        super::layer! {
            $(#[$doc])*
            $name => stringify!($name); { rate: f64 [f64] } with {
                /// Gives the layer a generator of its own.
                seed: Option<u64> [u64] = None,
            }
        }

        impl $name {
            fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
                one_input($op, inputs, &$ranks, $expected)?;
                let layer = crate::$layer::new(self.rate)?;
                Ok(Box::new(One(match self.seed {
                    Some(seed) => layer.seed(seed),
                    None => layer,
                })))
            }
        }
    )*};
}
dropouts! {
    /// Zeros in training, with this probability for each element, [`Dropout`](crate::Dropout).
    /// Keras: `Dropout(rate)`.
    Dropout "dropout" Dropout [], "";
    /// Dropout that keeps the mean and variance of `selu`, [`AlphaDropout`](crate::AlphaDropout).
    /// Keras: `AlphaDropout(rate)`.
    AlphaDropout "alpha_dropout" AlphaDropout [], "";
    /// Dropout of whole channels of `(None, channels, length)`, [`Dropout1d`](crate::Dropout1d).
    /// Keras: `SpatialDropout1D(rate)`, but channels stand first in the data.
    SpatialDropout1D "spatial_dropout1d" Dropout1d [2], "(None, channels, length)";
    /// Dropout of whole channels of `(None, channels, height, width)`,
    /// [`Dropout2d`](crate::Dropout2d). Keras: `SpatialDropout2D(rate)`, but channels stand first
    /// in the data.
    SpatialDropout2D "spatial_dropout2d" Dropout2d [3], "(None, channels, height, width)";
    /// Dropout of whole channels of `(None, channels, depth, height, width)`,
    /// [`Dropout3d`](crate::Dropout3d). Keras: `SpatialDropout3D(rate)`, but channels stand first
    /// in the data.
    SpatialDropout3D "spatial_dropout3d" Dropout3d [4],
        "(None, channels, depth, height, width)";
}

super::layer! {
    /// Normal noise added in training. Keras: `GaussianNoise(stddev)`.
    ///
    /// ```
    /// use gradus_nn::keras::{Call, GaussianNoise, Model, input};
    /// use gradus_nn::{Device, Layer, Module, Tensor};
    /// let x = input([1000]);
    /// let model = Model::new(&x, &GaussianNoise::new(0.5).seed(3).call(&x)?)?;
    /// let zeros = Tensor::zeros([1, 1000], &Device::cpu());
    /// let spread = model.forward(&zeros)?.square()?.mean_all()?.item()?.sqrt();
    /// assert!((spread - 0.5).abs() < 0.05);
    /// model.eval();
    /// assert_eq!(model.forward(&zeros)?.square()?.sum_all()?.item()?, 0.0);
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    GaussianNoise => "GaussianNoise"; { stddev: f64 [f64] } with {
        /// Gives the layer a generator of its own.
        seed: Option<u64> [u64] = None,
    }
}

super::layer! {
    /// Factors in training, normal around 1, whose variance is that of a dropout:
    /// `rate / (1 - rate)`. Keras: `GaussianDropout(rate)`.
    ///
    /// ```
    /// use gradus_nn::keras::{Call, GaussianDropout, Model, input};
    /// use gradus_nn::{Device, Layer, Module, Tensor};
    /// let x = input([1000]);
    /// let model = Model::new(&x, &GaussianDropout::new(0.2).seed(3).call(&x)?)?;
    /// let ones = Tensor::ones([1, 1000], &Device::cpu());
    /// let spread = model.forward(&ones)?.sub(1.0)?.square()?.mean_all()?.item()?.sqrt();
    /// assert!((spread - 0.5).abs() < 0.05);
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    GaussianDropout => "GaussianDropout"; { rate: f64 [f64] } with {
        /// Gives the layer a generator of its own.
        seed: Option<u64> [u64] = None,
    }
}

impl GaussianNoise {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        one_input("gaussian_noise", inputs, &[], "")?;
        if !(self.stddev >= 0.0 && self.stddev.is_finite()) {
            let expected = "0 or more, and finite";
            return Err(Error::argument("gaussian_noise", "stddev", self.stddev, expected));
        }
        Ok(Box::new(One(Noise::new(self.stddev, false, self.seed))))
    }
}

impl GaussianDropout {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        one_input("gaussian_dropout", inputs, &[], "")?;
        if !(0.0..1.0).contains(&self.rate) {
            return Err(Error::argument("gaussian_dropout", "rate", self.rate, "in [0, 1)"));
        }
        let stddev = (self.rate / (1.0 - self.rate)).sqrt();
        Ok(Box::new(One(Noise::new(stddev, true, self.seed))))
    }
}

/// Normal numbers added to a tensor, or to the 1 that it is multiplied by.
#[derive(Module)]
struct Noise {
    stddev: f64,
    multiplies: bool,
    mode: Mode,
    generator: Option<LayerGenerator>,
}

impl Noise {
    fn new(stddev: f64, multiplies: bool, seed: Option<u64>) -> Self {
        let generator = seed.map(LayerGenerator::new);
        Noise { stddev, multiplies, mode: Mode::default(), generator }
    }
}

impl Layer for Noise {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if !self.mode.is_training() || self.stddev == 0.0 {
            return Ok(x.clone());
        }
        let draw = |g: &mut Generator| Tensor::randn_from(g, x.shape(), &x.device());
        let noise = match &self.generator {
            Some(generator) => generator.with(draw),
            None => rng::with_default(draw),
        };
        let noise = noise?.to_dtype(x.dtype())?.mul(self.stddev)?;
        if self.multiplies { x.mul(&noise.add(1.0)?) } else { x.add(&noise) }
    }
}
