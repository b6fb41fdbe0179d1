//! Colours, levels, types.

use gradus_tensor::{Array, DType, Result};

use crate::vision::color::Color;
use crate::vision::convert::Convert;
use crate::vision::levels::Levels;
use crate::vision::run::deterministic;
use crate::vision::step::Step;
use crate::vision::transforms;

fn colored(op: &'static str, x: &Array, color: Color) -> Result<Array> {
    deterministic(op, x, |plan| plan.push(op, Step::Color(color)))
}

/// Every value times `brightness_factor`: 0 is black, 1 the image itself.
///
/// ```
/// use gradus_data::vision::functional;
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![10u8, 101, 200], [3, 1, 1])?;
/// assert_eq!(functional::adjust_brightness(&x, 1.5)?.to_vec::<u8>()?, [15, 151, 255]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// As all functions here.
pub fn adjust_brightness(x: &Array, brightness_factor: f64) -> Result<Array> {
    const OP: &str = "adjust_brightness";
    let factor = Color::factor(OP, "brightness_factor", brightness_factor)?;
    colored(OP, x, Color::Brightness(factor))
}

/// Blended with the image's mean grey: 0 is grey, 1 the image itself.
///
/// # Errors
/// As all functions here.
pub fn adjust_contrast(x: &Array, contrast_factor: f64) -> Result<Array> {
    const OP: &str = "adjust_contrast";
    let factor = Color::factor(OP, "contrast_factor", contrast_factor)?;
    colored(OP, x, Color::Contrast(factor))
}

/// Blended with its greys: 0 is grey, 1 the image itself.
///
/// # Errors
/// As all functions here.
pub fn adjust_saturation(x: &Array, saturation_factor: f64) -> Result<Array> {
    const OP: &str = "adjust_saturation";
    let factor = Color::factor(OP, "saturation_factor", saturation_factor)?;
    colored(OP, x, Color::Saturation(factor))
}

/// The hue turned by `hue_factor` of a whole turn, -0.5 to 0.5.
///
/// # Errors
/// As all functions here.
pub fn adjust_hue(x: &Array, hue_factor: f64) -> Result<Array> {
    const OP: &str = "adjust_hue";
    colored(OP, x, Color::Hue(Color::turn(OP, hue_factor)?))
}

/// `gain · x ^ gamma` of values from 0 to 1.
///
/// # Errors
/// As all functions here.
pub fn adjust_gamma(x: &Array, gamma: f64, gain: f64) -> Result<Array> {
    const OP: &str = "adjust_gamma";
    let gamma = Color::factor(OP, "gamma", gamma)?;
    let gain = crate::vision::geometry::finite(OP, "gain", gain)?;
    colored(OP, x, Color::Gamma { gamma, gain })
}

/// Only the upper `bits` of each value.
///
/// # Errors
/// As all functions here.
pub fn posterize(x: &Array, bits: u32) -> Result<Array> {
    colored("posterize", x, transforms::posterize("posterize", bits)?)
}

/// Values from `threshold` on inverted.
///
/// # Errors
/// As all functions here.
pub fn solarize(x: &Array, threshold: f64) -> Result<Array> {
    const OP: &str = "solarize";
    deterministic(OP, x, |plan| {
        let color = transforms::solarize(OP, plan, threshold)?;
        plan.push(OP, Step::Color(color))
    })
}

/// The brightest value less each value.
///
/// # Errors
/// As all functions here.
pub fn invert(x: &Array) -> Result<Array> {
    colored("invert", x, Color::Invert)
}

/// The grey, in 1 or 3 equal channels.
///
/// # Errors
/// As all functions here.
pub fn rgb_to_grayscale(x: &Array, num_output_channels: usize) -> Result<Array> {
    const OP: &str = "rgb_to_grayscale";
    colored(OP, x, transforms::grayscale(OP, num_output_channels)?)
}

/// Channel `permutation[k]` at place `k`.
///
/// # Errors
/// As all functions here; `Kind::Argument` for a channel that does not exist.
pub fn permute_channels(x: &Array, permutation: &[usize]) -> Result<Array> {
    const OP: &str = "permute_channels";
    if let Some(wrong) = permutation.iter().find(|&&c| c >= permutation.len()) {
        let expected = "a channel's number";
        return Err(gradus_tensor::Error::argument(OP, "permutation", wrong, expected));
    }
    colored(OP, x, Color::Channels(permutation.to_vec()))
}

/// Every channel stretched to the whole range.
///
/// # Errors
/// As all functions here.
pub fn autocontrast(x: &Array) -> Result<Array> {
    const OP: &str = "autocontrast";
    deterministic(OP, x, |plan| plan.push(OP, Step::Levels(Levels::Autocontrast)))
}

/// Every channel so that its levels are about equally frequent, by Pillow's rule. Floats count as
/// bytes.
///
/// # Errors
/// As all functions here.
pub fn equalize(x: &Array) -> Result<Array> {
    const OP: &str = "equalize";
    deterministic(OP, x, |plan| plan.push(OP, Step::Levels(Levels::Equalize)))
}

/// `(x - mean) / std` for each channel, in float32.
///
/// # Errors
/// As all functions here; `Kind::DType` for bytes.
pub fn normalize(x: &Array, mean: &[f64], std: &[f64]) -> Result<Array> {
    const OP: &str = "normalize";
    let convert = Convert::normalize(OP, mean, std)?;
    deterministic(OP, x, |plan| plan.push(OP, Step::Convert(convert)))
}

/// `x · scale + offset` in float32.
///
/// # Errors
/// As all functions here.
pub fn rescale(x: &Array, scale: f64, offset: f64) -> Result<Array> {
    const OP: &str = "rescale";
    deterministic(OP, x, |plan| plan.push(OP, Step::Convert(Convert::Rescale { scale, offset })))
}

/// As uint8 or float32; with `scale` between 0..255 of bytes and 0..1 of floats.
///
/// # Errors
/// As all functions here.
pub fn to_dtype(x: &Array, dtype: DType, scale: bool) -> Result<Array> {
    let convert = transforms::to_dtype(dtype, scale)?;
    deterministic("to_dtype", x, |plan| plan.push("to_dtype", Step::Convert(convert)))
}
