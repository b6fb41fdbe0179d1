//! Crops, padding, sizes.

use gradus_tensor::{Error, Result};

use crate::SampleKey;
use crate::vision::augment::{Augment, batch_transforms};
use crate::vision::dice::Dice;
use crate::vision::geometry::{self, PadOptions, PaddingMode};
use crate::vision::picture::refused;
use crate::vision::resize::{Interpolation, ResizeOptions, Side};
use crate::vision::step::Plan;
use crate::vision::warp::Fill;

/// A crop at a random place, of the image or of the padded image.
#[derive(Clone, Debug)]
pub struct RandomCrop {
    size: [usize; 2],
    padding: [usize; 4],
    pad_if_needed: bool,
    options: PadOptions,
}

impl RandomCrop {
    /// Of `[height, width]`.
    pub fn new(size: [usize; 2]) -> Self {
        let options = PadOptions::default();
        RandomCrop { size, padding: [0; 4], pad_if_needed: false, options }
    }

    /// Pads all sides by this many pixels first.
    #[must_use]
    pub fn padding(self, pixels: usize) -> Self {
        self.padding_by([pixels; 4])
    }

    /// Pads `[left, top, right, bottom]` first.
    #[must_use]
    pub fn padding_by(self, padding: [usize; 4]) -> Self {
        RandomCrop { padding, ..self }
    }

    /// Whether a smaller image is padded, on both sides by what it lacks.
    #[must_use]
    pub fn pad_if_needed(self, pad_if_needed: bool) -> Self {
        RandomCrop { pad_if_needed, ..self }
    }

    /// The colour of the padding; 0 unless said.
    #[must_use]
    pub fn fill(self, fill: impl Into<Fill>) -> Self {
        RandomCrop { options: self.options.fill(fill), ..self }
    }

    /// How the padding continues the image.
    #[must_use]
    pub fn padding_mode(self, mode: PaddingMode) -> Self {
        RandomCrop { options: self.options.padding_mode(mode), ..self }
    }
}

impl Augment for RandomCrop {
    fn plan(&self, key: &SampleKey, plan: &mut Plan) -> Result<()> {
        const OP: &str = "random_crop";
        let [h, w] = self.size;
        let [mut left, mut top, mut right, mut bottom] = self.padding;
        if self.pad_if_needed {
            let lacks = h.saturating_sub(plan.size.height + top + bottom);
            (top, bottom) = (top + lacks, bottom + lacks);
            let lacks = w.saturating_sub(plan.size.width + left + right);
            (left, right) = (left + lacks, right + lacks);
        }
        let padded = [plan.size.height + top + bottom, plan.size.width + left + right];
        if padded[0] < h || padded[1] < w {
            let rule = "a crop must not be larger than the padded image";
            return Err(refused(OP, rule, plan.size));
        }
        let mut dice = Dice::new(key);
        let i = dice.below(padded[0] - h + 1);
        let j = dice.below(padded[1] - w + 1);
        // A crop of a padded image is an image that is padded by what is left of the padding.
        let part = |before: usize, first: usize| before as i64 - first as i64;
        let rest = [
            part(left, j),
            part(top, i),
            part(right, padded[1] - w - j),
            part(bottom, padded[0] - h - i),
        ];
        geometry::pad(plan, OP, rest, &self.options)
    }
}

/// The middle of an image; zeros where it is smaller.
#[derive(Clone, Debug)]
pub struct CenterCrop {
    size: [usize; 2],
}

impl CenterCrop {
    /// Of `[height, width]`.
    pub fn new(size: [usize; 2]) -> Self {
        CenterCrop { size }
    }
}

impl Augment for CenterCrop {
    fn plan(&self, _: &SampleKey, plan: &mut Plan) -> Result<()> {
        geometry::center_crop(plan, "center_crop", self.size)
    }
}

/// Padding on every side.
#[derive(Clone, Debug)]
pub struct Pad {
    padding: [i64; 4],
    options: PadOptions,
}

impl Pad {
    /// By `[left, top, right, bottom]` pixels; negative numbers crop.
    pub fn new(padding: [i64; 4]) -> Self {
        Pad { padding, options: PadOptions::default() }
    }

    /// The colour; 0 unless said.
    #[must_use]
    pub fn fill(self, fill: impl Into<Fill>) -> Self {
        Pad { options: self.options.fill(fill), ..self }
    }

    /// How the image is continued.
    #[must_use]
    pub fn padding_mode(self, mode: PaddingMode) -> Self {
        Pad { options: self.options.padding_mode(mode), ..self }
    }
}

