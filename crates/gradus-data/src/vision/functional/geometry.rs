//! Geometry.

use std::sync::Arc;

use gradus_tensor::{Array, DType, Device, Error, Problem, Result};

use crate::vision::geometry::{self as steps, GeometryOptions, PadOptions};
use crate::vision::local::{Mesh, mesh_field};
use crate::vision::resize::{ResizeOptions, Side};
use crate::vision::run::deterministic;
use crate::vision::warp::{Affine, perspective_coefficients};

/// The part of `height × width` pixels from row `top` and column `left` on; zero outside.
///
/// ```
/// use gradus_data::vision::functional;
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![1u8, 2, 3, 4], [1, 2, 2])?;
/// let y = functional::crop(&x, 1, 1, 2, 2)?;
/// assert_eq!(y.to_vec::<u8>()?, [4, 0, 0, 0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// As all functions here.
pub fn crop(x: &Array, top: i64, left: i64, height: usize, width: usize) -> Result<Array> {
    deterministic("crop", x, |plan| steps::crop(plan, "crop", [top, left], [height, width]))
}

/// The middle of `[height, width]`; zero where the image is smaller.
///
/// # Errors
/// As all functions here.
pub fn center_crop(x: &Array, size: [usize; 2]) -> Result<Array> {
    deterministic("center_crop", x, |plan| steps::center_crop(plan, "center_crop", size))
}

/// Crops of the four corners and of the middle: upper left, upper right, lower left, lower right.
///
/// # Errors
/// As all functions here; `Kind::Shape` when a crop would be larger than the image.
pub fn five_crop(x: &Array, size: [usize; 2]) -> Result<[Array; 5]> {
    let one =
        |which| deterministic("five_crop", x, |p| steps::corner_crop(p, "five_crop", size, which));
    Ok([one(0)?, one(1)?, one(2)?, one(3)?, one(4)?])
}

/// [`five_crop`] of the image and of its mirror image, or of the one upside down.
///
/// # Errors
/// As [`five_crop`].
pub fn ten_crop(x: &Array, size: [usize; 2], vertical_flip: bool) -> Result<Vec<Array>> {
    let other = if vertical_flip { self::vertical_flip(x)? } else { horizontal_flip(x)? };
    let mut all = five_crop(x, size)?.to_vec();
    all.extend(five_crop(&other, size)?);
    Ok(all)
}

/// `[left, top, right, bottom]` more pixels; fewer where negative.
///
/// ```
/// use gradus_data::vision::{PadOptions, PaddingMode, functional};
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![1u8, 2, 3], [1, 1, 3])?;
/// let mirrored = PadOptions::default().padding_mode(PaddingMode::Reflect);
/// let y = functional::pad(&x, [2, 0, 1, 0], &mirrored)?;
/// assert_eq!(y.to_vec::<u8>()?, [3, 2, 1, 2, 3, 2]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// As all functions here.
pub fn pad(x: &Array, padding: [i64; 4], options: &PadOptions) -> Result<Array> {
    deterministic("pad", x, |plan| steps::pad(plan, "pad", padding, options))
}

/// Left and right exchanged.
///
/// # Errors
/// As all functions here.
pub fn horizontal_flip(x: &Array) -> Result<Array> {
    deterministic("horizontal_flip", x, |p| steps::flip(p, "horizontal_flip", [true, false]))
}

/// Up and down exchanged.
///
/// # Errors
/// As all functions here.
pub fn vertical_flip(x: &Array) -> Result<Array> {
    deterministic("vertical_flip", x, |p| steps::flip(p, "vertical_flip", [false, true]))
}

/// Another size: `[height, width]`, or the shorter side, the longer by the aspect ratio.
///
/// # Errors
/// As all functions here.
pub fn resize(x: &Array, size: impl Into<Side>, options: &ResizeOptions) -> Result<Array> {
    let size = size.into();
    deterministic("resize", x, |plan| steps::resize(plan, "resize", size, options))
}

/// A crop from `[top, left]` of `part` pixels (rows, columns), resized to `size`.
///
/// # Errors
/// As all functions here.
pub fn resized_crop(
    x: &Array,
    start: [i64; 2],
    part: [usize; 2],
    size: [usize; 2],
    options: &ResizeOptions,
) -> Result<Array> {
    const OP: &str = "resized_crop";
    deterministic(OP, x, |plan| {
        steps::crop(plan, OP, start, part)?;
        steps::resize(plan, OP, Side::Both(size), options)
    })
}

