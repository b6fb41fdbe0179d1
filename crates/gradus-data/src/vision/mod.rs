//! Images: deterministic functions, random transforms, and what they share.
//!
//! Images are `[C, H, W]` or batches `[N, C, H, W]`, in uint8 from 0 to 255 or float32 from 0 to 1.
//! Names, arguments, defaults and numbers are those of torchvision's `transforms.v2`; where Pillow
//! or Keras differ, the item says so. What is on a device stays there, and comes out as it does on
//! the CPU: the random numbers are drawn on the host, from the key of each sample.
//!
//! ```
//! use gradus_data::vision::{Augment, Compose, RandomCrop, RandomHorizontalFlip, RandomRotation};
//! use gradus_data::{DataLoader, SampleKey, datasets};
//!
//! let augment = Compose::new()
//!     .push(RandomCrop::new([8, 8]).padding(1))
//!     .push(RandomHorizontalFlip::default())
//!     .push(RandomRotation::new(10.0));
//! let (train, _) = datasets::digits()?;
//! let x = train.column(0)?.narrow(0, 0, 4)?;
//! let keys: Vec<SampleKey> = (0..4).map(|i| SampleKey::new(7, 0, i)).collect();
//! let y = augment.transform(&x, &keys)?;
//! assert_eq!(y.shape().dims(), [4, 1, 8, 8]);
//! assert_eq!(y.to_vec::<f32>()?, augment.transform(&x, &keys)?.to_vec::<f32>()?);
//! # Ok::<(), gradus_tensor::Error>(())
//! ```

mod augment;
mod bilinear;
mod canny;
mod color;
mod convert;
mod cover;
#[cfg(feature = "gpu")]
mod device;
#[cfg(feature = "gpu")]
mod device_color;
mod dice;
#[cfg(feature = "image")]
mod expand;
mod filter;
pub mod functional;
mod geometry;
mod levels;
mod local;
mod mix;
mod picture;
pub mod pixels;
mod place;
mod policy;
mod preview;
mod resize;
mod run;
#[cfg(feature = "gpu")]
mod run_gpu;
pub(crate) mod simd;
mod step;
mod transforms;
mod warp;

pub use augment::{Augment, Compose, RandomApply, RandomChoice, RandomOrder};
#[cfg(feature = "image")]
pub use expand::{Expanded, expand_folder, write_png};
pub use filter::Kernel;
pub use geometry::{GeometryOptions, PadOptions, PaddingMode};
pub use local::Mesh;
pub use mix::{CutMix, MixUp};
pub use picture::ImageSize;
#[cfg(feature = "image")]
pub(crate) use picture::View;
pub use policy::{RandAugment, TrivialAugmentWide};
pub use preview::terminal_preview;
#[cfg(feature = "image")]
pub(crate) use resize::keras::resize as keras_resize;
pub use resize::{Interpolation, ResizeOptions, Side};
pub use transforms::*;
pub use warp::{Fill, FillMode};
