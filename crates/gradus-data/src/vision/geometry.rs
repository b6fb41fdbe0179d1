//! Geometry with torchvision's arguments, as steps of a plan: what functions and random transforms
//! share.

use std::sync::Arc;

use gradus_kernels::WarpMap;
use gradus_tensor::{Error, Result};

use super::picture::refused;
use super::place::{Around, Place};
use super::resize::{Interpolation, Resize, ResizeOptions, Side};
use super::step::{Plan, Step};
use super::warp::{
    Affine, Fill, FillMode, Sampler, Warped, between_pixels, expanded, perspective_map,
};

/// How padding continues an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PaddingMode {
    /// The fill.
    #[default]
    Constant,
    /// The pixel at the edge.
    Edge,
    /// Mirrored about the edge pixels: `d c b | a b c d | c b a`.
    Reflect,
    /// Mirrored with the edge pixels: `c b a | a b c d | d c b`; Keras's `reflect`.
    Symmetric,
}

/// Options of padding; zeros unless said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PadOptions {
    pub(crate) fill: Fill,
    pub(crate) padding_mode: PaddingMode,
}

impl PadOptions {
    /// The colour of constant padding.
    #[must_use]
    pub fn fill(self, fill: impl Into<Fill>) -> Self {
        PadOptions { fill: fill.into(), ..self }
    }

    /// How the image is continued.
    #[must_use]
    pub fn padding_mode(self, padding_mode: PaddingMode) -> Self {
        PadOptions { padding_mode, ..self }
    }

    fn around(&self) -> Around {
        match self.padding_mode {
            PaddingMode::Constant => Around::Constant(self.fill.constant()),
            PaddingMode::Edge => Around::Edge,
            PaddingMode::Reflect => Around::Reflect,
            PaddingMode::Symmetric => Around::Symmetric,
        }
    }
}

/// Options of rotations, affine and perspective maps and distortions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GeometryOptions {
    pub(crate) interpolation: Option<Interpolation>,
    pub(crate) fill: Fill,
    pub(crate) fill_mode: FillMode,
    pub(crate) center: Option<[f64; 2]>,
    pub(crate) expand: bool,
}

impl GeometryOptions {
    /// How values between pixels are found. Unless said, the nearest pixel is taken by rotations
    /// and affine maps, and perspectives and distortions are bilinear.
    #[must_use]
    pub fn interpolation(self, interpolation: Interpolation) -> Self {
        GeometryOptions { interpolation: Some(interpolation), ..self }
    }

    /// The colour of what lies outside the image; [`Fill`] says how it is blended.
    #[must_use]
    pub fn fill(self, fill: impl Into<Fill>) -> Self {
        GeometryOptions { fill: fill.into(), ..self }
    }

    /// What is read outside the image in place of a colour, as in Keras.
    #[must_use]
    pub fn fill_mode(self, fill_mode: FillMode) -> Self {
        GeometryOptions { fill_mode, ..self }
    }

    /// The point `[x, y]` that stays where it is, in pixels from the upper left corner; the middle
    /// unless said. Of rotations and affine maps.
    #[must_use]
    pub fn center(self, center: [f64; 2]) -> Self {
        GeometryOptions { center: Some(center), ..self }
    }

    /// Whether a rotated image grows to hold all of itself. Of rotations.
    #[must_use]
    pub fn expand(self, expand: bool) -> Self {
        GeometryOptions { expand, ..self }
    }

    fn sampler(&self, otherwise: Interpolation) -> Sampler {
        Sampler {
            interpolation: self.interpolation.unwrap_or(otherwise),
            fill: self.fill.clone(),
            fill_mode: self.fill_mode,
        }
    }
}

pub(crate) fn crop(
    plan: &mut Plan,
    op: &'static str,
    start: [i64; 2],
    size: [usize; 2],
) -> Result<()> {
    let place = Place::crop(plan.size, start, size);
    plan.push(op, Step::Place(place))
}

pub(crate) fn center_crop(plan: &mut Plan, op: &'static str, size: [usize; 2]) -> Result<()> {
    // Python's `round` of a half goes to the even number, its `//` of a negative half down.
    let first = |have: usize, want: usize| match have.checked_sub(want) {
        Some(spare) => (spare as f64 / 2.0).round_ties_even() as i64,
        None => -(((want - have) / 2) as i64),
    };
    let start = [first(plan.size.height, size[0]), first(plan.size.width, size[1])];
    crop(plan, op, start, size)
}

