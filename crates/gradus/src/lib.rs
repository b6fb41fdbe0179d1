//! Deep learning in Rust, on any GPU through `wgpu` and on the CPU when there is none.
//!
//! One concrete [`Tensor`] type with PyTorch's semantics and names; layers, losses, optimizers
//! and data loading around it; compute kernels in hand-written WGSL with a CPU twin each. This
//! crate only gathers the others under one name: every part can be used alone.
//!
//! ```
//! use gradus::prelude::*;
//!
//! # fn main() -> Result<()> {
//! let device = Device::auto(); // a real GPU if there is one, else the CPU
//! let (train, _test) = datasets::digits()?;
//! let model = Sequential::new()
//!     .push(Flatten::default())
//!     .push(Linear::new(64, 32)?)
//!     .push(Relu)
//!     .push(Linear::new(32, 10)?)
//!     .to(&device)?;
//! let mut optimizer = Adam::new(model.parameters(), 1e-2);
//! let loader = DataLoader::new(&train).batch_size(64).shuffle(1).to(&device);
//! let mut last = f64::INFINITY;
//! for batch in &loader {
//!     let (x, y) = batch?;
//!     optimizer.zero_grad();
//!     let loss = model.forward(&x)?.cross_entropy(&y)?;
//!     loss.backward()?;
//!     optimizer.step()?;
//!     last = loss.item()?;
//! }
//! assert!(last < 2.0, "it learned something in one epoch: {last}");
//! # Ok(())
//! # }
//! ```
//!
//! | Crate | What it holds |
//! |---|---|
//! | [`tensor`] | storage: shapes, views, devices, memory pools, files, random numbers |
//! | [`kernels`] | op tables, lazy fusing expressions, structured ops on CPU and GPU |
//! | [`autodiff`] | [`Tensor`], gradients of any order, `gradcheck` |
//! | [`nn`] | layers, losses, initialisers, state dicts |
//! | [`optim`] | optimizers, learning-rate schedules, parameter groups, clipping, averages |
//! | [`data`] | data sets, the loader, splits, preprocessing, tables, folders, text (`data`) |
//! | [`train`] | `fit`, `evaluate`, `predict`; metrics, callbacks, checkpoints (`train`) |
//! | `agent` | environments, Q-learning from a table to Rainbow, with the feature `agent` |
//! | `plot` | pictures and reports, with the feature `plot` |
//!
//! Without features (`default-features = false`) there is what runs and trains a model on the CPU:
//! tensors, gradients, layers, optimizers. `default` is these:
//!
//! | Feature | What it adds |
//! |---|---|
//! | `gpu` | kernels on the GPU through wgpu |
//! | `data` | data sets and the loader |
//! | `train` | `fit` and what belongs to it; `data` too |
//! | `sets` | iris, wine and breast cancer, beside the digits; `data` too |
//! | `npz` | NumPy's archives |
//!
//! Others are off: `plot`, `agent` and `gif`; `image`, `wav`, `draw` and `download` for data.

#[cfg(feature = "agent")]
pub use gradus_agent as agent;
pub use gradus_autodiff as autodiff;
#[cfg(feature = "data")]
pub use gradus_data as data;
pub use gradus_io as io;
pub use gradus_kernels as kernels;
pub use gradus_nn as nn;
pub use gradus_optim as optim;
#[cfg(feature = "plot")]
pub use gradus_plot as plot;
pub use gradus_tensor as tensor;
#[cfg(feature = "train")]
pub use gradus_train as train;

pub use gradus_autodiff::{
    Array, DType, Device, Error, Kind, Result, Shape, Tensor, arange, backward, cat, count_flops,
    einsum, grad, gradcheck, gradgradcheck, linspace, no_grad, stack, where_,
};
pub use gradus_autodiff::{AvgPoolOptions, Interpolate, InterpolateMode, MaxPoolOptions, Sizes};
pub use gradus_tensor::rng::{Generator, manual_seed};

/// The loader that yields tensors; see [`data::Loader`] for its options.
#[cfg(feature = "data")]
pub type DataLoader = gradus_data::Loader<Tensor>;

/// What almost every program uses.
pub mod prelude {
    #[cfg(feature = "data")]
    pub use crate::DataLoader;
    pub use crate::{DType, Device, Error, Result, Tensor, manual_seed, no_grad};
    #[cfg(feature = "data")]
    pub use gradus_data::{Dataset, TensorDataset, datasets};
    pub use gradus_nn::prelude::*;
    pub use gradus_optim::{Adam, AdamW, LrScheduler, Optimizer, ParamGroup, Scheduler, Sgd};
}
