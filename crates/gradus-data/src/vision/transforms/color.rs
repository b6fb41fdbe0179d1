//! Colours.

use gradus_tensor::{Error, Result};

use crate::SampleKey;
use crate::vision::augment::{Augment, batch_transforms, probability};
use crate::vision::color::Color;
use crate::vision::dice::Dice;
use crate::vision::levels::Levels;
use crate::vision::step::{Plan, Step};

/// Brightness, contrast, saturation and hue by random factors, in an order that is drawn too.
///
/// A strength `b` draws its factor from `max(0, 1 - b)` to `1 + b`, for the hue from `-b` to `b`
/// turns; the `_range` methods give the ends themselves.
///
/// ```
/// use gradus_data::vision::{Augment, ColorJitter};
/// use gradus_data::SampleKey;
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![100u8, 50, 25], [3, 1, 1])?;
/// let jitter = ColorJitter::default().brightness_range([0.5, 0.5]);
/// let y = jitter.transform(&x, &[SampleKey::new(1, 0, 0)])?;
/// assert_eq!(y.to_vec::<u8>()?, [50, 25, 12]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ColorJitter {
    /// Brightness, contrast, saturation, hue.
    ranges: [Option<[f64; 2]>; 4],
}

impl ColorJitter {
    fn strength(mut self, k: usize, strength: f64) -> Self {
        let range = match k {
            3 => [-strength, strength],
            // A strength below 0 stays wrong, to be reported.
            _ if strength >= 0.0 => [(1.0 - strength).max(0.0), 1.0 + strength],
            _ => [f64::NAN; 2],
        };
        self.ranges[k] = Some(range);
        self
    }

    fn range(mut self, k: usize, range: [f64; 2]) -> Self {
        self.ranges[k] = Some(range);
        self
    }

    /// Strength of the change of brightness.
    #[must_use]
    pub fn brightness(self, strength: f64) -> Self {
        self.strength(0, strength)
    }

    /// Strength of the change of contrast.
    #[must_use]
    pub fn contrast(self, strength: f64) -> Self {
        self.strength(1, strength)
    }

    /// Strength of the change of saturation.
    #[must_use]
    pub fn saturation(self, strength: f64) -> Self {
        self.strength(2, strength)
    }

    /// Strength of the change of hue, at most 0.5.
    #[must_use]
    pub fn hue(self, strength: f64) -> Self {
        self.strength(3, strength)
    }

    /// Least and most factor of brightness.
    #[must_use]
    pub fn brightness_range(self, range: [f64; 2]) -> Self {
        self.range(0, range)
    }

    /// Least and most factor of contrast.
    #[must_use]
    pub fn contrast_range(self, range: [f64; 2]) -> Self {
        self.range(1, range)
    }

    /// Least and most factor of saturation.
    #[must_use]
    pub fn saturation_range(self, range: [f64; 2]) -> Self {
        self.range(2, range)
    }

    /// Least and most turn of the hue.
    #[must_use]
    pub fn hue_range(self, range: [f64; 2]) -> Self {
        self.range(3, range)
    }
}

impl Augment for ColorJitter {
    fn plan(&self, key: &SampleKey, plan: &mut Plan) -> Result<()> {
        const OP: &str = "color_jitter";
        let mut dice = Dice::new(key);
        let order = dice.permutation(4);
        let mut steps = [None, None, None, None];
        for (k, range) in self.ranges.iter().enumerate() {
            let Some(range) = range else { continue };
            let [low, high] = if k == 3 { [-0.5, 0.5] } else { [0.0, f64::MAX] };
            if !(low <= range[0] && range[0] <= range[1] && range[1] <= high) {
                const NAMES: [&str; 4] = ["brightness", "contrast", "saturation", "hue"];
                let expected = "least and most factor of at least 0, for the hue within 0.5";
                return Err(Error::argument(OP, NAMES[k], format!("{range:?}"), expected));
            }
            let factor = dice.uniform(*range);
            steps[k] = Some(match k {
                0 => Color::Brightness(factor),
                1 => Color::Contrast(factor),
                2 => Color::Saturation(factor),
                _ => Color::Hue(factor),
            });
        }
        for k in order {
            if let Some(color) = steps[k].take() {
                plan.push(OP, Step::Color(color))?;
            }
        }
        Ok(())
    }
}

/// Grey in 1 or 3 equal channels, of red, green and blue by 0.2989, 0.587 and 0.114.
#[derive(Clone, Debug)]
pub struct Grayscale {
    channels: usize,
}

