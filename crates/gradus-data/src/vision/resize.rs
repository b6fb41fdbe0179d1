//! Resizing. Bytes are resized with torchvision's arithmetic on the CPU, which is Pillow's: weights
//! of 16 bits, and bytes again between the two directions. On a device the weights are float32, so
//! bytes may differ by a level in each direction. Folders of pictures have Keras' conventions.

#[cfg(feature = "image")]
pub(crate) mod keras;
mod taps;

use gradus_kernels::{Bands, Filter, Sampling, Unary, Value, resample};
use gradus_tensor::{DType, Error, Result};

use self::taps::{Taps, separable};
use super::picture::{ImageSize, Pixel, View};

/// How the pixels of a resized image are made.
///
/// ```
/// use gradus_data::vision::{Interpolation, ResizeOptions, functional};
/// use gradus_tensor::Array;
///
/// let x = Array::from_vec(vec![0u8, 10, 20, 30], [1, 1, 4])?;
/// let nearest = ResizeOptions::default().interpolation(Interpolation::Nearest);
/// let y = functional::resize(&x, [1, 2], &nearest)?;
/// assert_eq!(y.to_vec::<u8>()?, [0, 20]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Interpolation {
    /// The pixel at the floored position; in folders of pictures the nearest, as in Keras.
    Nearest,
    /// The nearest pixel, as in Pillow.
    NearestExact,
    /// Straight lines.
    #[default]
    Bilinear,
    /// Keys' cubic: a = -0.5 with antialiasing and in folders of pictures, else -0.75.
    Bicubic,
    /// The mean of the pixels that a result covers; for resizing only. PyTorch's `area`.
    Area,
}

/// Options of [`functional::resize`](super::functional::resize), with torchvision's defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResizeOptions {
    pub(crate) interpolation: Interpolation,
    pub(crate) antialias: bool,
    pub(crate) max_size: Option<usize>,
}

impl Default for ResizeOptions {
    fn default() -> Self {
        let interpolation = Interpolation::Bilinear;
        ResizeOptions { interpolation, antialias: true, max_size: None }
    }
}

impl ResizeOptions {
    /// How pixels are made; bilinear unless said.
    #[must_use]
    pub fn interpolation(self, interpolation: Interpolation) -> Self {
        ResizeOptions { interpolation, ..self }
    }

    /// Whether the filter widens where an image shrinks, as Pillow's does; yes unless said. Keras's
    /// `Resizing` does not unless it is asked to.
    #[must_use]
    pub fn antialias(self, antialias: bool) -> Self {
        ResizeOptions { antialias, ..self }
    }

    /// The most that the longer side may have when one size is given for the shorter.
    #[must_use]
    pub fn max_size(self, pixels: usize) -> Self {
        ResizeOptions { max_size: Some(pixels), ..self }
    }
}

/// Height and width, or the shorter side alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The shorter side; the longer keeps the aspect ratio and loses the fraction.
    Shorter(usize),
    /// Height and width.
    Both([usize; 2]),
}

impl From<usize> for Side {
    fn from(size: usize) -> Self {
        Side::Shorter(size)
    }
}

impl From<[usize; 2]> for Side {
    fn from(size: [usize; 2]) -> Self {
        Side::Both(size)
    }
}

/// A resize to known sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resize {
    pub(crate) to: [usize; 2],
    pub(crate) interpolation: Interpolation,
    pub(crate) antialias: bool,
}

impl Resize {
    /// # Errors
    /// `Kind::Argument` for sizes that no image can have.
    pub(crate) fn new(
        op: &'static str,
        size: ImageSize,
        to: Side,
        options: &ResizeOptions,
    ) -> Result<Self> {
        let to = match to {
            Side::Both(to) => to,
            Side::Shorter(to) => shorter(op, size, to, options.max_size)?,
        };
        if to.contains(&0) || to.iter().any(|&side| side > i32::MAX as usize) {
            let shown = format!("{} x {}", to[0], to[1]);
            return Err(Error::argument(op, "size", shown, "at least 1 x 1"));
        }
        let ResizeOptions { interpolation, antialias, .. } = *options;
        Ok(Resize { to, interpolation, antialias })
    }

