//! Dropout of whole channels, and dropout that keeps mean and variance.

use gradus_autodiff::{Tensor, where_};
use gradus_tensor::{Result, Shape};

use super::channel_norm::must_have_rank;
use super::dropout::Dropout;
use crate::Module;
use crate::layer::Layer;

/// What every kind of dropout has beside its `forward`.
macro_rules! dropouts {
    ($($(#[doc = $doc:expr])* $name:ident $shape:literal;)*) => {$(
        $(#[doc = $doc])*
        ///
        /// ```
        #[doc = concat!("use gradus_nn::{", stringify!($name), ", Layer, Module, Tensor};")]
        #[doc = concat!("let layer = ", stringify!($name), "::new(0.5)?.seed(7);")]
        #[doc = concat!("let x = Tensor::from_vec(vec![1.0f32; 8], ", $shape, ")?;")]
        /// layer.eval();
        /// assert_eq!(layer.forward(&x)?.to_vec::<f32>()?, [1.0; 8]);
        /// # Ok::<(), gradus_nn::Error>(())
        /// ```
        #[derive(Clone, Debug, Module)]
        pub struct $name {
            #[module(flatten)]
            chance: Dropout,
        }

        impl $name {
            /// Drops with probability `p`, by this thread's default generator.
            ///
            /// # Errors
            /// `Kind::Argument` unless p is in `0..=1`.
            pub fn new(p: f64) -> Result<Self> {
                Ok($name { chance: Dropout::new(p)? })
            }

            /// Gives the layer a generator of its own.
            #[must_use]
            pub fn seed(self, seed: u64) -> Self {
                $name { chance: self.chance.seed(seed) }
            }

            /// The probability of a drop.
            pub fn p(&self) -> f64 {
                self.chance.p()
            }
        }
    )*};
}
dropouts! {
    #[doc = "[`Dropout`] of whole channels of `[N, C, L]` or `[C, L]`. PyTorch: `nn.Dropout1d`."]
    Dropout1d "[1, 2, 4]";
    #[doc = "[`Dropout`] of whole channels of `[N, C, H, W]`; `[N, C, L]` works too."]
    #[doc = "PyTorch: `nn.Dropout2d` (arXiv:1411.4280)."]
    Dropout2d "[1, 2, 2, 2]";
    #[doc = "[`Dropout`] of whole channels of `[N, C, D, H, W]` or `[C, D, H, W]`."]
    #[doc = "PyTorch: `nn.Dropout3d`."]
    Dropout3d "[1, 2, 1, 2, 2]";
    #[doc = "Dropout for [`Selu`](crate::Selu): a dropped element becomes that function's lower"]
    #[doc = "limit, and all are scaled and shifted so that mean 0 and variance 1 stay."]
    #[doc = "PyTorch: `nn.AlphaDropout` (arXiv:1706.02515)."]
    AlphaDropout "[8]";
    #[doc = "[`AlphaDropout`] of whole channels of `[N, C, *]`. PyTorch: `nn.FeatureAlphaDropout`."]
    FeatureAlphaDropout "[1, 2, 4]";
}

/// The shape of x with everything after the channels of size 1.
fn channels(x: &Tensor, leading: usize) -> Shape {
    x.shape().iter().enumerate().map(|(d, &size)| if d < leading { size } else { 1 }).collect()
}

impl Layer for Dropout1d {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        must_have_rank("dropout1d", x, &[2, 3], "2 or 3")?;
        let kept = self.chance.kept(channels(x, x.rank() - 1), x)?;
        self.chance.thinned(x, kept)
    }
}

impl Layer for Dropout2d {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        must_have_rank("dropout2d", x, &[3, 4], "3 or 4")?;
        let kept = self.chance.kept(channels(x, 2), x)?;
        self.chance.thinned(x, kept)
    }
}

impl Layer for Dropout3d {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        must_have_rank("dropout3d", x, &[4, 5], "4 or 5")?;
        let kept = self.chance.kept(channels(x, x.rank() - 3), x)?;
        self.chance.thinned(x, kept)
    }
}

/// The limit of SELU at minus infinity: minus its scale times its alpha.
const LOWEST: f64 = -1.758_099_340_847_376_6;

