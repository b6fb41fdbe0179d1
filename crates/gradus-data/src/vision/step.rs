//! Steps: what a transform does to one image, once its random numbers are drawn. A transform plans
//! the steps of every sample; the CPU then does all steps of an image while it is in cache, and a
//! device does a step for all images that wait for one of its kind.

use std::mem::discriminant;

use gradus_tensor::{DType, Result};

use super::canny::Canny;
use super::color::Color;
use super::convert::Convert;
use super::cover::{Erase, Noise, Patch};
use super::filter::Filter;
use super::levels::Levels;
use super::picture::{ImageSize, Pixel, View, refused};
use super::place::Place;
use super::resize::Resize;
use super::warp::Warped;

/// One step. Its numbers are fixed: the same image gives the same result anywhere.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Place(Place),
    Resize(Resize),
    Warp(Warped),
    Color(Color),
    Levels(Levels),
    Filter(Filter),
    Canny(Canny),
    Erase(Erase),
    Noise(Noise),
    Convert(Convert),
}

impl Step {
    /// Size and type of the result.
    ///
    /// # Errors
    /// Those of the step.
    fn after(&self, op: &'static str, size: ImageSize, dtype: DType) -> Result<(ImageSize, DType)> {
        let size_after = match self {
            Step::Place(place) => place.after(op, size)?,
            Step::Resize(resize) if size.plane() == 0 && !resize.is_identity(size) => {
                return Err(refused(op, "there are no pixels to resize", size));
            }
            Step::Resize(resize) => size.with(resize.to[0], resize.to[1]),
            Step::Warp(warped) => warped.after(op, size)?,
            Step::Color(color) => color.after(op, size)?,
            Step::Canny(_) => Canny::after(size),
            Step::Erase(erase) => erase.after(op, size)?,
            Step::Noise(noise) if noise.field.len() != size.numel() => {
                return Err(refused(op, "the noise must have the image's size", size));
            }
            Step::Convert(convert) => return Ok((size, convert.after(op, size, dtype)?)),
            Step::Levels(_) | Step::Filter(_) | Step::Noise(_) => size,
        };
        Ok((size_after, dtype))
    }

    /// Whether an image of this size and type stays as it is.
    fn is_identity(&self, size: ImageSize, dtype: DType) -> bool {
        match self {
            Step::Place(place) => place.is_identity(size),
            Step::Resize(resize) => resize.is_identity(size),
            Step::Color(color) => color.is_identity(size),
            Step::Filter(filter) => filter.is_identity(size),
            Step::Convert(convert) => convert.is_identity(dtype),
            Step::Erase(erase) => erase.height * erase.width == 0,
            Step::Warp(_) | Step::Levels(_) | Step::Canny(_) | Step::Noise(_) => false,
        }
    }

    /// The step on an image whose type stays.
    ///
    /// # Errors
    /// What tables of weights and warps report.
    pub(crate) fn paint<T: Pixel>(
        &self,
        op: &'static str,
        x: View<'_, T>,
        out: &mut [T],
    ) -> Result<()> {
        match self {
            Step::Place(place) => place.paint(x, out),
            Step::Resize(resize) => resize.paint(op, x, out)?,
            Step::Warp(warped) => warped.paint(x, out)?,
            Step::Color(color) => color.paint(x, out),
            Step::Levels(levels) => levels.paint(x, out),
            Step::Filter(filter) => filter.paint(x, out),
            Step::Canny(canny) => canny.paint(x, out),
            Step::Erase(erase) => erase.paint(x, out),
            Step::Noise(noise) => noise.paint(x, out),
            // The runs of steps see to the types.
            Step::Convert(_) => out.copy_from_slice(x.data),
        }
        Ok(())
    }

    /// Whether a kernel can do both at once, given that the images have one size and type.
    #[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "a GPU computes batches at once"))]
    pub(crate) fn goes_with(&self, other: &Step) -> bool {
        match (self, other) {
            (Step::Place(a), Step::Place(b)) => {
                (a.height, a.width, &a.around) == (b.height, b.width, &b.around)
            }
            (Step::Resize(a), Step::Resize(b)) => a == b,
            (Step::Warp(a), Step::Warp(b)) => a.how == b.how,
            (Step::Color(a), Step::Color(b)) => {
                let shaped = matches!(a, Color::Grayscale(_) | Color::Channels(_));
                discriminant(a) == discriminant(b) && (!shaped || a == b)
            }
            (Step::Levels(a), Step::Levels(b)) => a == b,
            (Step::Filter(a), Step::Filter(b)) => match (a, b) {
                (
                    Filter::Blur { across, down },
                    Filter::Blur { across: other_across, down: other_down },
                ) => across.len() == other_across.len() && down.len() == other_down.len(),
                (Filter::Kernel(a), Filter::Kernel(b)) => a == b,
                _ => discriminant(a) == discriminant(b),
            },
            (Step::Canny(_), Step::Canny(_)) => true,
            (Step::Erase(a), Step::Erase(b)) => {
                matches!(a.value, Patch::Color(_)) == matches!(b.value, Patch::Color(_))
            }
            (Step::Noise(a), Step::Noise(b)) => a.clip == b.clip,
            (Step::Convert(a), Step::Convert(b)) => a == b,
            _ => false,
        }
    }
}

/// The steps of one image, with the sizes and types between them.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) size: ImageSize,
    pub(crate) dtype: DType,
    pub(crate) steps: Vec<Planned>,
}

/// A step, the op that it belongs to, and what it makes.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) op: &'static str,
    pub(crate) step: Step,
    pub(crate) size: ImageSize,
    pub(crate) dtype: DType,
}

impl Plan {
    pub(crate) fn new(size: ImageSize, dtype: DType) -> Self {
        Plan { size, dtype, steps: Vec::new() }
    }

    /// Adds a step, unless it changes nothing.
    ///
    /// # Errors
    /// Those of the step.
    pub(crate) fn push(&mut self, op: &'static str, step: Step) -> Result<()> {
        let (size, dtype) = step.after(op, self.size, self.dtype)?;
        if !step.is_identity(self.size, self.dtype) {
            self.steps.push(Planned { op, step, size, dtype });
        }
        (self.size, self.dtype) = (size, dtype);
        Ok(())
    }

    /// The brightest value of a pixel.
    pub(crate) fn bound(&self) -> f64 {
        if self.dtype == DType::U8 { 255.0 } else { 1.0 }
    }
}
