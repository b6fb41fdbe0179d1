//! How many samples of each class are wanted.

use std::collections::BTreeMap;

use gradus_tensor::{Error, Result};

/// How many samples a resampler makes of each class; imbalanced-learn calls it
/// `sampling_strategy`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Strategy {
    /// Over-sampling grows all classes to the largest, under-sampling shrinks all to the smallest.
    #[default]
    Auto,
    /// Two classes: this many samples of the smaller for each of the larger.
    Ratio(f64),
    /// These numbers of samples; classes that are not named stay as they are.
    Counts(BTreeMap<i64, usize>),
}

/// In which direction a resampler changes the sizes of classes.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Direction {
    Over,
    Under,
}

impl Strategy {
    /// The wanted number of samples of each class.
    pub(super) fn targets(
        &self,
        op: &'static str,
        classes: &BTreeMap<i64, Vec<usize>>,
        direction: Direction,
    ) -> Result<BTreeMap<i64, usize>> {
        let sizes = || classes.values().map(Vec::len);
        let (least, most) = (sizes().min().unwrap_or(0), sizes().max().unwrap_or(0));
        let now = classes.iter().map(|(&class, samples)| (class, samples.len()));
        let mut targets: BTreeMap<i64, usize> = now.clone().collect();
        match self {
            Strategy::Auto => {
                let all = if direction == Direction::Over { most } else { least };
                targets.values_mut().for_each(|target| *target = all);
            }
            Strategy::Ratio(ratio) => {
                if classes.len() != 2 || !(*ratio > 0.0 && *ratio <= 1.0) {
                    let value = format!("{ratio} for {} classes", classes.len());
                    let expected = "above 0, at most 1, for two classes";
                    return Err(Error::argument(op, "ratio", value, expected));
                }
                let (from, to) = match direction {
                    Direction::Over => (least, (most as f64 * ratio) as usize),
                    Direction::Under => (most, (least as f64 / ratio) as usize),
                };
                // Of two equal classes the first is the one that changes.
                if let Some(target) = targets.values_mut().find(|target| **target == from) {
                    *target = to;
                }
            }
            Strategy::Counts(counts) => {
                for (class, &count) in counts {
                    let Some(target) = targets.get_mut(class) else {
                        return Err(Error::argument(op, "class", class, "one that has samples"));
                    };
                    *target = count;
                }
            }
        }
        for (class, size) in now {
            let target = targets[&class];
            let wrong = match direction {
                Direction::Over => target < size,
                Direction::Under => target > size,
            };
            if wrong {
                let value = format!("{target} of class {class}, which has {size}");
                let expected = match direction {
                    Direction::Over => "no less than there are: an over-sampler leaves none out",
                    Direction::Under => "no more than there are: an under-sampler makes none",
                };
                return Err(Error::argument(op, "number of samples", value, expected));
            }
        }
        Ok(targets)
    }
}
