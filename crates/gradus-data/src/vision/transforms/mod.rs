//! The transforms under torchvision's names.

mod color;
mod crop;
mod distort;
mod filter;
mod flip;
mod range;

pub use color::*;
pub use crop::*;
pub use distort::*;
pub use filter::*;
pub use flip::*;
pub use range::*;
