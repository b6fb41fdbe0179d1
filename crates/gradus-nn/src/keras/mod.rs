//! Functional models with Keras's names: `input(shape)`, `layer.call(&x)`, `Model::new(x, y)`.
//!
//! ```
//! use gradus_nn::keras::{Call, Dense, Model, input};
//! use gradus_nn::{Device, Layer, Tensor};
//!
//! let x = input([784]);
//! let h = Dense::new(100).activation("relu").call(&x)?;
//! let h = Dense::new(30).activation("relu").call(&h)?;
//! let model = Model::new(&x, &Dense::new(10).call(&h)?)?;
//!
//! let images = Tensor::zeros([32, 784], &Device::cpu());
//! assert_eq!(model.forward(&images)?.shape().dims(), [32, 10]);
//! let hidden = model.output_of("dense_1", &[&images])?;
//! assert_eq!(hidden[0].shape().dims(), [32, 30]);
//! let summary = model.summary();
//! let params: Vec<usize> = summary.rows.iter().map(|row| row.params).collect();
//! assert_eq!((params, summary.params()), (vec![0, 78_500, 3_030, 310], 81_840));
//! # Ok::<(), gradus_nn::Error>(())
//! ```
//!
//! Names and options are those of `keras.layers`, and so are the defaults: weights start
//! Glorot-uniform and biases at zero, while the layers in the root of this crate start as
//! PyTorch's. **The layout of data stays PyTorch's**: channels come first, `[N, C, H, W]`, also
//! for `Conv1D`, `[N, C, L]`; data with channels last goes through [`ChannelsFirst`]. Sequences of
//! recurrent layers and of `Dense` have their features last, as in both. Weights have PyTorch's
//! shapes and keys (`dense.weight`, not `kernel`).
//!
//! The catalogue, in Keras's groups:
//!
//! * models: [`Model`], [`Sequential`];
//! * core: [`input`], [`Dense`], [`Activation`], [`Embedding`], [`Lambda`]; [`Apply`] for any
//!   [`Layer`](crate::Layer);
//! * convolution: [`Conv2D`], [`Conv2DTranspose`], both in one and three dimensions too,
//!   [`SeparableConv1D`], [`SeparableConv2D`], [`DepthwiseConv1D`], [`DepthwiseConv2D`];
//! * pooling: [`MaxPooling2D`], [`AveragePooling2D`], [`GlobalMaxPooling2D`],
//!   [`GlobalAveragePooling2D`], and all four in one and three dimensions;
//! * recurrent: [`LSTM`], [`GRU`], [`SimpleRNN`], [`Bidirectional`], [`TimeDistributed`];
//! * attention: [`MultiHeadAttention`];
//! * activations: [`ReLU`], [`LeakyReLU`], [`PReLU`], [`ELU`], [`Softmax`];
//! * preprocessing: [`Rescaling`];
//! * normalization: [`BatchNormalization`], [`LayerNormalization`], [`GroupNormalization`],
//!   [`RMSNormalization`], [`UnitNormalization`];
//! * regularization: [`Dropout`], [`SpatialDropout2D`], in one and three dimensions too,
//!   [`AlphaDropout`], [`GaussianDropout`], [`GaussianNoise`];
//! * reshaping: [`Flatten`], [`Reshape`], [`Permute`], [`RepeatVector`], [`ChannelsFirst`],
//!   [`ChannelsLast`], [`ZeroPadding2D`], [`Cropping2D`], [`UpSampling2D`], the last three in one
//!   and three dimensions too;
//! * merging: [`Add`], [`Subtract`], [`Multiply`], [`Average`], [`Maximum`], [`Minimum`],
//!   [`Concatenate`], [`Dot`].
//!
//! Layers train or evaluate by their model's mode, as all modules do: `model.eval()` before
//! predictions, where Keras passes `training=False`.

mod activations;
mod attention;
mod call;
mod conv;
mod conv_transpose;
mod core;
mod merge;
mod model;
mod names;
mod normalization;
mod pointwise;
mod pool;
mod recurrent;
mod regularization;
mod reshaping;
mod separable;
mod sequential;
mod summary;
mod symbol;
#[cfg(test)]
mod tests;
mod wrappers;

