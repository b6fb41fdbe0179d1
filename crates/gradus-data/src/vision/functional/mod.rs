//! The functions under torchvision's names: each treats all images of an array alike, and gives the
//! same result for the same arguments.
//!
//! Images are `[C, H, W]` or `[N, C, H, W]`, in uint8 from 0 to 255 or float32 from 0 to 1, on any
//! device. Errors are those of [`Augment::transform`](super::Augment::transform).

mod color;
mod filter;
mod geometry;

pub use color::*;
pub use filter::*;
pub use geometry::*;
