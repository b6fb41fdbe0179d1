//! Warping: every image of a batch read at places that a matrix of its own and, where there is
//! one, a field of displacements give. Crops, flips, rotations and elastic distortions are this
//! one op.

mod cpu;
mod map;

use gradus_tensor::capture::{Plain, perform};
use gradus_tensor::{Array, DType, Error, Kind, Problem, Result, Shape};
use smallvec::SmallVec;

use super::lines::{Fresh, host};
use crate::expr::{Value, same_device};
pub use map::WarpMap;
pub(super) use map::Words;

/// How the value between pixels is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WarpMode {
    /// The nearest pixel; halves go to the even one.
    #[default]
    Nearest,
    /// A straight line in both directions, of four pixels.
    Bilinear,
    /// Keys' cubic of sixteen pixels, a = -0.75.
    Bicubic,
}

/// What lies outside of an image.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum WarpBorder {
    /// Zero, tap by tap: `grid_sample`'s padding mode `zeros`.
    #[default]
    Zeros,
    /// A number, or one a channel. torchvision's rule: the image is read with zeros outside, and
    /// so is a mask of ones, and the result is `fill + mask · (read - fill)`; nearest takes the
    /// number where the mask is below a half.
    Fill(SmallVec<[f32; 4]>),
    /// The pixel at the edge.
    Edge,
    /// The image again, mirrored about its edge pixels: `d c b | a b c d | c b a`.
    Reflect,
    /// The image again, mirrored with its edge pixels: `c b a | a b c d | d c b`.
    Symmetric,
}

/// What a warp does besides its maps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Warp {
    /// Height and width of the results.
    pub size: [usize; 2],
    /// Between pixels.
    pub mode: WarpMode,
    /// Outside.
    pub border: WarpBorder,
}

/// Sizes of a warp, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WarpGeometry {
    pub(super) n: usize,
    pub(super) c: usize,
    pub(super) from: [usize; 2],
    pub(super) to: [usize; 2],
    /// Whether every image has a map, and a field, of its own; else all share one.
    pub(super) own_map: bool,
    pub(super) own_field: bool,
}

/// `y[n, :, i, j] = x[n, :, map_n(i, j) + field[n, i, j]]` between the pixels of `x`, whose centres
/// lie at whole numbers.
///
/// *Shapes*: x `[N, C, H, W]` in uint8 or float32; `maps` has 1 or N; field `[1 or N, OH, OW, 2]`
/// in float32, x before y, in pixels of x; the result is `[N, C, OH, OW]` in x's type. Bytes are
/// rounded, halves to even.
///
/// *Gradient*: none; it is for data.
///
/// *Source*: PyTorch's `grid_sample` with `align_corners=False`; torchvision's `fill`.
///
/// ```
/// use gradus_kernels::{Value, Warp, WarpMap, warp};
/// use gradus_tensor::Array;
///
/// let x = Value::from(Array::from_vec(vec![1u8, 2, 3, 4], [1, 1, 2, 2])?);
/// let mirrored = WarpMap::affine([-1.0, 0.0, 1.0, 0.0, 1.0, 0.0]); // column 1 - j, row i
/// let how = Warp { size: [2, 2], ..Warp::default() };
/// let y = warp(&x, &[mirrored], None, &how)?;
/// assert_eq!(y.array()?.to_vec::<u8>()?, [2, 1, 4, 3]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` for shapes that do not fit or an empty image to read, `Kind::DType` for other
/// types, `Kind::Argument` for other counts of maps or fill values, `Kind::Device` for a field
/// elsewhere than x.
pub fn warp(x: &Value, maps: &[WarpMap], field: Option<&Value>, how: &Warp) -> Result<Value> {
    let g = WarpGeometry::new(x, maps.len(), field, how)?;
    let shape = Shape::new(&[g.n, g.c, g.to[0], g.to[1]]);
    if shape.numel() == 0 {
        return Ok(Value::constant(0.0, shape, x.dtype(), x.device()));
    }
    let x = x.dense()?;
    let field = field.map(Value::dense).transpose()?;
    #[cfg(feature = "gpu")]
    if let Some(gpu) = x.device().as_gpu() {
        let field = field.as_ref();
        return super::warp_gpu::run(gpu, &g, &x, maps, field, how, &shape).map(Value::from);
    }
    let state = (Plain((g, maps.to_vec(), how.clone(), shape)), (x, field));
    let run =
        |(Plain((g, maps, how, shape)), (x, field)): &(Plain<Job>, (Array, Option<Array>))| {
            let field = field.as_ref().map(host::<f32>);
            let mut out = Fresh::new(shape, x.dtype())?;
            match x.dtype() {
                DType::U8 => cpu::batch(g, host::<u8>(x), maps, field, how, out.values()),
                _ => cpu::batch(g, host::<f32>(x), maps, field, how, out.values()),
            }
            Ok(out.done())
        };
    perform(&state, run).map(Value::from)
}