pub use activations::Activation;
pub use attention::MultiHeadAttention;
pub use call::{Apply, Call, Combine, One, Slot};
pub use conv::{Conv, Conv1D, Conv2D, Conv3D};
pub use conv_transpose::{Conv1DTranspose, Conv2DTranspose, Conv3DTranspose, ConvTranspose};
pub use core::{Dense, Embedding};
pub use merge::{Add, Average, Concatenate, Dot, Maximum, Minimum, Multiply, Subtract};
pub use model::Model;
pub use normalization::{
    BatchNormalization, GroupNormalization, LayerNormalization, RMSNormalization,
};
pub use pointwise::{
    ELU, Function, Lambda, LeakyReLU, PReLU, ReLU, Rescaling, Softmax, UnitNormalization,
};
pub use pool::{
    AveragePooling, AveragePooling1D, AveragePooling2D, AveragePooling3D, GlobalAveragePooling1D,
    GlobalAveragePooling2D, GlobalAveragePooling3D, GlobalMaxPooling1D, GlobalMaxPooling2D,
    GlobalMaxPooling3D, MaxPooling, MaxPooling1D, MaxPooling2D, MaxPooling3D,
};
pub use recurrent::{GRU, LSTM, SimpleRNN};
pub use regularization::{
    AlphaDropout, Dropout, GaussianDropout, GaussianNoise, SpatialDropout1D, SpatialDropout2D,
    SpatialDropout3D,
};
pub use reshaping::{
    ChannelsFirst, ChannelsLast, Cropping1D, Cropping2D, Cropping3D, Flatten, Permute,
    RepeatVector, Reshape, UpSampling1D, UpSampling2D, UpSampling3D, ZeroPadding1D, ZeroPadding2D,
    ZeroPadding3D,
};
pub use separable::{
    DepthwiseConv, DepthwiseConv1D, DepthwiseConv2D, SeparableConv, SeparableConv1D,
    SeparableConv2D,
};
pub use sequential::Sequential;
pub use summary::{Summary, SummaryRow};
pub use symbol::{InputOptions, Spec, Symbol, Symbols, input, input_with};
pub use wrappers::{Bidirectional, TimeDistributed, Wrapped};

/// A layer that is made when it is called: what it must be told, its options with their defaults,
/// and, written beside it, `make`.
///
/// A field is `name: Type [type of the argument]`; those behind `and` have their setters beside
/// `make`.
macro_rules! layer {
    (
        $(#[$doc:meta])*
        $name:ident $(<$d:ident>)? => $kind:expr; {
            $($required:ident: $rt:ty [$rp:ty]),*
        } with {
            $($(#[$odoc:meta])* $option:ident: $ot:ty [$op:ty] = $default:expr),* $(,)?
        } $(and { $($field:ident: $ft:ty = $fd:expr),* })?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name $(<const $d: usize>)? {
            $($required: $rt,)*
            $($option: $ot,)*
            $($($field: $ft,)*)?
            slot: $crate::keras::Slot,
        }

        impl $(<const $d: usize>)? $name $(<$d>)? {
            /// The layer with Keras's defaults.
            #[allow(clippy::new_without_default, reason = "each call makes another layer")]
            pub fn new($($required: $rp),*) -> Self {
                $name {
                    $($required: $required.into(),)*
                    $($option: $default,)*
                    $($($field: $fd,)*)?
                    slot: $crate::keras::Slot::new($kind),
                }
            }

            $(
                $(#[$odoc])*
                #[must_use]
                pub fn $option(mut self, $option: $op) -> Self {
                    self.$option = $option.into();
                    self.slot = self.slot.fresh();
                    self
                }
            )*

            /// Sets its name in the model.
            #[must_use]
            pub fn name(mut self, name: impl Into<String>) -> Self {
                self.slot = self.slot.named(name);
                self
            }
        }

        impl $(<const $d: usize>)? $crate::keras::Call for $name $(<$d>)? {
            fn slot(&self) -> &$crate::keras::Slot {
                &self.slot
            }

            fn build(
                &self,
                inputs: &[$crate::keras::Spec],
            ) -> gradus_tensor::Result<Box<dyn $crate::keras::Combine>> {
                self.make(inputs)
            }
        }
    };
}
use layer;
