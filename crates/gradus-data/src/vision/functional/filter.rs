//! Filters, edges, noise, erasing.

use gradus_tensor::rng::Generator;
use gradus_tensor::{Array, Result};

use crate::vision::canny::Canny;
use crate::vision::color::Color;
use crate::vision::cover::{Erase, Noise, Patch};
use crate::vision::filter::{Filter, Kernel};
use crate::vision::geometry::finite;
use crate::vision::run::deterministic;
use crate::vision::step::Step;

fn filtered(op: &'static str, x: &Array, filter: Filter) -> Result<Array> {
    deterministic(op, x, |plan| plan.push(op, Step::Filter(filter)))
}

/// Blended with a smoothed copy: 0 is smooth, 1 the image itself, more is sharper. The outermost
/// pixels stay.
///
/// # Errors
/// As all functions here.
pub fn adjust_sharpness(x: &Array, sharpness_factor: f64) -> Result<Array> {
    const OP: &str = "adjust_sharpness";
    let factor = Color::factor(OP, "sharpness_factor", sharpness_factor)?;
    filtered(OP, x, Filter::Sharpness(factor))
}

/// A Gaussian blur with a kernel of `[x, y]` pixels, both odd, and deviations `[x, y]`.
/// torchvision's default deviation is `0.15 · size + 0.35`. The image is mirrored about its edge pixels.
///
/// ```
/// use gradus_data::vision::functional;
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![0.0f32, 1.0, 0.0], [1, 1, 3])?;
/// let y = functional::gaussian_blur(&x, [3, 1], [1.0, 1.0])?.to_vec::<f32>()?;
/// assert!((y[1] - 0.45186).abs() < 1e-5); // 1 / (1 + 2 e^(-1/2))
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// As all functions here.
pub fn gaussian_blur(x: &Array, kernel_size: [usize; 2], sigma: [f64; 2]) -> Result<Array> {
    const OP: &str = "gaussian_blur";
    filtered(OP, x, Filter::gaussian(OP, kernel_size, sigma)?)
}

/// The mean of a box of `[x, y]` pixels, both odd. The image is mirrored about its edge pixels;
/// Pillow's `BoxBlur(r)`, of `2r + 1` pixels, repeats them.
///
/// # Errors
/// As all functions here.
pub fn box_blur(x: &Array, kernel_size: [usize; 2]) -> Result<Array> {
    filtered("box_blur", x, Filter::mean("box_blur", kernel_size)?)
}

/// Pillow's `ImageFilter.Kernel` of 3 × 3; the outermost pixels stay.
///
/// # Errors
/// As all functions here; `Kind::Argument` for a scale of 0.
pub fn filter2d(x: &Array, kernel: &Kernel) -> Result<Array> {
    const OP: &str = "filter2d";
    if kernel.scale == 0.0 {
        return Err(gradus_tensor::Error::argument(OP, "scale", 0, "a number other than 0"));
    }
    filtered(OP, x, Filter::Kernel(*kernel))
}

/// The length of Sobel's slope of every channel. The image is mirrored about its edge pixels; bytes
/// are rounded and limited.
///
/// # Errors
/// As all functions here.
pub fn sobel(x: &Array) -> Result<Array> {
    filtered("sobel", x, Filter::Sobel)
}

/// The absolute value of the Laplacian `[0 1 0; 1 -4 1; 0 1 0]` of every channel. The image is
/// mirrored about its edge pixels.
///
/// # Errors
/// As all functions here.
pub fn laplacian(x: &Array) -> Result<Array> {
    filtered("laplacian", x, Filter::Laplacian)
}

/// Canny's edges in one channel, the brightest value on an edge: slopes above `threshold2`, and
/// what is connected to them above `threshold1`. Thresholds are in levels of 0 to 255, for floats
/// too.
///
/// *Source*: OpenCV's `Canny` with its defaults: an aperture of 3, the L1 norm, no blur before.
///
/// # Errors
/// As all functions here.
pub fn canny(x: &Array, threshold1: f64, threshold2: f64) -> Result<Array> {
    const OP: &str = "canny";
    let (a, b) = (finite(OP, "threshold1", threshold1)?, finite(OP, "threshold2", threshold2)?);
    let canny = Canny { low: a.min(b), high: a.max(b) };
    deterministic(OP, x, |plan| plan.push(OP, Step::Canny(canny)))
}

/// A box of `[height, width]` from `[top, left]` on with a value: one number, or one a channel.
///
/// # Errors
/// As all functions here; `Kind::Shape` when the box leaves the image.
pub fn erase(
    x: &Array,
    [top, left]: [usize; 2],
    [height, width]: [usize; 2],
    value: &[f64],
) -> Result<Array> {
    let value = Patch::Color(value.iter().map(|&v| v as f32).collect());
    let step = Step::Erase(Erase { top, left, height, width, value });
    deterministic("erase", x, |plan| plan.push("erase", step))
}

/// Normal noise added, drawn from `generator`; every image of a batch gets the same.
/// [`GaussianNoise`](crate::vision::GaussianNoise) draws one for each.
///
/// # Errors
/// As all functions here.
pub fn gaussian_noise(
    x: &Array,
    mean: f64,
    sigma: f64,
    clip: bool,
    generator: &mut Generator,
) -> Result<Array> {
    const OP: &str = "gaussian_noise";
    let (mean, sigma) = (finite(OP, "mean", mean)?, Color::factor(OP, "sigma", sigma)?);
    deterministic(OP, x, |plan| {
        let field = generator.normal(plan.size.numel()).into();
        plan.push(OP, Step::Noise(Noise { field, mean, sigma, clip }))
    })
}
