//! Modules, layers, losses, initialisers and state dicts, under PyTorch's names.
//!
//! ```
//! use gradus_nn::{Device, Flatten, Layer, Linear, Losses, Module, Relu, Sequential, Tensor};
//!
//! let device = Device::cpu();
//! let model = Sequential::new()
//!     .push(Flatten::default())
//!     .push(Linear::new(784, 100)?)
//!     .push(Relu)
//!     .push(Linear::new(100, 10)?)
//!     .to(&device)?;
//! let x = Tensor::zeros([2, 28, 28], &device);
//! let y = Tensor::from_vec(vec![3i32, 9], [2])?;
//! let loss = model.forward(&x)?.cross_entropy(&y)?;
//! loss.backward()?;
//! assert!(model.parameters().iter().all(|p| p.grad().is_some()));
//! # Ok::<(), gradus_nn::Error>(())
//! ```

// The derive macro's paths begin with the name that users know this crate by.
extern crate self as gradus_nn;

pub mod init;
pub mod keras;
mod layer;
mod layers;
mod losses;
mod module;
mod parameter;
pub mod prelude;
mod state;
mod update_bn;
mod visit;

pub use gradus_autodiff::{
    AvgPoolOptions, ConvOptions, ConvTransposeOptions, DType, Device, Error, Interpolate,
    InterpolateMode, Kind, MaxPoolOptions, Padding, Result, Shape, Sizes, Tensor,
};
pub use gradus_derive::Module;
pub use init::{Fan, Init, Nonlinearity};
pub use layer::{Layer, WithinLayer};
pub use layers::*;
pub use losses::*;
pub use module::Module;
pub use parameter::{Buffer, LayerGenerator, Mode, Parameter};
pub use state::{Mismatch, StateDict};
pub use update_bn::update_bn;
pub use visit::{Part, Visit, Visitor, walk};
