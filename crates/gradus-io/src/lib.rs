//! Files of arrays: safetensors, NumPy's `.npy` and `.npz`; and files of any kind that are written
//! whole or not at all.
//!
//! ```
//! use gradus_io::{npy_from_bytes, npy_to_bytes};
//! use gradus_tensor::Array;
//!
//! let bytes = npy_to_bytes(&Array::from_vec(vec![1.5f32, -2.0], [2])?)?;
//! assert_eq!(&bytes[1..6], b"NUMPY");
//! assert_eq!(npy_from_bytes("x.npy", &bytes)?.to_vec::<f32>()?, [1.5, -2.0]);
//! # Ok::<(), gradus_tensor::Error>(())
//! ```

mod file;
mod npy;
#[cfg(feature = "npz")]
mod npz;
mod raw;
mod safetensors_file;

pub use file::{read_file, write_atomic};
pub use npy::{npy_from_bytes, npy_to_bytes, read_npy, write_npy};
#[cfg(feature = "npz")]
pub use npz::{npz_from_bytes, npz_to_bytes, read_npz, write_npz};
pub use safetensors_file::{SafeTensorsFile, read_safetensors, write_safetensors};
