//! Tensor storage: shapes, strided views, devices, memory pools, host transfer, random numbers,
//! files.
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
mod file;
#[cfg(feature = "gpu")]
pub mod gpu;
mod layout;
mod npy;
#[cfg(feature = "npz")]
mod npz;
mod raw;
pub mod rng;
mod safetensors_file;
mod shape;
mod views;

pub use array::{Array, Storage};
pub use cpu::{CpuBuffer, CpuPool, PoolStats};
pub use device::{AdapterInfo, AdapterKind, Device};
pub use dtype::{DType, Element};
pub use error::{Error, Kind, Operand, Problem, Result};
pub use file::{read_file, write_atomic};
pub use layout::Layout;
pub use npy::{npy_from_bytes, npy_to_bytes, read_npy, write_npy};
#[cfg(feature = "npz")]
pub use npz::{npz_from_bytes, npz_to_bytes, read_npz, write_npz};
pub use safetensors_file::{SafeTensorsFile, read_safetensors, write_safetensors};
pub use shape::{Dim, Shape};
