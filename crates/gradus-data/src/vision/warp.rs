//! Geometry between pixels: rotation, affine and perspective maps, elastic and local distortions.
//! Each is a map of the warp kernel, or a field of displacements for it.

use std::sync::Arc;

use gradus_kernels::{Value, Warp, WarpBorder, WarpMap, WarpMode, warp};
use gradus_tensor::{Array, Error, Result, Shape};
use smallvec::SmallVec;

use super::bilinear::bilinear;
use super::picture::{ImageSize, Pixel, View, refused};
use super::resize::Interpolation;

/// What fills places outside an image: nothing, which reads as zeros, or a colour.
///
/// torchvision's rule is kept: with a colour, the image is read with zeros outside together with a
/// mask, and the result is `fill + mask · (read - fill)`. So at the border of a bilinear result the
/// image is weakened twice, even where the colour is 0. Pillow instead takes the colour wherever a
/// place lies outside and blends nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fill(pub(crate) Option<SmallVec<[f32; 4]>>);

impl From<f64> for Fill {
    fn from(value: f64) -> Self {
        Fill(Some(SmallVec::from_slice(&[value as f32])))
    }
}

impl<const N: usize> From<[f64; N]> for Fill {
    fn from(values: [f64; N]) -> Self {
        Fill(Some(values.iter().map(|&v| v as f32).collect()))
    }
}

impl From<Option<f64>> for Fill {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Fill(None), Fill::from)
    }
}

impl Fill {
    pub(crate) fn border(&self) -> WarpBorder {
        match &self.0 {
            None => WarpBorder::Zeros,
            Some(fill) => WarpBorder::Fill(fill.clone()),
        }
    }

    /// For what is filled without a mask.
    pub(crate) fn constant(&self) -> SmallVec<[f32; 4]> {
        self.0.clone().unwrap_or_else(|| SmallVec::from_slice(&[0.0]))
    }
}

/// Where a warp reads outside of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FillMode {
    /// The fill.
    #[default]
    Constant,
    /// The pixel at the edge; Keras's `nearest`.
    Edge,
    /// Mirrored about the edge pixels.
    Reflect,
    /// Mirrored with the edge pixels; Keras's `reflect`.
    Symmetric,
}

/// An image read at other places.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Warped {
    pub(crate) map: WarpMap,
    /// `[OH, OW, 2]`: x before y, in pixels.
    pub(crate) field: Option<Arc<[f32]>>,
    pub(crate) how: Warp,
}

/// Interpolation and what is outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sampler {
    pub(crate) interpolation: Interpolation,
    pub(crate) fill: Fill,
    pub(crate) fill_mode: FillMode,
}

impl Sampler {
    /// # Errors
    /// `Kind::Argument` for an interpolation that warps do not have.
    pub(crate) fn warp(&self, op: &'static str, size: [usize; 2]) -> Result<Warp> {
        let mode = match self.interpolation {
            Interpolation::Nearest => WarpMode::Nearest,
            Interpolation::Bilinear => WarpMode::Bilinear,
            Interpolation::Bicubic => WarpMode::Bicubic,
            Interpolation::NearestExact | Interpolation::Area => {
                let expected = "nearest, bilinear or bicubic";
                return Err(Error::argument(op, "interpolation", "another", expected));
            }
        };
        let border = match self.fill_mode {
            FillMode::Constant => self.fill.border(),
            FillMode::Edge => WarpBorder::Edge,
            FillMode::Reflect => WarpBorder::Reflect,
            FillMode::Symmetric => WarpBorder::Symmetric,
        };
        Ok(Warp { size, mode, border })
    }
}

