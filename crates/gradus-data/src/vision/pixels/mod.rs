//! Work on pixels, with Pillow's names and numbers: mapping them one by one, masks and
//! transparency, pasting, and words.
//!
//! These run on the host; what was on a device returns there.

mod compose;
mod map;
#[cfg(feature = "draw")]
mod words;

pub use compose::{alpha_composite, blend, composite, paste, put_alpha};
pub use map::{map_pixels, point};
#[cfg(feature = "draw")]
pub use words::{TextOptions, draw_text};

use gradus_tensor::{Array, DType, Device, Error, Kind, Problem, Result, Shape};

use super::picture::Batch;
use super::run::stored;
use crate::gather::dense_host;

/// The images of an array in host memory.
struct Host {
    batch: Batch,
    array: Array,
    device: Device,
}

impl Host {
    /// # Errors
    /// Those of [`Batch::of`].
    fn of(op: &'static str, x: &Array) -> Result<Self> {
        let batch = Batch::of(op, x)?;
        Ok(Host { batch, array: dense_host(x.clone())?, device: x.device() })
    }

    fn bytes(&self) -> &[u8] {
        stored(&self.array)
    }

    fn floats(&self) -> &[f32] {
        bytemuck::cast_slice(self.bytes())
    }

    /// An array of this shape where the images were.
    fn back(&self, bytes: &[u8], shape: Shape) -> Result<Array> {
        Array::from_bytes(bytes, shape, self.batch.dtype)?.to(&self.device)
    }
}

/// # Errors
/// `Kind::Shape` unless sizes, and `Kind::DType` unless types are equal.
fn must_match(op: &'static str, a: &Array, b: &Array) -> Result<()> {
    if a.dtype() != b.dtype() {
        let got = vec![a.dtype(), b.dtype()];
        return Err(Kind::DType { op, got, expected: "one type" }.into());
    }
    if a.shape() != b.shape() {
        let problem = Problem::Rule { rule: "the images must have one shape" };
        return Err(Error::shape(op, problem, &[("a", a.shape()), ("b", b.shape())]));
    }
    Ok(())
}

/// `a · m + b · (1 - m)` of bytes, with Pillow's exact division by 255.
fn mixed(a: u8, b: u8, m: u8) -> u8 {
    let sum = u32::from(a) * u32::from(m) + u32::from(b) * (255 - u32::from(m)) + 128;
    (((sum >> 8) + sum) >> 8) as u8
}

/// The type's opaque value, as its stored bytes.
fn opaque(dtype: DType) -> &'static [u8] {
    const ONE: [u8; 4] = 1.0f32.to_ne_bytes();
    if dtype == DType::U8 { &[255] } else { &ONE }
}