fn alpha(x: &Tensor, p: f64, kept: Option<Tensor>) -> Result<Tensor> {
    let Some(kept) = kept else { return Ok(x.clone()) };
    if p == 1.0 {
        return x.mul(0.0);
    }
    let scale = 1.0 / ((1.0 - p) * (1.0 + p * LOWEST * LOWEST)).sqrt();
    where_(&kept, x, LOWEST)?.mul(scale)?.add(-scale * LOWEST * p)
}

impl Layer for AlphaDropout {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        alpha(x, self.p(), self.chance.kept(x.shape(), x)?)
    }
}

impl Layer for FeatureAlphaDropout {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        alpha(x, self.p(), self.chance.kept(channels(x, 2), x)?)
    }
}

#[cfg(test)]
mod tests {
    use gradus_tensor::Device;

    use super::*;

    /// Every channel of the result, none of which may be mixed.
    fn whole(y: &Tensor, length: usize) -> Vec<f32> {
        let y = y.to_vec::<f32>().unwrap();
        y.chunks(length)
            .map(|channel| {
                assert!(channel.iter().all(|&v| v == channel[0]), "{channel:?}");
                channel[0]
            })
            .collect()
    }

    #[test]
    fn channels_drop_as_a_whole() {
        let ones = |shape: &[usize]| Tensor::ones(shape, &Device::cpu());
        let (one, two, three) = (
            Dropout1d::new(0.5).unwrap().seed(1),
            Dropout2d::new(0.5).unwrap().seed(2),
            Dropout3d::new(0.5).unwrap().seed(3),
        );
        let results = [
            (one.forward(&ones(&[4, 8, 5])).unwrap(), 5),
            (one.forward(&ones(&[32, 5])).unwrap(), 5),
            (two.forward(&ones(&[4, 8, 2, 3])).unwrap(), 6),
            (three.forward(&ones(&[4, 8, 2, 1, 3])).unwrap(), 6),
            (three.forward(&ones(&[32, 2, 1, 3])).unwrap(), 6),
        ];
        for (y, length) in results {
            let channels = whole(&y, length);
            assert_eq!(channels.len(), 32);
            let dropped = channels.iter().filter(|&&v| v == 0.0).count();
            assert!((4..=28).contains(&dropped), "{channels:?}");
            assert!(channels.iter().all(|&v| v == 0.0 || v == 2.0), "{channels:?}");
        }
        two.eval();
        assert_eq!(whole(&two.forward(&ones(&[1, 2, 2, 2])).unwrap(), 4), [1.0, 1.0]);
        assert!(two.forward(&ones(&[2])).unwrap_err().is_shape());
    }

    #[test]
    fn alpha_dropout_keeps_mean_and_variance() {
        let n = 40_000;
        let mut random = gradus_tensor::rng::Generator::new(5);
        let x = Tensor::randn_from(&mut random, [n], &Device::cpu()).unwrap();
        let y = AlphaDropout::new(0.3).unwrap().seed(6).forward(&x).unwrap();
        let (mean, std) = (y.mean_all().unwrap().item().unwrap(), y.std(&[], 1, false).unwrap());
        // The standard error of the mean is 0.005.
        assert!(mean.abs() < 0.02, "{mean}");
        assert!((std.item().unwrap() - 1.0).abs() < 0.02, "{std}");
        let zeros = AlphaDropout::new(1.0).unwrap().forward(&x).unwrap();
        assert!(zeros.to_vec::<f32>().unwrap().iter().all(|&v| v == 0.0));
    }

    #[test]
    fn features_take_two_values() {
        let x = Tensor::ones([4, 16, 3], &Device::cpu());
        let layer = FeatureAlphaDropout::new(0.5).unwrap().seed(8);
        let channels = whole(&layer.forward(&x).unwrap(), 3);
        let scale = (0.5 * (1.0 + 0.5 * LOWEST * LOWEST)).sqrt().recip();
        let values = [1.0, LOWEST].map(|v| (v * scale - scale * LOWEST * 0.5) as f32);
        let near = |v: f32, to: f32| (v - to).abs() < 1e-5;
        assert!(channels.iter().all(|&v| values.iter().any(|&to| near(v, to))), "{channels:?}");
        assert!(values.iter().all(|&to| channels.iter().any(|&v| near(v, to))), "{channels:?}");
    }
}
