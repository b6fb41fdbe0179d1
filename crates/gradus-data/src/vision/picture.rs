//! Images: their sizes, the types of their pixels, and arrays seen as batches of them.

use std::fmt;

use bytemuck::Pod;
use gradus_kernels::WarpPixel;
use gradus_tensor::{Array, DType, Error, Kind, Problem, Result, Shape};

/// Channels, height and width of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImageSize {
    /// 3 for red, green, blue; 1 for grey.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl ImageSize {
    /// Pixels of a channel.
    pub(crate) fn plane(self) -> usize {
        self.height * self.width
    }

    /// Pixels of all channels.
    pub(crate) fn numel(self) -> usize {
        self.channels * self.plane()
    }

    pub(crate) fn with(self, height: usize, width: usize) -> Self {
        ImageSize { height, width, ..self }
    }

    pub(crate) fn array(self) -> [usize; 3] {
        [self.channels, self.height, self.width]
    }

    pub(crate) fn shape(self) -> Shape {
        Shape::new(&self.array())
    }
}

impl fmt::Display for ImageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}, {}]", self.channels, self.height, self.width)
    }
}

/// The type of a pixel: bytes from 0 to 255, or floats from 0 to 1.
pub(crate) trait Pixel: Pod + Send + Sync + PartialOrd + WarpPixel {
    /// The brightest.
    const MAX: f32;
    const IS_BYTE: bool;
    fn read(self) -> f32;
    /// Bytes are rounded, halves to even.
    fn rounded(value: f32) -> Self;
    /// Limited to the type's range; bytes lose their fraction.
    fn cut(value: f32) -> Self;
    /// As an integer, and from one that is in range: exact for bytes, and not used for floats.
    fn integer(self) -> i32;
    fn of_integer(value: i32) -> Self;
    /// The brightest value less this one.
    fn inverted(self) -> Self;
}

/// Limited and without its fraction; 0 for what is no number. Written so that it becomes one
/// instruction for each of the three, many values at a time.
#[inline(always)]
fn byte(value: f32) -> u8 {
    let value = if value > 0.0 { value } else { 0.0 };
    let value = if value < 255.0 { value } else { 255.0 };
    // SAFETY: the value lies between 0 and 255.
    unsafe { value.to_int_unchecked::<i32>() as u8 }
}

impl Pixel for u8 {
    const MAX: f32 = 255.0;
    const IS_BYTE: bool = true;
    #[inline(always)]
    fn read(self) -> f32 {
        f32::from(self)
    }
    #[inline(always)]
    fn rounded(value: f32) -> Self {
        byte(value.round_ties_even())
    }
    #[inline(always)]
    fn cut(value: f32) -> Self {
        byte(value)
    }
    #[inline(always)]
    fn integer(self) -> i32 {
        i32::from(self)
    }
    #[inline(always)]
    fn of_integer(value: i32) -> Self {
        value as u8
    }
    #[inline(always)]
    fn inverted(self) -> Self {
        !self
    }
}

impl Pixel for f32 {
    const MAX: f32 = 1.0;
    const IS_BYTE: bool = false;
    #[inline(always)]
    fn read(self) -> f32 {
        self
    }
    #[inline(always)]
    fn rounded(value: f32) -> Self {
        value
    }
    #[inline(always)]
    fn cut(value: f32) -> Self {
        value.clamp(0.0, 1.0)
    }
    #[inline(always)]
    fn integer(self) -> i32 {
        self as i32
    }
    #[inline(always)]
    fn of_integer(value: i32) -> Self {
        value as f32
    }
    #[inline(always)]
    fn inverted(self) -> Self {
        1.0 - self
    }
}

/// One image in host memory: channels, rows, columns.
#[derive(Clone, Copy)]
pub(crate) struct View<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) size: ImageSize,
}

impl<'a, T> View<'a, T> {
    pub(crate) fn channel(&self, c: usize) -> &'a [T] {
        &self.data[c * self.size.plane()..][..self.size.plane()]
    }
}

/// What an array of images holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) count: usize,
    pub(crate) size: ImageSize,
    pub(crate) dtype: DType,
    /// `[N, C, H, W]` rather than `[C, H, W]`.
    pub(crate) many: bool,
}

impl Batch {
    /// Reads an array's shape as images.
    ///
    /// # Errors
    /// `Kind::Shape` for another rank than 3 and 4, `Kind::DType` for other types than uint8 and
    /// float32.
    pub(crate) fn of(op: &'static str, x: &Array) -> Result<Self> {
        if !matches!(x.dtype(), DType::U8 | DType::F32) {
            let kind = Kind::DType { op, got: vec![x.dtype()], expected: "uint8 or float32" };
            return Err(kind.into());
        }
        let (count, many, dims) = match *x.shape().dims() {
            [c, h, w] => (1, false, [c, h, w]),
            [n, c, h, w] => (n, true, [c, h, w]),
            _ => {
                let expected = "3 or 4: [C, H, W] or [N, C, H, W]";
                let problem = Problem::Rank { name: "x", got: x.shape().rank(), expected };
                return Err(Error::shape(op, problem, &[("x", x.shape())]));
            }
        };
        let [channels, height, width] = dims;
        Ok(Batch { count, size: ImageSize { channels, height, width }, dtype: x.dtype(), many })
    }

    /// The shape of this many images of a size.
    pub(crate) fn shape(&self, size: ImageSize) -> Shape {
        let [c, h, w] = size.array();
        if self.many { Shape::new(&[self.count, c, h, w]) } else { size.shape() }
    }
}

/// A rule about sizes that an image breaks.
pub(crate) fn refused(op: &'static str, rule: &'static str, size: ImageSize) -> Error {
    Error::shape(op, Problem::Rule { rule }, &[("image", &size.shape())])
}