impl Grayscale {
    /// With 1 or 3 channels; torchvision's default is 1.
    pub fn new(channels: usize) -> Self {
        Grayscale { channels }
    }
}

impl Augment for Grayscale {
    fn plan(&self, _: &SampleKey, plan: &mut Plan) -> Result<()> {
        plan.push("grayscale", Step::Color(grayscale("grayscale", self.channels)?))
    }
}

/// # Errors
/// `Kind::Argument` for other numbers than 1 and 3.
pub(crate) fn grayscale(op: &'static str, channels: usize) -> Result<Color> {
    if matches!(channels, 1 | 3) {
        return Ok(Color::Grayscale(channels));
    }
    Err(Error::argument(op, "num_output_channels", channels, "1 or 3"))
}

/// # Errors
/// `Kind::Argument` above 8.
pub(crate) fn posterize(op: &'static str, bits: u32) -> Result<Color> {
    if bits <= 8 {
        return Ok(Color::Posterize(bits));
    }
    Err(Error::argument(op, "bits", bits, "0 to 8"))
}

/// # Errors
/// `Kind::Argument` above the brightest value of the type.
pub(crate) fn solarize(op: &'static str, plan: &Plan, threshold: f64) -> Result<Color> {
    if threshold <= plan.bound() {
        return Ok(Color::Solarize(threshold));
    }
    Err(Error::argument(op, "threshold", threshold, "at most the type's brightest value"))
}

/// Defines transforms that do one thing with a probability.
macro_rules! by_chance {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $ty:ty),* } $p:literal $op:literal
        |$this:ident, $plan:ident, $dice:ident| $step:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name {
            $($field: $ty,)*
            p: f64,
        }

        impl $name {
            #[doc = concat!("With torchvision's default probability, ", stringify!($p), ".")]
            #[allow(clippy::new_without_default, reason = "the others have arguments")]
            pub fn new($($field: $ty),*) -> Self {
                $name { $($field,)* p: $p }
            }

            /// With probability `p`.
            #[must_use]
            pub fn p(mut self, p: f64) -> Self {
                self.p = p;
                self
            }
        }

        impl Augment for $name {
            fn plan(&self, key: &SampleKey, $plan: &mut Plan) -> Result<()> {
                let $this = self;
                let mut $dice = Dice::new(key);
                if $dice.chance(probability($op, self.p)?) {
                    let step = $step;
                    $plan.push($op, step)?;
                }
                Ok(())
            }
        }

        batch_transforms!($name);
    )*};
}
pub(crate) use by_chance;

by_chance! {
    /// Grey, in as many channels as before, with a probability.
    RandomGrayscale {} 0.1 "random_grayscale"
        |_this, plan, _dice| Step::Color(Color::Grayscale(plan.size.channels));
    /// Inverted colours with a probability.
    RandomInvert {} 0.5 "random_invert" |_this, _plan, _dice| Step::Color(Color::Invert);
    /// Fewer bits a channel with a probability.
    RandomPosterize { bits: u32 } 0.5 "random_posterize"
        |this, _plan, _dice| Step::Color(posterize("random_posterize", this.bits)?);
    /// Values from a threshold on inverted, with a probability.
    RandomSolarize { threshold: f64 } 0.5 "random_solarize"
        |this, plan, _dice| Step::Color(solarize("random_solarize", plan, this.threshold)?);
    /// Channels stretched to the whole range with a probability.
    RandomAutocontrast {} 0.5 "random_autocontrast"
        |_this, _plan, _dice| Step::Levels(Levels::Autocontrast);
    /// Channels equalized with a probability.
    RandomEqualize {} 0.5 "random_equalize" |_this, _plan, _dice| Step::Levels(Levels::Equalize);
    /// Channels in a random order with a probability; torchvision's `RandomChannelPermutation` is
    /// `p` 1.
    RandomChannelPermutation {} 1.0 "random_channel_permutation"
        |_this, plan, dice| Step::Color(Color::Channels(dice.permutation(plan.size.channels)));
    /// A gamma between two ends with a probability.
    RandomGamma { range: [f64; 2] } 0.5 "random_gamma" |this, _plan, dice| {
        let gamma = dice.uniform(this.range);
        let gamma = Color::factor("random_gamma", "gamma", gamma)?;
        Step::Color(Color::Gamma { gamma, gain: 1.0 })
    };
}

batch_transforms!(ColorJitter, Grayscale);
