//! Callbacks, one file each.

mod progress;

pub use progress::ProgressBar;
