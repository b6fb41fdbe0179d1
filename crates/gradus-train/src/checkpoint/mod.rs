//! Checkpoints: everything that a training needs to go on as if it had never stopped.

mod files;
mod snapshot;

pub use files::Files;
pub(crate) use snapshot::{Extras, Position};
