//! Batch normalisation.

use std::ops::Deref;

use gradus_autodiff::Tensor;
use gradus_tensor::Result;

use super::channel_norm::{ChannelNorm, must_have_rank};
use crate::Module;
use crate::layer::Layer;

/// Options of batch norm, with PyTorch's defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormOptions {
    /// Added to the variance: 1e-5.
    pub eps: f64,
    /// The weight of a new batch in the running estimates: 0.1; none for their plain average.
    pub momentum: Option<f64>,
    /// Whether the result is scaled and shifted.
    pub affine: bool,
    /// Whether estimates are kept; without them evaluation uses the batch too.
    pub track_running_stats: bool,
}

impl Default for BatchNormOptions {
    fn default() -> Self {
        BatchNormOptions { eps: 1e-5, momentum: Some(0.1), affine: true, track_running_stats: true }
    }
}

macro_rules! batch_norms {
    ($($name:ident $op:literal [$($rank:literal),*] $expected:literal $shape:literal;)*) => {$(
        #[doc = concat!("Each channel of ", $shape, " standardised over the batch, then scaled ")]
        /// and shifted; in evaluation by the estimates of training.
        #[doc = concat!("PyTorch: `nn.", stringify!($name), "` (arXiv:1502.03167).")]
        ///
        /// Its parts stand in [`ChannelNorm`], to which it derefs.
        #[derive(Clone, Debug, Module)]
        pub struct $name {
            #[module(flatten)]
            norm: ChannelNorm,
        }

        impl $name {
            /// A layer for `num_features` channels, with PyTorch's defaults.
            pub fn new(num_features: usize) -> Self {
                $name::with(num_features, BatchNormOptions::default())
            }

            /// A layer with options.
            pub fn with(num_features: usize, options: BatchNormOptions) -> Self {
                let BatchNormOptions { eps, momentum, affine, track_running_stats } = options;
                let how = (eps, momentum);
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
                must_have_rank($op, x, &[$($rank),*], $expected)?;
                self.norm.batch(x)
            }
        }
    )*};
}
batch_norms! {
    BatchNorm1d "batch_norm1d" [2, 3] "2 or 3" "`[N, C]` or `[N, C, L]`";
    BatchNorm2d "batch_norm2d" [4] "4" "`[N, C, H, W]`";
    BatchNorm3d "batch_norm3d" [5] "5" "`[N, C, D, H, W]`";
}

#[cfg(test)]
mod tests {
    use gradus_tensor::DType;

    use super::*;

    /// Two channels: means 2 and 20, biased variances 1 and 100.
    fn batch() -> Tensor {
        Tensor::from_vec(vec![1.0f32, 10.0, 3.0, 30.0], [2, 2]).unwrap()
    }

    fn running(layer: &BatchNorm1d) -> [Vec<f32>; 2] {
        [&layer.running_mean, &layer.running_var].map(|b| b.as_ref().unwrap().to_vec().unwrap())
    }

    #[test]
    fn training_standardises_and_estimates() {
        let options = BatchNormOptions { eps: 0.0, ..Default::default() };
        let layer = BatchNorm1d::with(2, options);
        let y = layer.forward(&batch()).unwrap();
        assert_eq!(y.to_vec::<f32>().unwrap(), [-1.0, -1.0, 1.0, 1.0]);
        // The estimate is unbiased: 2 and 200.
        assert_eq!(running(&layer), [vec![0.2, 2.0], vec![0.9 + 0.2, 0.9 + 20.0]]);
        layer.eval();
        let x = Tensor::from_vec(vec![0.2f32, 2.0], [1, 2]).unwrap();
        assert_eq!(layer.forward(&x).unwrap().to_vec::<f32>().unwrap(), [0.0, 0.0]);
        assert_eq!(layer.num_batches_tracked.as_ref().unwrap().item().unwrap(), 1.0);
    }

    #[test]
    fn without_momentum_the_estimate_is_the_average() {
        let layer = BatchNorm1d::with(2, BatchNormOptions { momentum: None, ..Default::default() });
        layer.forward(&batch()).unwrap();
        assert_eq!(running(&layer), [vec![2.0, 20.0], vec![2.0, 200.0]]);
        // A saved and loaded count goes on.
        layer.load_state_dict(&layer.state_dict().unwrap()).unwrap();
        layer.forward(&batch().mul(2.0).unwrap()).unwrap();
        assert_eq!(running(&layer), [vec![3.0, 30.0], vec![5.0, 500.0]]);
    }

    #[test]
    fn names_and_types_are_pytorchs() {
        let layer = BatchNorm2d::new(3);
        let names = ["bias", "num_batches_tracked", "running_mean", "running_var", "weight"];
        let dict = layer.state_dict().unwrap();
        assert!(dict.keys().eq(names));
        assert_eq!(dict["num_batches_tracked"].dtype(), DType::I32);
        let bare =
            BatchNormOptions { affine: false, track_running_stats: false, ..Default::default() };
        assert!(BatchNorm3d::with(3, bare).state_dict().unwrap().is_empty());
    }

    #[test]
    fn estimates_hold_no_graph() {
        let layer = BatchNorm1d::new(2);
        let x = batch().requires_grad_(true);
        layer.forward(&x).unwrap().sum_all().unwrap().backward().unwrap();
        let mean = layer.running_mean.as_ref().unwrap();
        assert!(mean.is_leaf() && !mean.requires_grad() && mean.value().is_computed());
    }

    #[test]
    fn without_estimates_evaluation_uses_the_batch() {
        let options = BatchNormOptions { track_running_stats: false, ..Default::default() };
        let layer = BatchNorm1d::with(2, options);
        let trained = layer.forward(&batch()).unwrap().to_vec::<f32>().unwrap();
        layer.eval();
        assert_eq!(layer.forward(&batch()).unwrap().to_vec::<f32>().unwrap(), trained);
    }

    #[test]
    fn shapes_that_do_not_fit_are_named() {
        let text = BatchNorm2d::new(2).forward(&batch()).unwrap_err().to_string();
        assert!(text.contains("batch_norm2d") && text.contains("[2, 2]"), "{text}");
        let text = BatchNorm1d::new(3).forward(&batch()).unwrap_err().to_string();
        assert!(text.contains("weight [3]"), "{text}");
        let one = Tensor::from_vec(vec![1.0f32, 2.0], [1, 2]).unwrap();
        let text = BatchNorm1d::new(2).forward(&one).unwrap_err().to_string();
        assert!(text.contains("more than one value a channel"), "{text}");
    }
}