/// Turned by degrees, counter-clockwise. Whole half turns, and quarter turns of squares or with
/// `expand`, move pixels only.
///
/// ```
/// use gradus_data::vision::{GeometryOptions, functional};
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![1u8, 2, 3, 4], [1, 2, 2])?;
/// let y = functional::rotate(&x, 90.0, &GeometryOptions::default())?;
/// assert_eq!(y.to_vec::<u8>()?, [2, 4, 1, 3]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// As all functions here.
pub fn rotate(x: &Array, angle: f64, options: &GeometryOptions) -> Result<Array> {
    deterministic("rotate", x, |plan| steps::rotate(plan, "rotate", angle, options))
}

/// Turned by `angle` degrees **clockwise**, moved by `translate` pixels `[x, y]`, `scale` times as
/// large, and sheared by degrees along x and y.
///
/// *Formula*: places of the result are those of the image times `T·C·R·S·SHy·SHx·C⁻¹`.
///
/// # Errors
/// As all functions here.
pub fn affine(
    x: &Array,
    angle: f64,
    translate: [f64; 2],
    scale: f64,
    shear: [f64; 2],
    options: &GeometryOptions,
) -> Result<Array> {
    let map = Affine { angle, translate, scale, shear, center: None };
    deterministic("affine", x, |plan| steps::affine(plan, "affine", map, options))
}

/// Sheared by degrees along x and y about the middle.
///
/// # Errors
/// As all functions here.
pub fn shear(x: &Array, degrees: [f64; 2], options: &GeometryOptions) -> Result<Array> {
    affine(x, 0.0, [0.0; 2], 1.0, degrees, options)
}

/// Seen so that the points `startpoints` `[x, y]` come to lie at `endpoints`.
///
/// # Errors
/// As all functions here; `Kind::Argument` when three points lie on a line.
pub fn perspective(
    x: &Array,
    startpoints: [[f64; 2]; 4],
    endpoints: [[f64; 2]; 4],
    options: &GeometryOptions,
) -> Result<Array> {
    const OP: &str = "perspective";
    let coefficients = perspective_coefficients(OP, startpoints, endpoints)?;
    deterministic(OP, x, |plan| steps::perspective(plan, OP, coefficients, options))
}

/// Read at displaced places: `displacement` `[1, H, W, 2]` in float32, x before y, in units of half
/// an image, as torchvision has it.
///
/// # Errors
/// As all functions here; `Kind::Shape` for a displacement of another shape.
pub fn elastic(x: &Array, displacement: &Array, options: &GeometryOptions) -> Result<Array> {
    const OP: &str = "elastic";
    let mut field = displacement.to(&Device::cpu())?.to_vec::<f32>()?;
    deterministic(OP, x, |plan| {
        let (h, w) = (plan.size.height, plan.size.width);
        if displacement.shape().dims() != [1, h, w, 2] {
            let problem = Problem::Rule { rule: "the displacement must be [1, H, W, 2]" };
            let operands = [("x", x.shape()), ("displacement", displacement.shape())];
            return Err(Error::shape(OP, problem, &operands));
        }
        let half = [w as f32 / 2.0, h as f32 / 2.0];
        for place in field.chunks_exact_mut(2) {
            (place[0], place[1]) = (place[0] * half[0], place[1] * half[1]);
        }
        steps::displace(plan, OP, Arc::from(&field[..]), options)
    })
}

/// A local distortion: read at places that a mesh displaces. `moves` `[rows, columns, 2]` in
/// float32 has the displacements of the mesh's points in pixels, x before y; the points are spread
/// evenly from corner to corner.
///
/// # Errors
/// As all functions here; `Kind::Shape` for fewer than 2 × 2 points.
pub fn local_warp(
    x: &Array,
    moves: &Array,
    mesh: Mesh,
    options: &GeometryOptions,
) -> Result<Array> {
    const OP: &str = "local_warp";
    let (&[rows, columns, 2], DType::F32) = (moves.shape().dims(), moves.dtype()) else {
        let problem = Problem::Rule { rule: "the moves must be [rows, columns, 2] in float32" };
        return Err(Error::shape(OP, problem, &[("x", x.shape()), ("moves", moves.shape())]));
    };
    let flat = moves.to(&Device::cpu())?.to_vec::<f32>()?;
    let points: Vec<[f32; 2]> = flat.chunks_exact(2).map(|p| [p[0], p[1]]).collect();
    deterministic(OP, x, |plan| {
        let field = mesh_field(OP, plan.size, [rows, columns], &points, mesh)?;
        steps::displace(plan, OP, field, options)
    })
}
