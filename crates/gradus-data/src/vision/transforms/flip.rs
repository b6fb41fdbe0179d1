//! Flips.

use gradus_tensor::Result;

use crate::SampleKey;
use crate::vision::augment::{Augment, batch_transforms, probability};
use crate::vision::dice::Dice;
use crate::vision::geometry;
use crate::vision::step::Plan;

/// Mirrors an image, left and right, with a probability.
#[derive(Clone, Debug)]
pub struct RandomHorizontalFlip {
    p: f64,
}

/// Turns an image upside down, as in water, with a probability.
#[derive(Clone, Debug)]
pub struct RandomVerticalFlip {
    p: f64,
}

macro_rules! flips {
    ($($name:ident, $op:literal, $flips:expr;)*) => {$(
        impl $name {
            /// With probability `p`.
            pub fn new(p: f64) -> Self {
                $name { p }
            }
        }

        impl Default for $name {
            /// With probability 0.5.
            fn default() -> Self {
                $name { p: 0.5 }
            }
        }

        impl Augment for $name {
            fn plan(&self, key: &SampleKey, plan: &mut Plan) -> Result<()> {
                if Dice::new(key).chance(probability($op, self.p)?) {
                    geometry::flip(plan, $op, $flips)?;
                }
                Ok(())
            }
        }
    )*};
}
flips! {
    RandomHorizontalFlip, "random_horizontal_flip", [true, false];
    RandomVerticalFlip, "random_vertical_flip", [false, true];
}

batch_transforms!(RandomHorizontalFlip, RandomVerticalFlip);