/// A crop of five: the corners from the upper left on by rows, and the middle.
pub(crate) fn corner_crop(
    plan: &mut Plan,
    op: &'static str,
    size: [usize; 2],
    which: usize,
) -> Result<()> {
    let (h, w) = (plan.size.height, plan.size.width);
    if size[0] > h || size[1] > w {
        return Err(refused(op, "a crop must not be larger than the image", plan.size));
    }
    let (low, right) = ((h - size[0]) as i64, (w - size[1]) as i64);
    match which {
        0 => crop(plan, op, [0, 0], size),
        1 => crop(plan, op, [0, right], size),
        2 => crop(plan, op, [low, 0], size),
        3 => crop(plan, op, [low, right], size),
        _ => center_crop(plan, op, size),
    }
}

pub(crate) fn pad(
    plan: &mut Plan,
    op: &'static str,
    padding: [i64; 4],
    options: &PadOptions,
) -> Result<()> {
    let place = Place::pad(op, plan.size, padding, options.around())?;
    plan.push(op, Step::Place(place))
}

pub(crate) fn flip(plan: &mut Plan, op: &'static str, flips: [bool; 2]) -> Result<()> {
    let place = Place::flip(plan.size, flips[0], flips[1]);
    plan.push(op, Step::Place(place))
}

pub(crate) fn resize(
    plan: &mut Plan,
    op: &'static str,
    to: Side,
    options: &ResizeOptions,
) -> Result<()> {
    let resize = Resize::new(op, plan.size, to, options)?;
    plan.push(op, Step::Resize(resize))
}

pub(crate) fn rotate(
    plan: &mut Plan,
    op: &'static str,
    angle: f64,
    options: &GeometryOptions,
) -> Result<()> {
    let size = plan.size;
    let angle = finite(op, "angle", angle)?.rem_euclid(360.0);
    if options.center.is_none() {
        let upright = options.expand || size.height == size.width;
        let turns = match angle {
            0.0 => Some(0),
            180.0 => Some(2),
            90.0 if upright => Some(1),
            270.0 if upright => Some(3),
            _ => None,
        };
        if let Some(turns) = turns {
            return plan.push(op, Step::Place(Place::turn(size, turns)));
        }
    }
    // Affine maps turn clockwise, rotations counter-clockwise.
    let map = Affine {
        angle: -angle,
        translate: [0.0; 2],
        scale: 1.0,
        shear: [0.0; 2],
        center: options.center,
    };
    let inverse = map.inverse(size);
    let to = if options.expand { expanded(inverse, size) } else { [size.height, size.width] };
    let how = options.sampler(Interpolation::Nearest).warp(op, to)?;
    let map = between_pixels(inverse, size, to);
    plan.push(op, Step::Warp(Warped { map, field: None, how }))
}

pub(crate) fn affine(
    plan: &mut Plan,
    op: &'static str,
    mut map: Affine,
    options: &GeometryOptions,
) -> Result<()> {
    let size = plan.size;
    finite(op, "angle", map.angle)?;
    for (name, value) in [
        ("translate", map.translate[0]),
        ("translate", map.translate[1]),
        ("shear", map.shear[0]),
        ("shear", map.shear[1]),
    ] {
        finite(op, name, value)?;
    }
    if !(map.scale > 0.0 && map.scale.is_finite()) {
        return Err(Error::argument(op, "scale", map.scale, "above 0"));
    }
    map.center = map.center.or(options.center);
    let to = [size.height, size.width];
    let how = options.sampler(Interpolation::Nearest).warp(op, to)?;
    let map = between_pixels(map.inverse(size), size, to);
    plan.push(op, Step::Warp(Warped { map, field: None, how }))
}

pub(crate) fn perspective(
    plan: &mut Plan,
    op: &'static str,
    coefficients: [f64; 8],
    options: &GeometryOptions,
) -> Result<()> {
    for value in coefficients {
        finite(op, "coefficients", value)?;
    }
    let to = [plan.size.height, plan.size.width];
    let how = options.sampler(Interpolation::Bilinear).warp(op, to)?;
    let map = perspective_map(coefficients);
    plan.push(op, Step::Warp(Warped { map, field: None, how }))
}

/// A field of displacements in pixels.
pub(crate) fn displace(
    plan: &mut Plan,
    op: &'static str,
    field: Arc<[f32]>,
    options: &GeometryOptions,
) -> Result<()> {
    let to = [plan.size.height, plan.size.width];
    let how = options.sampler(Interpolation::Bilinear).warp(op, to)?;
    let map = WarpMap::identity();
    plan.push(op, Step::Warp(Warped { map, field: Some(field), how }))
}

/// # Errors
/// `Kind::Argument` for what is no finite number.
pub(crate) fn finite(op: &'static str, name: &'static str, value: f64) -> Result<f64> {
    if value.is_finite() {
        return Ok(value);
    }
    Err(Error::argument(op, name, value, "a finite number"))
}