impl Warped {
    /// # Errors
    /// `Kind::Shape` for an image without pixels, a fill with another count than 1 or C, or a
    /// field of another size.
    pub(crate) fn after(&self, op: &'static str, size: ImageSize) -> Result<ImageSize> {
        let [h, w] = self.how.size;
        if size.plane() == 0 && h * w > 0 {
            return Err(refused(op, "there are no pixels to read", size));
        }
        if let WarpBorder::Fill(fill) = &self.how.border
            && fill.len() != 1
            && fill.len() != size.channels
        {
            return Err(refused(op, "the fill must have 1 value or one a channel", size));
        }
        if self.field.as_ref().is_some_and(|field| field.len() != h * w * 2) {
            return Err(refused(op, "the displacement must be [1, H, W, 2]", size));
        }
        Ok(size.with(h, w))
    }

    /// # Errors
    /// What [`Warp::image`] says of other sizes than [`Warped::after`] allows.
    pub(crate) fn paint<T: Pixel>(&self, x: View<'_, T>, out: &mut [T]) -> Result<()> {
        let fill = match &self.how.border {
            WarpBorder::Zeros => Some(None),
            WarpBorder::Fill(fill) => Some(Some(&fill[..])),
            _ => None,
        };
        let field = self.field.as_deref();
        if let (WarpMode::Bilinear, Some(fill)) = (self.how.mode, fill)
            && x.size.height.min(x.size.width) >= 2
        {
            bilinear(x, &self.map, field, fill, self.how.size, out);
            return Ok(());
        }
        self.how.image(x.data, x.size.array(), &self.map, field, out)
    }
}

/// Warps of a batch whose results have one size, and the same mode and border.
///
/// # Errors
/// What the kernel reports.
#[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "a GPU computes batches at once"))]
pub(crate) fn on_device(x: &Value, steps: &[&Warped]) -> Result<Value> {
    let maps: Vec<WarpMap> = steps.iter().map(|step| step.map).collect();
    let [h, w] = steps[0].how.size;
    let field = if steps.iter().any(|step| step.field.is_some()) {
        let mut all = vec![0.0f32; steps.len() * h * w * 2];
        for (all, step) in all.chunks_exact_mut((h * w * 2).max(1)).zip(steps) {
            if let Some(field) = &step.field {
                all.copy_from_slice(field);
            }
        }
        let shape = Shape::new(&[steps.len(), h, w, 2]);
        Some(Value::from(Array::from_vec(all, shape)?.to(x.device())?))
    } else {
        None
    };
    warp(x, &maps, field.as_ref(), &steps[0].how)
}

/// The parameters of an affine map, as torchvision has them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Affine {
    /// Degrees, clockwise.
    pub(crate) angle: f64,
    pub(crate) translate: [f64; 2],
    pub(crate) scale: f64,
    /// Degrees, along x and y.
    pub(crate) shear: [f64; 2],
    pub(crate) center: Option<[f64; 2]>,
}

impl Affine {
    /// The inverse of `M = T·C·R(angle)·S(scale)·SHy·SHx·C⁻¹`, about the image's middle.
    pub(crate) fn inverse(&self, size: ImageSize) -> [f64; 6] {
        let (rot, sx) = (self.angle.to_radians(), self.shear[0].to_radians());
        let sy = self.shear[1].to_radians();
        let middle = [size.width as f64 * 0.5, size.height as f64 * 0.5];
        let [cx, cy] = self.center.map_or([0.0; 2], |[x, y]| [x - middle[0], y - middle[1]]);
        let [tx, ty] = self.translate;
        let a = (rot - sy).cos() / sy.cos();
        let b = -(a * sx.tan() + rot.sin());
        let c = (rot - sy).sin() / sy.cos();
        let d = rot.cos() - c * sx.tan();
        let s = self.scale;
        let (m0, m1, m3, m4) = (d / s, -b / s, -c / s, a / s);
        let m2 = cx - m0 * (cx + tx) - m1 * (cy + ty);
        let m5 = cy - m3 * (cx + tx) - m4 * (cy + ty);
        [m0, m1, m2, m3, m4, m5]
    }
}

