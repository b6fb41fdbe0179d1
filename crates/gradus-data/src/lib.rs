//! Data: datasets, the loader that batches them, IDX and CSV files, ready image sets.
//!
//! A [`Dataset`] delivers many samples at once, one [`Array`](gradus_tensor::Array) per column;
//! a [`DataLoader`] orders them, fetches ahead on a background thread and puts them on a device.
//!
//! ```
//! use gradus_data::{DataLoader, datasets};
//!
//! let (train, test) = datasets::digits()?;
//! let loader = DataLoader::new(&train).batch_size(64).shuffle(7);
//! assert_eq!((train.len(), test.len(), loader.len()), (1437, 360, 23));
//! for batch in &loader {
//!     let (x, y) = batch?; // x: [64, 1, 8, 8] float32, y: [64] int32; the last batch has 29
//!     assert_eq!(x.shape()[0], y.shape()[0]);
//! }
//! # Ok::<(), gradus_tensor::Error>(())
//! ```

pub mod csv;
mod dataset;
pub mod datasets;
mod files;
mod gather;
pub mod idx;
mod loader;
mod order;
#[cfg(not(target_family = "wasm"))]
mod prefetch;
mod tensor_dataset;
mod transform;

pub use csv::{CsvOptions, Missing, Table, read_csv};
pub use dataset::Dataset;
pub use idx::read_idx;
pub use loader::{Batches, DataLoader, Loader, Pairs};
pub use tensor_dataset::TensorDataset;
pub use transform::{Lambda, SampleKey, Transform};
