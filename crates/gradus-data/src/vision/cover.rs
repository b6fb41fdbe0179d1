//! What covers an image: erased boxes and noise.

use std::sync::Arc;

use gradus_tensor::Result;
use smallvec::SmallVec;

use super::picture::{ImageSize, Pixel, View, refused};
use super::simd::vectorised;

/// A box that takes other values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Erase {
    pub(crate) top: usize,
    pub(crate) left: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) value: Patch,
}

/// What an erased box holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Patch {
    /// A number, or one a channel.
    Color(SmallVec<[f32; 4]>),
    /// `[C, height, width]`.
    Pixels(Arc<[f32]>),
}

impl Erase {
    /// # Errors
    /// `Kind::Shape` when the box leaves the image or the values do not fit.
    pub(crate) fn after(&self, op: &'static str, size: ImageSize) -> Result<ImageSize> {
        if self.top + self.height > size.height || self.left + self.width > size.width {
            return Err(refused(op, "the box must lie inside the image", size));
        }
        let fits = match &self.value {
            Patch::Color(color) => color.len() == 1 || color.len() == size.channels,
            Patch::Pixels(all) => all.len() == size.channels * self.height * self.width,
        };
        if fits {
            return Ok(size);
        }
        Err(refused(op, "the value must be one, one a channel, or [C, h, w]", size))
    }

    pub(crate) fn paint<T: Pixel>(&self, x: View<'_, T>, out: &mut [T]) {
        out.copy_from_slice(x.data);
        let (w, plane) = (x.size.width, x.size.plane());
        for c in 0..x.size.channels {
            for i in 0..self.height {
                let at = c * plane + (self.top + i) * w + self.left;
                let out = &mut out[at..][..self.width];
                match &self.value {
                    Patch::Color(color) => {
                        out.fill(stored(color[if color.len() == 1 { 0 } else { c }]));
                    }
                    Patch::Pixels(all) => {
                        let row = &all[(c * self.height + i) * self.width..][..self.width];
                        for (out, &v) in out.iter_mut().zip(row) {
                            *out = stored(v);
                        }
                    }
                }
            }
        }
    }
}

/// A value as it is stored: bytes are limited and lose their fraction.
fn stored<T: Pixel>(v: f32) -> T {
    if T::IS_BYTE { T::cut(v) } else { T::rounded(v) }
}

/// Normal noise that is added.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Noise {
    /// Standard normal numbers, one a pixel and channel.
    pub(crate) field: Arc<[f32]>,
    pub(crate) mean: f64,
    pub(crate) sigma: f64,
    pub(crate) clip: bool,
}

impl Noise {
    pub(crate) fn paint<T: Pixel>(&self, x: View<'_, T>, out: &mut [T]) {
        // Bytes have the noise in levels, without its fraction, as torchvision has it.
        let scale = f64::from(T::MAX);
        let numbers = [(self.mean * scale) as f32, (self.sigma * scale) as f32];
        add(x.data, &self.field, numbers, self.clip, out);
    }
}

vectorised! {
    fn add<T: Pixel>(x: &[T], noise: &[f32], numbers: [f32; 2], clip: bool, out: &mut [T]) {
        let [mean, sigma] = numbers;
        for ((out, x), noise) in out.iter_mut().zip(x).zip(noise) {
            let noise = mean + noise * sigma;
            *out = if T::IS_BYTE {
                // Without a clip torchvision's bytes wrap; saturated is what is meant.
                T::cut((x.read() + noise.trunc()).clamp(0.0, 255.0))
            } else if clip {
                T::cut(x.read() + noise)
            } else {
                T::rounded(x.read() + noise)
            };
        }
    }
}