/// From a map about the middles of image and result to one from places to places.
pub(crate) fn between_pixels(m: [f64; 6], from: ImageSize, to: [usize; 2]) -> WarpMap {
    let half = |n: usize| (n as f64 - 1.0) * 0.5;
    let (x, y) = (half(to[1]), half(to[0]));
    WarpMap::affine([
        m[0],
        m[1],
        m[2] + half(from.width) - m[0] * x - m[1] * y,
        m[3],
        m[4],
        m[5] + half(from.height) - m[3] * x - m[4] * y,
    ])
}

/// The size that holds a rotated image. In float32, as torchvision has it.
pub(crate) fn expanded(m: [f64; 6], size: ImageSize) -> [usize; 2] {
    let (w, h) = (0.5 * size.width as f32, 0.5 * size.height as f32);
    let m = m.map(|v| v as f32);
    let corners = [[-w, -h], [-w, h], [w, h], [w, -h]];
    // Digits that are rounding noise are dropped before ceil and floor.
    let whole = |row: [f32; 3], half: f32| {
        let at = corners.map(|[x, y]| row[0] * x + row[1] * y + row[2] + half);
        let most = at.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let least = at.iter().copied().fold(f32::INFINITY, f32::min);
        let (most, least) = ((most * 1e4).trunc() * 1e-4, (least * 1e4).trunc() * 1e-4);
        (most.ceil() - least.floor()) as usize
    };
    let width = whole([m[0], m[1], m[2]], w);
    [whole([m[3], m[4], m[5]], h), width]
}

/// The map of a perspective with torchvision's coefficients.
pub(crate) fn perspective_map(c: [f64; 8]) -> WarpMap {
    // Places of pixels are their centres, half a pixel further on, on both sides.
    let [g, h] = [c[6], c[7]];
    let k = 1.0 + 0.5 * (g + h);
    let row = |a: f64, b: f64, t: f64| {
        let t = t + 0.5 * (a + b);
        [a - 0.5 * g, b - 0.5 * h, t - 0.5 * k]
    };
    let ([a, b, t], [d, e, u]) = (row(c[0], c[1], c[2]), row(c[3], c[4], c[5]));
    WarpMap::projective([a, b, t, d, e, u, g, h, k])
}

/// The coefficients that take `end` points to `start` points; corners in any order.
///
/// # Errors
/// `Kind::Argument` when three of the end points lie on a line.
pub(crate) fn perspective_coefficients(
    op: &'static str,
    start: [[f64; 2]; 4],
    end: [[f64; 2]; 4],
) -> Result<[f64; 8]> {
    let mut rows = [[0.0; 9]; 8];
    for (k, ([px, py], [qx, qy])) in end.into_iter().zip(start).enumerate() {
        rows[2 * k] = [px, py, 1.0, 0.0, 0.0, 0.0, -qx * px, -qx * py, qx];
        rows[2 * k + 1] = [0.0, 0.0, 0.0, px, py, 1.0, -qy * px, -qy * py, qy];
    }
    solve(rows).ok_or_else(|| {
        let expected = "four points of which no three lie on a line";
        Error::argument(op, "endpoints", format!("{end:?}"), expected)
    })
}

/// Gaussian elimination with pivots; the last column is the right-hand side.
fn solve(mut m: [[f64; 9]; 8]) -> Option<[f64; 8]> {
    const TINY: f64 = 1e-9;
    for k in 0..8 {
        let pivot = (k..8).max_by(|&a, &b| m[a][k].abs().total_cmp(&m[b][k].abs()))?;
        m.swap(k, pivot);
        if m[k][k].abs() < TINY {
            return None;
        }
        let row = m[k];
        for other in m.iter_mut().enumerate().filter(|(i, _)| *i != k).map(|(_, other)| other) {
            let factor = other[k] / row[k];
            for (v, p) in other.iter_mut().zip(row).skip(k) {
                *v -= factor * p;
            }
        }
    }
    Some(std::array::from_fn(|k| m[k][8] / m[k][k]))
}