/// What to do with the images: sizes, maps, how, and the result's shape.
type Job = (WarpGeometry, Vec<WarpMap>, Warp, Shape);

impl Warp {
    /// Warps one image that lies in host memory, `[C, H, W]`, into `out`, `[C, OH, OW]`: what
    /// [`warp`] does with each image, for callers that have many of different sizes.
    ///
    /// # Errors
    /// `Kind::Argument` when the slices do not have these sizes, an image with no pixels is read,
    /// or the fill has another count than 1 or C.
    pub fn image<T: WarpPixel>(
        &self,
        x: &[T],
        [c, h, w]: [usize; 3],
        map: &WarpMap,
        field: Option<&[f32]>,
        out: &mut [T],
    ) -> Result<()> {
        let [oh, ow] = self.size;
        let wrong = |name, got, expected| Err(Error::argument("warp", name, got, expected));
        if x.len() != c * h * w {
            return wrong("x", x.len(), "C·H·W pixels");
        }
        if out.len() != c * oh * ow {
            return wrong("out", out.len(), "C·OH·OW pixels");
        }
        if let Some(field) = field.filter(|field| field.len() != oh * ow * 2) {
            return wrong("field", field.len(), "OH·OW·2 numbers");
        }
        if x.is_empty() && !out.is_empty() {
            return wrong("x", 0, "pixels to read");
        }
        if let WarpBorder::Fill(fill) = &self.border
            && fill.len() != 1
            && fill.len() != c
        {
            return wrong("fill", fill.len(), "1 or C numbers");
        }
        T::warp(self, x, [c, h, w], map, field, out);
        Ok(())
    }
}

/// A type of pixels that [`Warp::image`] takes: `u8` and `f32`.
pub trait WarpPixel: Copy + sealed::Sealed {
    #[doc(hidden)]
    fn warp(
        how: &Warp,
        x: &[Self],
        from: [usize; 3],
        map: &WarpMap,
        field: Option<&[f32]>,
        out: &mut [Self],
    );
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! pixel {
    ($($t:ty),*) => {$(
        impl sealed::Sealed for $t {}
        impl WarpPixel for $t {
            fn warp(
                how: &Warp,
                x: &[Self],
                from: [usize; 3],
                map: &WarpMap,
                field: Option<&[f32]>,
                out: &mut [Self],
            ) {
                cpu::image::<$t>(how, x, from, map, field, out);
            }
        }
    )*};
}
pixel!(u8, f32);

impl WarpGeometry {
    fn new(x: &Value, maps: usize, field: Option<&Value>, how: &Warp) -> Result<Self> {
        const OP: &str = "warp";
        let [oh, ow] = how.size;
        let mut operands = vec![("x", x.shape())];
        operands.extend(field.map(|field| ("field", field.shape())));
        let wrong = |rule| Error::shape(OP, Problem::Rule { rule }, &operands);
        let &[n, c, h, w] = x.shape().dims() else {
            return Err(wrong("x must have the 4 dimensions [N, C, H, W]"));
        };
        if h * w == 0 && n * c * oh * ow > 0 {
            return Err(wrong("x has no pixels to read"));
        }
        let mut got = vec![x.dtype()];
        got.extend(field.map(Value::dtype));
        if !matches!(got[..], [DType::U8 | DType::F32] | [DType::U8 | DType::F32, DType::F32]) {
            let expected = "uint8 or float32, and a field in float32";
            return Err(Kind::DType { op: OP, got, expected }.into());
        }
        if maps != 1 && maps != n {
            return Err(Error::argument(OP, "maps", maps, "1 or the number of images"));
        }
        if let WarpBorder::Fill(fill) = &how.border
            && fill.len() != 1
            && fill.len() != c
        {
            let expected = "1 or the number of channels";
            return Err(Error::argument(OP, "number of fill values", fill.len(), expected));
        }
        let own_field = field.is_some_and(|field| field.shape().dims().first() == Some(&n));
        if let Some(field) = field {
            same_device(OP, x, field)?;
            let first = if own_field { n } else { 1 };
            if *field.shape() != Shape::new(&[first, oh, ow, 2]) {
                return Err(wrong("the field must be [1 or N, OH, OW, 2] for results [OH, OW]"));
            }
        }
        let own_map = maps == n;
        Ok(WarpGeometry { n, c, from: [h, w], to: [oh, ow], own_map, own_field })
    }
}

#[cfg(test)]
pub(super) mod tests;
