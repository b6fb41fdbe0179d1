//! Folders of files, a folder for each class.

#[cfg(feature = "wav")]
mod audio_folder;
#[cfg(feature = "image")]
mod decode;
#[cfg(feature = "image")]
mod frames;
#[cfg(feature = "image")]
mod image_folder;
mod index;
mod options;
#[cfg(feature = "image")]
mod resize;
mod text_folder;

#[cfg(feature = "wav")]
pub use audio_folder::{AudioFolder, AudioFolderOptions};
#[cfg(feature = "image")]
pub use decode::{ColorMode, DecodeLimits, read_image};
#[cfg(feature = "image")]
pub use frames::read_frames;
#[cfg(feature = "image")]
pub use image_folder::{ImageFolder, ImageFolderOptions, image_dataset_from_directory};
pub use index::Skipped;
pub use options::{FolderLabels, FolderOptions, LabelMode, OnError, Part};
pub use text_folder::{TextFolder, TextFolderOptions, text_dataset_from_directory};
