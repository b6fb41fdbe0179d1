//! Resizing. Bytes are resized with torchvision's arithmetic on the CPU, which is Pillow's: weights
//! of 16 bits, and bytes again between the two directions. On a device the weights are float32, so
//! bytes may differ by a level in each direction.

use gradus_kernels::{Bands, Filter, Sampling, Unary, Value, resample};
use gradus_tensor::{DType, Error, Result};

use super::picture::{ImageSize, Pixel, View};
use super::simd::vectorised;

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
    /// The pixel at the floored position.
    Nearest,
    /// The nearest pixel, as in Pillow.
    NearestExact,
    /// Straight lines.
    #[default]
    Bilinear,
    /// Keys' cubic.
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

/// Weights of a direction, for floats or as integers for bytes.
struct Taps {
    starts: Vec<(usize, usize)>,
    floats: Vec<f32>,
    integers: Vec<i32>,
    /// Binary digits of the integers' fraction.
    bits: u32,
    /// Every result is the pixel at its place.
    still: bool,
    /// The integers again, padded to equally many for every result.
    even: Option<Even>,
}

/// Rows of `width` weights each, which loops of fixed length walk.
struct Even {
    width: usize,
    starts: Vec<usize>,
    weights: Vec<i16>,
}

impl Taps {
    fn of(bands: &Bands, bytes: bool) -> Self {
        let mut taps = Taps {
            starts: Vec::with_capacity(bands.output()),
            floats: Vec::new(),
            integers: Vec::new(),
            bits: 0,
            still: bands.is_identity(),
            even: None,
        };
        let mut weights = Vec::new();
        for i in 0..bands.output() {
            let (start, row) = bands.row(i);
            taps.starts.push((start, weights.len()));
            weights.extend_from_slice(row);
        }
        taps.starts.push((0, weights.len()));
        if bytes {
            // As many digits as leave the largest weight below 2^15: PyTorch's rule.
            let largest = weights.iter().copied().fold(0.0, f64::max);
            while taps.bits < 22 && 0.5 + largest * f64::from(1u32 << (taps.bits + 1)) < 32768.0 {
                taps.bits += 1;
            }
            let one = f64::from(1u32 << taps.bits);
            taps.integers =
                weights.iter().map(|w| (w * one + 0.5f64.copysign(*w)) as i32).collect();
            taps.even = taps.evened(bands.input());
        } else {
            taps.floats = weights.iter().map(|&w| w as f32).collect();
        }
        taps
    }

    /// Weights in rows of 2, 4 or 8, where that many elements exist and suffice.
    fn evened(&self, input: usize) -> Option<Even> {
        let most = (0..self.len()).map(|i| self.row(i).1.len()).max()?;
        let width = [2, 4, 8].into_iter().find(|&width| width >= most && width <= input)?;
        let mut even = Even { width, starts: Vec::new(), weights: vec![0; self.len() * width] };
        for (i, to) in even.weights.chunks_exact_mut(width).enumerate() {
            let (start, range) = self.row(i);
            let first = start.min(input - width);
            even.starts.push(first);
            for (to, &w) in to[start - first..].iter_mut().zip(&self.integers[range]) {
                *to = i16::try_from(w).ok()?;
            }
        }
        Some(even)
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Where row `i` starts, and which weights are its own.
    #[inline(always)]
    fn row(&self, i: usize) -> (usize, std::ops::Range<usize>) {
        (self.starts[i].0, self.starts[i].1..self.starts[i + 1].1)
    }
}

/// Columns first, and only in the rows that are needed, then rows.
fn separable<T: Pixel>(x: View<'_, T>, rows: &Taps, columns: &Taps, out: &mut [T]) {
    let ImageSize { height, width, .. } = x.size;
    let (oh, ow) = (rows.len(), columns.len());
    let mut middle = vec![T::cut(0.0); height * ow];
    for c in 0..x.size.channels {
        let channel = x.channel(c);
        let out = &mut out[c * oh * ow..][..oh * ow];
        if columns.still {
            down(channel, width, rows, out);
        } else if rows.still {
            across(channel, width, columns, out);
        } else {
            across(channel, width, columns, &mut middle);
            down(&middle, ow, rows, out);
        }
    }
}

/// Rows of bytes with `K` weights a result.
#[inline(always)]
fn across_even<T: Pixel, const K: usize>(x: &[T], size: [usize; 2], taps: &Taps, out: &mut [T]) {
    let Some(even) = &taps.even else { return };
    let half = 1i32 << taps.bits >> 1;
    for (x, out) in x.chunks_exact(size[0]).zip(out.chunks_exact_mut(size[1])) {
        let rows = even.starts.iter().zip(even.weights.chunks_exact(K));
        for (out, (&start, weights)) in out.iter_mut().zip(rows) {
            let x = &x[start..start + K];
            let mut sum = half;
            for (x, &w) in x.iter().zip(weights) {
                sum += x.integer() * i32::from(w);
            }
            *out = T::of_integer((sum >> taps.bits).clamp(0, 255));
        }
    }
}

vectorised! {
    fn across<T: Pixel>(x: &[T], width: usize, taps: &Taps, out: &mut [T]) {
        let half = 1i32 << taps.bits >> 1;
        let size = [width, taps.len()];
        match taps.even.as_ref().map(|even| even.width) {
            Some(2) => return across_even::<T, 2>(x, size, taps, out),
            Some(4) => return across_even::<T, 4>(x, size, taps, out),
            Some(8) => return across_even::<T, 8>(x, size, taps, out),
            _ => {}
        }
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(taps.len())) {
            for (j, out) in out.iter_mut().enumerate() {
                let (start, range) = taps.row(j);
                let x = &x[start..][..range.len()];
                *out = if T::IS_BYTE {
                    let weights = &taps.integers[range];
                    let products = x.iter().zip(weights).map(|(x, w)| x.integer() * w);
                    let sum = products.fold(half, |sum, product| sum + product);
                    T::of_integer((sum >> taps.bits).clamp(0, 255))
                } else {
                    let weights = &taps.floats[range];
                    let products = x.iter().zip(weights).map(|(x, w)| x.read() * w);
                    T::rounded(products.fold(0.0, |sum, product| sum + product))
                };
            }
        }
    }

    fn down<T: Pixel>(x: &[T], width: usize, taps: &Taps, out: &mut [T]) {
        let half = 1i32 << taps.bits >> 1;
        let mut sums = vec![0i32; if T::IS_BYTE { width } else { 0 }];
        for (i, out) in out.chunks_exact_mut(width).enumerate() {
            let (start, range) = taps.row(i);
            let x = x[start * width..].chunks_exact(width);
            if T::IS_BYTE {
                sums.fill(half);
                for (x, &w) in x.zip(&taps.integers[range]) {
                    for (sum, x) in sums.iter_mut().zip(x) {
                        *sum += x.integer() * w;
                    }
                }
                for (out, &sum) in out.iter_mut().zip(&sums) {
                    *out = T::of_integer((sum >> taps.bits).clamp(0, 255));
                }
            } else {
                out.fill(T::cut(0.0));
                for (x, &w) in x.zip(&taps.floats[range]) {
                    for (out, x) in out.iter_mut().zip(x) {
                        *out = T::rounded(out.read() + w * x.read());
                    }
                }
            }
        }
    }
}