impl Augment for Pad {
    fn plan(&self, _: &SampleKey, plan: &mut Plan) -> Result<()> {
        geometry::pad(plan, "pad", self.padding, &self.options)
    }
}

/// Another size; one number is the shorter side.
#[derive(Clone, Debug)]
pub struct Resize {
    size: Side,
    options: ResizeOptions,
}

impl Resize {
    /// `[height, width]`, or the shorter side.
    pub fn new(size: impl Into<Side>) -> Self {
        Resize { size: size.into(), options: ResizeOptions::default() }
    }

    /// How it is done; bilinear with antialiasing unless said.
    #[must_use]
    pub fn options(self, options: ResizeOptions) -> Self {
        Resize { options, ..self }
    }
}

impl Augment for Resize {
    fn plan(&self, _: &SampleKey, plan: &mut Plan) -> Result<()> {
        geometry::resize(plan, "resize", self.size, &self.options)
    }
}

/// A crop of random area and aspect ratio, resized: 10 tries, then the middle.
#[derive(Clone, Debug)]
pub struct RandomResizedCrop {
    size: [usize; 2],
    scale: [f64; 2],
    ratio: [f64; 2],
    options: ResizeOptions,
}

impl RandomResizedCrop {
    /// To `[height, width]`.
    pub fn new(size: [usize; 2]) -> Self {
        let ratio = [3.0 / 4.0, 4.0 / 3.0];
        RandomResizedCrop { size, scale: [0.08, 1.0], ratio, options: ResizeOptions::default() }
    }

    /// Least and most of the image's area.
    #[must_use]
    pub fn scale(self, scale: [f64; 2]) -> Self {
        RandomResizedCrop { scale, ..self }
    }

    /// Least and most of width by height; drawn by its logarithm.
    #[must_use]
    pub fn ratio(self, ratio: [f64; 2]) -> Self {
        RandomResizedCrop { ratio, ..self }
    }

    /// How pixels are made.
    #[must_use]
    pub fn interpolation(self, interpolation: Interpolation) -> Self {
        RandomResizedCrop { options: self.options.interpolation(interpolation), ..self }
    }

    /// Whether the filter widens where a crop shrinks; yes unless said.
    #[must_use]
    pub fn antialias(self, antialias: bool) -> Self {
        RandomResizedCrop { options: self.options.antialias(antialias), ..self }
    }

    /// First row and column, height and width.
    fn part(&self, dice: &mut Dice, height: usize, width: usize) -> ([i64; 2], [usize; 2]) {
        let area = (height * width) as f64;
        let log_ratio = self.ratio.map(f64::ln);
        for _ in 0..10 {
            let target = area * dice.uniform(self.scale);
            let aspect = dice.uniform(log_ratio).exp();
            let w = (target * aspect).sqrt().round_ties_even() as usize;
            let h = (target / aspect).sqrt().round_ties_even() as usize;
            if (1..=width).contains(&w) && (1..=height).contains(&h) {
                let (i, j) = (dice.below(height - h + 1), dice.below(width - w + 1));
                return ([i as i64, j as i64], [h, w]);
            }
        }
        let (have, [least, most]) = (width as f64 / height as f64, self.ratio);
        let near = |v: f64| (v.round_ties_even() as usize).max(1);
        let (h, w) = if have < least {
            (near(width as f64 / least), width)
        } else if have > most {
            (height, near(height as f64 * most))
        } else {
            (height, width)
        };
        ([((height - h) / 2) as i64, ((width - w) / 2) as i64], [h, w])
    }
}

impl Augment for RandomResizedCrop {
    fn plan(&self, key: &SampleKey, plan: &mut Plan) -> Result<()> {
        const OP: &str = "random_resized_crop";
        let [least, most] = self.scale;
        if !(0.0 <= least && least <= most && most.is_finite()) {
            return Err(Error::argument(OP, "scale", format!("{:?}", self.scale), "least, most"));
        }
        let [least, most] = self.ratio;
        if !(0.0 < least && least <= most && most.is_finite()) {
            return Err(Error::argument(OP, "ratio", format!("{:?}", self.ratio), "least, most"));
        }
        let (h, w) = (plan.size.height, plan.size.width);
        if h * w == 0 {
            return Err(refused(OP, "there are no pixels to resize", plan.size));
        }
        let (start, size) = self.part(&mut Dice::new(key), h, w);
        geometry::crop(plan, OP, start, size)?;
        geometry::resize(plan, OP, Side::Both(self.size), &self.options)
    }
}

batch_transforms!(RandomCrop, CenterCrop, Pad, Resize, RandomResizedCrop);
