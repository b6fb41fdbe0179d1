//! Policies: which operations an image gets, and how strong they are.

use gradus_tensor::{Error, Result};

use super::augment::{Augment, batch_transforms};
use super::color::Color;
use super::dice::Dice;
use super::filter::Filter;
use super::geometry::{self, GeometryOptions};
use super::levels::Levels;
use super::resize::Interpolation;
use super::step::{Plan, Step};
use super::warp::{Affine, Fill};
use crate::SampleKey;

/// The operations of both policies, in torchvision's order.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Name {
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
}

const NAMES: [Name; 14] = [
    Name::Identity,
    Name::ShearX,
    Name::ShearY,
    Name::TranslateX,
    Name::TranslateY,
    Name::Rotate,
    Name::Brightness,
    Name::Color,
    Name::Contrast,
    Name::Sharpness,
    Name::Posterize,
    Name::Solarize,
    Name::AutoContrast,
    Name::Equalize,
];

/// The largest magnitudes of a policy.
struct Strength {
    shear: f64,
    /// Pixels along x and along y.
    translate: [f64; 2],
    rotate: f64,
    color: f64,
    /// Bits that the last bin takes away.
    bits: f64,
}

/// Adds an operation whose magnitude is bin `bin` of `bins`.
fn push(
    plan: &mut Plan,
    op: &'static str,
    name: Name,
    [bin, bins]: [usize; 2],
    strength: &Strength,
    (dice, options): (&mut Dice, &GeometryOptions),
) -> Result<()> {
    let part = bin as f64 / (bins - 1) as f64;
    let most = match name {
        Name::ShearX | Name::ShearY => strength.shear,
        Name::TranslateX => strength.translate[0],
        Name::TranslateY => strength.translate[1],
        Name::Rotate => strength.rotate,
        Name::Brightness | Name::Color | Name::Contrast | Name::Sharpness => strength.color,
        _ => 0.0,
    };
    let mut size = part * most;
    if most > 0.0 && dice.chance(0.5) {
        size = -size;
    }
    let still =
        Affine { angle: 0.0, translate: [0.0; 2], scale: 1.0, shear: [0.0; 2], center: None };
    let shear = size.atan().to_degrees();
    let corner = Some([0.0; 2]);
    match name {
        Name::Identity => Ok(()),
        Name::ShearX => {
            let map = Affine { shear: [shear, 0.0], center: corner, ..still };
            geometry::affine(plan, op, map, options)
        }
        Name::ShearY => {
            let map = Affine { shear: [0.0, shear], center: corner, ..still };
            geometry::affine(plan, op, map, options)
        }
        Name::TranslateX => {
            geometry::affine(plan, op, Affine { translate: [size.trunc(), 0.0], ..still }, options)
        }
        Name::TranslateY => {
            geometry::affine(plan, op, Affine { translate: [0.0, size.trunc()], ..still }, options)
        }
        Name::Rotate => geometry::rotate(plan, op, size, options),
        Name::Brightness => plan.push(op, Step::Color(Color::Brightness(1.0 + size))),
        Name::Color => plan.push(op, Step::Color(Color::Saturation(1.0 + size))),
        Name::Contrast => plan.push(op, Step::Color(Color::Contrast(1.0 + size))),
        Name::Sharpness => plan.push(op, Step::Filter(Filter::Sharpness(1.0 + size))),
        Name::Posterize => {
            let bits = (8.0 - part * strength.bits).round_ties_even() as u32;
            plan.push(op, Step::Color(Color::Posterize(bits)))
        }
        Name::Solarize => {
            let threshold = (1.0 - part) * plan.bound();
            plan.push(op, Step::Color(Color::Solarize(threshold)))
        }
        Name::AutoContrast => plan.push(op, Step::Levels(Levels::Autocontrast)),
        Name::Equalize => plan.push(op, Step::Levels(Levels::Equalize)),
    }
}

/// # Errors
/// `Kind::Argument` for fewer than 2 bins, or a magnitude that is none of them.
fn checked(op: &'static str, magnitude: usize, bins: usize) -> Result<()> {
    if bins < 2 {
        return Err(Error::argument(op, "num_magnitude_bins", bins, "at least 2"));
    }
    if magnitude >= bins {
        return Err(Error::argument(op, "magnitude", magnitude, "below num_magnitude_bins"));
    }
    Ok(())
}

