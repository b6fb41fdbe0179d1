//! Tensor storage: shapes, strided views, devices, memory pools, host transfer, random numbers.
//!
//! An [`Array`] is a typed, strided view of shared storage on a [`Device`]. This crate computes
//! nothing: arithmetic lives one layer up, in `gradus-kernels`.
//!
//! ```
//! use gradus_tensor::{Array, DType};
//!
//! let x = Array::from_vec(vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3])?;
//! let column = x.narrow(1, 2, 1)?; // a view: no copy
//! assert_eq!(column.to_vec::<f32>()?, [3.0, 6.0]);
//! assert_eq!(x.dtype(), DType::F32);
//! # Ok::<(), gradus_tensor::Error>(())
//! ```

mod array;
pub mod capture;
mod cpu;
mod device;
mod display;
mod dtype;
mod error;
#[cfg(feature = "gpu")]
pub mod gpu;
mod layout;
pub mod rng;
mod shape;
mod views;

pub use array::{Array, Storage};
pub use cpu::{CpuBuffer, CpuPool, PoolStats};
pub use device::{AdapterInfo, AdapterKind, Device};
pub use dtype::{DType, Element};
pub use error::{Error, Kind, Operand, Problem, Result};
pub use layout::Layout;
pub use shape::{Dim, Shape};
