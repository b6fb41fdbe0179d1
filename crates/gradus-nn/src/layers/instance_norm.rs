//! Instance normalisation.

use std::ops::Deref;

use gradus_autodiff::Tensor;
use gradus_tensor::Result;

use super::channel_norm::{ChannelNorm, must_have_rank};
use crate::Module;
use crate::layer::Layer;

/// Options of instance norm, with PyTorch's defaults: no parameters and no estimates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InstanceNormOptions {
    /// Added to the variance: 1e-5.
    pub eps: f64,
    /// The weight of a new batch in the running estimates: 0.1.
    pub momentum: f64,
    /// Whether the result is scaled and shifted.
    pub affine: bool,
    /// Whether estimates are kept, which evaluation then uses.
    pub track_running_stats: bool,
}

impl Default for InstanceNormOptions {
    fn default() -> Self {
        InstanceNormOptions { eps: 1e-5, momentum: 0.1, affine: false, track_running_stats: false }
    }
}

macro_rules! instance_norms {
    ($($name:ident $op:literal $rank:literal $expected:literal $shape:literal;)*) => {$(
        #[doc = concat!("Each channel of each example of ", $shape, " standardised by itself.")]
        #[doc = concat!("PyTorch: `nn.", stringify!($name), "` (arXiv:1607.08022).")]
        ///
        /// Without N it is one example. Its parts stand in [`ChannelNorm`], to which it derefs.
        #[derive(Clone, Debug, Module)]
        pub struct $name {
            #[module(flatten)]
            norm: ChannelNorm,
        }

        impl $name {
            /// A layer for `num_features` channels, with PyTorch's defaults.
            pub fn new(num_features: usize) -> Self {
                $name::with(num_features, InstanceNormOptions::default())
            }

            /// A layer with options.
            pub fn with(num_features: usize, options: InstanceNormOptions) -> Self {
                let InstanceNormOptions { eps, momentum, affine, track_running_stats } = options;
                let how = (eps, Some(momentum));
                $name { norm: ChannelNorm::new(num_features, how, affine, track_running_stats) }
            }
        }

        impl Deref for $name {
            type Target = ChannelNorm;
            fn deref(&self) -> &ChannelNorm {
                &self.norm
            }
        }

        impl Layer for $name {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                must_have_rank($op, x, &[$rank - 1, $rank], $expected)?;
                if x.rank() == $rank {
                    return self.norm.instance(x);
                }
                self.norm.instance(&x.unsqueeze(0)?)?.squeeze(0)
            }
        }
    )*};
}
instance_norms! {
    InstanceNorm1d "instance_norm1d" 3 "2 or 3" "`[N, C, L]`";
    InstanceNorm2d "instance_norm2d" 4 "3 or 4" "`[N, C, H, W]`";
    InstanceNorm3d "instance_norm3d" 5 "4 or 5" "`[N, C, D, H, W]`";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_of_every_example_stands_alone() {
        let options = InstanceNormOptions { eps: 0.0, ..Default::default() };
        let layer = InstanceNorm1d::with(2, options);
        let x = Tensor::from_vec(vec![1.0f32, 3.0, 10.0, 30.0], [1, 2, 2]).unwrap();
        let y = layer.forward(&x).unwrap();
        assert_eq!(y.to_vec::<f32>().unwrap(), [-1.0, 1.0, -1.0, 1.0]);
        let alone = layer.forward(&x.squeeze(0).unwrap()).unwrap();
        assert_eq!(alone.shape().dims(), [2, 2]);
        assert!(layer.state_dict().unwrap().is_empty());
    }

    #[test]
    fn estimates_are_the_mean_over_examples() {
        let options =
            InstanceNormOptions { momentum: 1.0, track_running_stats: true, ..Default::default() };
        let layer = InstanceNorm1d::with(1, options);
        let x = Tensor::from_vec(vec![1.0f32, 3.0, 10.0, 30.0], [2, 1, 2]).unwrap();
        layer.forward(&x).unwrap();
        let values = |b: &Option<crate::Buffer>| b.as_ref().unwrap().to_vec::<f32>().unwrap();
        assert_eq!(values(&layer.running_mean), [11.0]);
        assert_eq!(values(&layer.running_var), [101.0]);
        layer.eval();
        let y = layer.forward(&x).unwrap().to_vec::<f32>().unwrap();
        assert!((y[0] + 10.0 / 101f32.sqrt()).abs() < 1e-5, "{y:?}");
    }
}