    pub(crate) fn is_identity(&self, size: ImageSize) -> bool {
        self.to == [size.height, size.width]
    }

    /// The weights of a dimension.
    fn bands(&self, op: &'static str, size: ImageSize, d: usize) -> Result<Bands> {
        let filter = match self.interpolation {
            Interpolation::Nearest => Filter::Nearest,
            Interpolation::NearestExact => Filter::NearestExact,
            Interpolation::Bilinear => Filter::Linear,
            Interpolation::Bicubic => Filter::Cubic,
            Interpolation::Area => {
                return Bands::adaptive_average(op, &size.shape(), d, self.to[d - 1]);
            }
        };
        let antialias = self.antialias && matches!(filter, Filter::Linear | Filter::Cubic);
        let how = Sampling { filter, align_corners: false, antialias, scale_factor: None };
        Bands::sampled(op, &size.shape(), d, self.to[d - 1], how)
    }

    fn is_nearest(&self) -> bool {
        matches!(self.interpolation, Interpolation::Nearest | Interpolation::NearestExact)
    }

    /// # Errors
    /// `Kind::Shape` for an image without pixels.
    pub(crate) fn paint<T: Pixel>(
        &self,
        op: &'static str,
        x: View<'_, T>,
        out: &mut [T],
    ) -> Result<()> {
        let (rows, columns) = (self.bands(op, x.size, 1)?, self.bands(op, x.size, 2)?);
        let (w, ow) = (x.size.width, self.to[1]);
        if self.is_nearest() {
            let columns: Vec<usize> = (0..ow).map(|j| columns.row(j).0).collect();
            for (k, out) in out.chunks_exact_mut(ow).enumerate() {
                let (c, i) = (k / self.to[0], k % self.to[0]);
                let row = &x.channel(c)[rows.row(i).0 * w..][..w];
                for (out, &at) in out.iter_mut().zip(&columns) {
                    *out = row[at];
                }
            }
            return Ok(());
        }
        let (rows, columns) = (Taps::of(&rows, T::IS_BYTE), Taps::of(&columns, T::IS_BYTE));
        separable(x, &rows, &columns, out);
        Ok(())
    }

    /// A batch in one size.
    ///
    /// # Errors
    /// As [`Resize::paint`]; what kernels report.
    #[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "a GPU computes batches at once"))]
    pub(crate) fn on_device(&self, op: &'static str, x: &Value, size: ImageSize) -> Result<Value> {
        let dtype = x.dtype();
        let mut y = x.cast(DType::F32)?;
        for (d, dim) in [(2, 3), (1, 2)] {
            y = resample(&y, dim, &self.bands(op, size, d)?)?;
            // Bytes between the directions, too, as on the CPU.
            if dtype == DType::U8 && !self.is_nearest() {
                y = Value::unary(Unary::round, &y, [0.0; 2])?;
                y = Value::unary(Unary::clamp, &y, [0.0, 255.0])?;
            }
        }
        y.cast(dtype)
    }
}

/// torchvision's rule for one size.
fn shorter(op: &'static str, s: ImageSize, to: usize, most: Option<usize>) -> Result<[usize; 2]> {
    let (short, long) = (s.height.min(s.width), s.height.max(s.width));
    let (mut new_short, mut new_long) = (to, (to * long).checked_div(short).unwrap_or(to));
    if let Some(most) = most {
        if most <= to {
            return Err(Error::argument(op, "max_size", most, "more than size"));
        }
        if new_long > most {
            (new_short, new_long) = (most * new_short / new_long, most);
        }
    }
    Ok(if s.width <= s.height { [new_long, new_short] } else { [new_short, new_long] })
}
