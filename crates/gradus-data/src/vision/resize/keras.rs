//! Resizing with the conventions of Keras and TensorFlow 2: pixel centres at halves for the nearest
//! pixel, too, weights in float32 without a rounding between the directions, cubic weights that are
//! renormalised at the edge, and means of what a pixel covers.

use super::Interpolation;
use super::taps::{Taps, separable};
use crate::vision::picture::View;

/// Keys' cubic kernel with the parameter of PIL and TensorFlow.
const CUBIC: f64 = -0.5;

/// Bytes in another height and width, `[C, H, W]`; neither image is empty.
pub(crate) fn resize(
    x: View<'_, u8>,
    to: [usize; 2],
    interpolation: Interpolation,
    antialias: bool,
    out: &mut [u8],
) {
    let taps = |from: usize, to: usize| {
        let places: Vec<_> =
            (0..to).map(|place| weights(place, from, to, interpolation, antialias)).collect();
        Taps::floats(&places, from == to)
    };
    separable(x, &taps(x.size.height, to[0]), &taps(x.size.width, to[1]), out);
}

/// What a place in a line of `to` pixels is made of: neighbours from a start on, with weights whose
/// sum is 1.
fn weights(
    place: usize,
    from: usize,
    to: usize,
    interpolation: Interpolation,
    antialias: bool,
) -> (usize, Vec<f64>) {
    let scale = from as f64 / to as f64;
    let stretch = if antialias { scale.max(1.0) } else { 1.0 };
    let (start, mut weights) = match interpolation {
        Interpolation::Nearest | Interpolation::NearestExact => {
            let at = ((place as f64 + 0.5) * scale) as usize;
            (at.min(from - 1), vec![1.0])
        }
        Interpolation::Area => covered(place, scale, from),
        Interpolation::Bilinear => around(place, scale, from, stretch, 1.0, |x| (1.0 - x).max(0.0)),
        Interpolation::Bicubic => around(place, scale, from, stretch, 2.0, cubic),
    };
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    (start, weights)
}

/// The pixels that a kernel of `support` pixels, stretched, reaches from the centre of a place.
fn around(
    place: usize,
    scale: f64,
    from: usize,
    stretch: f64,
    support: f64,
    kernel: impl Fn(f64) -> f64,
) -> (usize, Vec<f64>) {
    let center = (place as f64 + 0.5) * scale;
    let reach = support * stretch;
    let start = ((center - reach + 0.5).max(0.0) as usize).min(from - 1);
    let end = ((center + reach + 0.5) as usize).clamp(start + 1, from);
    let weight = |at: usize| kernel(((at as f64 + 0.5 - center) / stretch).abs());
    let weights: Vec<f64> = (start..end).map(weight).collect();
    if weights.iter().sum::<f64>() == 0.0 { (start, vec![1.0]) } else { (start, weights) }
}

/// The pixels that a place covers, by how much of each.
fn covered(place: usize, scale: f64, from: usize) -> (usize, Vec<f64>) {
    let (low, high) = (place as f64 * scale, (place + 1) as f64 * scale);
    let start = (low.floor() as usize).min(from - 1);
    let end = (high.ceil() as usize).clamp(start + 1, from);
    let part = |at: usize| (high.min((at + 1) as f64) - low.max(at as f64)).max(0.0);
    let weights: Vec<f64> = (start..end).map(part).collect();
    if weights.iter().sum::<f64>() == 0.0 { (start, vec![1.0]) } else { (start, weights) }
}

fn cubic(x: f64) -> f64 {
    if x < 1.0 {
        ((CUBIC + 2.0) * x - (CUBIC + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        CUBIC * (((x - 5.0) * x + 8.0) * x - 4.0)
    } else {
        0.0
    }
}
