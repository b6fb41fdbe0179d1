//! Blurs, sharpness, noise, erasing.

use std::sync::Arc;

use gradus_tensor::{Error, Result};
use smallvec::SmallVec;

use super::by_chance;
use crate::SampleKey;
use crate::vision::augment::{Augment, batch_transforms, probability};
use crate::vision::color::Color;
use crate::vision::cover::{Erase, Noise, Patch};
use crate::vision::dice::Dice;
use crate::vision::filter::Filter;
use crate::vision::geometry::finite;
use crate::vision::step::{Plan, Step};

/// A Gaussian blur whose deviation is drawn.
#[derive(Clone, Debug)]
pub struct GaussianBlur {
    kernel_size: [usize; 2],
    sigma: [f64; 2],
}

impl GaussianBlur {
    /// With a kernel of odd size, and a deviation from 0.1 to 2.
    pub fn new(kernel_size: usize) -> Self {
        GaussianBlur { kernel_size: [kernel_size; 2], sigma: [0.1, 2.0] }
    }

    /// Least and most deviation.
    #[must_use]
    pub fn sigma(self, sigma: [f64; 2]) -> Self {
        GaussianBlur { sigma, ..self }
    }
}

impl Augment for GaussianBlur {
    fn plan(&self, key: &SampleKey, plan: &mut Plan) -> Result<()> {
        let sigma = Dice::new(key).uniform(self.sigma);
        let filter = Filter::gaussian("gaussian_blur", self.kernel_size, [sigma; 2])?;
        plan.push("gaussian_blur", Step::Filter(filter))
    }
}

/// The mean of a box of odd size, which is drawn.
#[derive(Clone, Debug)]
pub struct BoxBlur {
    kernel_size: [usize; 2],
}

impl BoxBlur {
    /// Least and most size; only odd ones are drawn.
    pub fn new(kernel_size: [usize; 2]) -> Self {
        BoxBlur { kernel_size }
    }
}

impl Augment for BoxBlur {
    fn plan(&self, key: &SampleKey, plan: &mut Plan) -> Result<()> {
        let [least, most] = self.kernel_size.map(|k| k / 2);
        if least > most {
            let shown = format!("{:?}", self.kernel_size);
            return Err(Error::argument("box_blur", "kernel_size", shown, "least, most"));
        }
        let k = 2 * (least + Dice::new(key).below(most - least + 1)) + 1;
        plan.push("box_blur", Step::Filter(Filter::mean("box_blur", [k; 2])?))
    }
}

/// Normal noise, a number for every pixel and channel; `mean` and `sigma` in parts of the range.
#[derive(Clone, Debug)]
pub struct GaussianNoise {
    mean: f64,
    sigma: f64,
    clip: bool,
}

impl Default for GaussianNoise {
    /// Mean 0, deviation 0.1, clipped.
    fn default() -> Self {
        GaussianNoise { mean: 0.0, sigma: 0.1, clip: true }
    }
}

impl GaussianNoise {
    /// With a deviation.
    pub fn new(sigma: f64) -> Self {
        GaussianNoise { sigma, ..GaussianNoise::default() }
    }

    /// The noise's mean.
    #[must_use]
    pub fn mean(self, mean: f64) -> Self {
        GaussianNoise { mean, ..self }
    }

    /// Whether floats are limited to 0..1; bytes always are to theirs.
    #[must_use]
    pub fn clip(self, clip: bool) -> Self {
        GaussianNoise { clip, ..self }
    }
}

impl Augment for GaussianNoise {
    fn plan(&self, key: &SampleKey, plan: &mut Plan) -> Result<()> {
        const OP: &str = "gaussian_noise";
        let GaussianNoise { mean, sigma, clip } = *self;
        let (mean, sigma) = (finite(OP, "mean", mean)?, Color::factor(OP, "sigma", sigma)?);
        let field: Arc<[f32]> = Dice::new(key).normal_field(plan.size.numel()).into();
        plan.push(OP, Step::Noise(Noise { field, mean, sigma, clip }))
    }
}

/// Erases a box of random place, area and aspect ratio, with a probability: 10 tries, then none.
#[derive(Clone, Debug)]
pub struct RandomErasing {
    p: f64,
    scale: [f64; 2],
    ratio: [f64; 2],
    /// Normal noise when `None`.
    value: Option<SmallVec<[f32; 4]>>,
}

impl Default for RandomErasing {
    /// Probability 0.5, scale 0.02 to 0.33, ratio 0.3 to 3.3, value 0.
    fn default() -> Self {
        let value = Some(SmallVec::from_slice(&[0.0]));
        RandomErasing { p: 0.5, scale: [0.02, 0.33], ratio: [0.3, 3.3], value }
    }
}

impl RandomErasing {
    /// With probability `p`.
    #[must_use]
    pub fn p(self, p: f64) -> Self {
        RandomErasing { p, ..self }
    }

    /// Least and most of the image's area.
    #[must_use]
    pub fn scale(self, scale: [f64; 2]) -> Self {
        RandomErasing { scale, ..self }
    }

    /// Least and most of height by width.
    #[must_use]
    pub fn ratio(self, ratio: [f64; 2]) -> Self {
        RandomErasing { ratio, ..self }
    }

    /// One number, or one a channel.
    #[must_use]
    pub fn value(self, value: &[f64]) -> Self {
        RandomErasing { value: Some(value.iter().map(|&v| v as f32).collect()), ..self }
    }

    /// Standard normal noise: torchvision's value `random`.
    #[must_use]
    pub fn random_value(self) -> Self {
        RandomErasing { value: None, ..self }
    }
}

impl Augment for RandomErasing {
    fn plan(&self, key: &SampleKey, plan: &mut Plan) -> Result<()> {
        const OP: &str = "random_erasing";
        let mut dice = Dice::new(key);
        let [least, most] = self.scale;
        if !(0.0 <= least && least <= most && most <= 1.0) {
            let expected = "least and most, within 0 to 1";
            return Err(Error::argument(OP, "scale", format!("{:?}", self.scale), expected));
        }
        let [least, most] = self.ratio;
        if !(0.0 < least && least <= most && most.is_finite()) {
            let expected = "least and most, above 0";
            return Err(Error::argument(OP, "ratio", format!("{:?}", self.ratio), expected));
        }
        if !dice.chance(probability(OP, self.p)?) {
            return Ok(());
        }
        let size = plan.size;
        for _ in 0..10 {
            let area = size.plane() as f64 * dice.uniform(self.scale);
            let aspect = dice.uniform(self.ratio.map(f64::ln)).exp();
            let height = (area * aspect).sqrt().round_ties_even() as usize;
            let width = (area / aspect).sqrt().round_ties_even() as usize;
            if height >= size.height || width >= size.width {
                continue;
            }
            let value = match &self.value {
                Some(color) => Patch::Color(color.clone()),
                None => Patch::Pixels(dice.normal_field(size.channels * height * width).into()),
            };
            let top = dice.below(size.height - height + 1);
            let left = dice.below(size.width - width + 1);
            return plan.push(OP, Step::Erase(Erase { top, left, height, width, value }));
        }
        Ok(())
    }
}

by_chance! {
    /// Sharper, or smoother, by a factor with a probability: 0 is smooth, 1 the image itself.
    RandomAdjustSharpness { sharpness_factor: f64 } 0.5 "random_adjust_sharpness"
        |this, _plan, _dice| Step::Filter(Filter::Sharpness(Color::factor(
            "random_adjust_sharpness",
            "sharpness_factor",
            this.sharpness_factor,
        )?));
}

batch_transforms!(GaussianBlur, BoxBlur, GaussianNoise, RandomErasing);
