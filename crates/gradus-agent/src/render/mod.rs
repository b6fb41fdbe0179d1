//! Pictures of environments: text for terminals, pixels, recordings.

pub(crate) mod ansi;
mod canvas;
pub(crate) mod classic;
#[cfg(feature = "gif")]
mod gif;
mod picture;
pub(crate) mod toy;

#[cfg(feature = "gif")]
pub use gif::Recorder;
pub use picture::Picture;
pub use toy::value_map;