/// Several operations, drawn for each image, all of one magnitude.
///
/// Source: Cubuk et al., "RandAugment", arXiv:1909.13719, with torchvision's operations.
///
/// ```
/// use gradus_data::vision::{Augment, RandAugment};
/// use gradus_data::SampleKey;
/// use gradus_tensor::Array;
/// let x = Array::from_vec((0..192).collect::<Vec<u8>>(), [3, 8, 8])?;
/// let y = RandAugment::default().transform(&x, &[SampleKey::new(4, 0, 0)])?;
/// assert_eq!(y.shape(), x.shape());
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandAugment {
    num_ops: usize,
    magnitude: usize,
    bins: usize,
    options: GeometryOptions,
}

impl Default for RandAugment {
    /// 2 operations, magnitude 9 of 31.
    fn default() -> Self {
        RandAugment::new(2, 9)
    }
}

impl RandAugment {
    /// So many operations of a magnitude from 0 to 30.
    pub fn new(num_ops: usize, magnitude: usize) -> Self {
        RandAugment { num_ops, magnitude, bins: 31, options: GeometryOptions::default() }
    }

    /// How many magnitudes there are.
    #[must_use]
    pub fn num_magnitude_bins(self, bins: usize) -> Self {
        RandAugment { bins, ..self }
    }

    /// How values between pixels are found; the nearest unless said.
    #[must_use]
    pub fn interpolation(self, interpolation: Interpolation) -> Self {
        RandAugment { options: self.options.interpolation(interpolation), ..self }
    }

    /// The colour of what lies outside; without one it is zero.
    #[must_use]
    pub fn fill(self, fill: impl Into<Fill>) -> Self {
        RandAugment { options: self.options.fill(fill), ..self }
    }
}

impl Augment for RandAugment {
    fn plan(&self, key: &SampleKey, plan: &mut Plan) -> Result<()> {
        const OP: &str = "rand_augment";
        checked(OP, self.magnitude, self.bins)?;
        let mut dice = Dice::new(key);
        let side = |side: usize| 150.0 / 331.0 * side as f64;
        let translate = [side(plan.size.width), side(plan.size.height)];
        let strength = Strength { shear: 0.3, translate, rotate: 30.0, color: 0.9, bits: 4.0 };
        for _ in 0..self.num_ops {
            let name = NAMES[dice.below(NAMES.len())];
            let bin = [self.magnitude, self.bins];
            push(plan, OP, name, bin, &strength, (&mut dice, &self.options))?;
        }
        Ok(())
    }
}

/// One operation of a random magnitude.
///
/// Source: Müller and Hutter, "TrivialAugment", arXiv:2103.10158; its wide space.
#[derive(Clone, Debug)]
pub struct TrivialAugmentWide {
    bins: usize,
    options: GeometryOptions,
}

impl Default for TrivialAugmentWide {
    /// 31 magnitudes.
    fn default() -> Self {
        TrivialAugmentWide { bins: 31, options: GeometryOptions::default() }
    }
}

impl TrivialAugmentWide {
    /// How many magnitudes there are.
    #[must_use]
    pub fn num_magnitude_bins(self, bins: usize) -> Self {
        TrivialAugmentWide { bins, ..self }
    }

    /// How values between pixels are found; the nearest unless said.
    #[must_use]
    pub fn interpolation(self, interpolation: Interpolation) -> Self {
        TrivialAugmentWide { options: self.options.interpolation(interpolation), ..self }
    }

    /// The colour of what lies outside; without one it is zero.
    #[must_use]
    pub fn fill(self, fill: impl Into<Fill>) -> Self {
        TrivialAugmentWide { options: self.options.fill(fill), ..self }
    }
}

impl Augment for TrivialAugmentWide {
    fn plan(&self, key: &SampleKey, plan: &mut Plan) -> Result<()> {
        const OP: &str = "trivial_augment_wide";
        checked(OP, 0, self.bins)?;
        let mut dice = Dice::new(key);
        let translate = [32.0; 2];
        let strength = Strength { shear: 0.99, translate, rotate: 135.0, color: 0.99, bits: 6.0 };
        let name = NAMES[dice.below(NAMES.len())];
        let bin = [dice.below(self.bins), self.bins];
        push(plan, OP, name, bin, &strength, (&mut dice, &self.options))
    }
}

batch_transforms!(RandAugment, TrivialAugmentWide);
