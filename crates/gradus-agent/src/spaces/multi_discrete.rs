//! Several choices at once.

use gradus_tensor::{Error, Result};

use super::space::{check_length, hot};
use super::{Discrete, Space};
use crate::rng::Pcg64;

const OP: &str = "multi_discrete";

/// Several independent choices. Gymnasium: `MultiDiscrete(nvec)`.
///
/// ```
/// use gradus_agent::{rng::Pcg64, spaces::{MultiDiscrete, Space}};
/// let space = MultiDiscrete::new([2, 3])?;
/// assert_eq!(space.flatten(&vec![1, 0]), [0.0, 1.0, 1.0, 0.0, 0.0]);
/// assert!(space.contains(&space.sample(&mut Pcg64::new(0))));
/// assert!(!space.contains(&vec![0, 3]));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MultiDiscrete {
    choices: Vec<Discrete>,
}

impl MultiDiscrete {
    /// Choices among `0..n`, one for each n.
    ///
    /// # Errors
    /// `Kind::Argument` for an n of 0.
    pub fn new(nvec: impl IntoIterator<Item = usize>) -> Result<Self> {
        let choices: Result<_> = nvec.into_iter().map(Discrete::new).collect();
        Ok(MultiDiscrete { choices: choices? })
    }

    /// These choices.
    pub fn of(choices: impl IntoIterator<Item = Discrete>) -> Self {
        MultiDiscrete { choices: choices.into_iter().collect() }
    }

    /// The choices.
    pub fn choices(&self) -> &[Discrete] {
        &self.choices
    }
}

impl Space for MultiDiscrete {
    type Element = Vec<i64>;
    /// A mask for each choice.
    type Mask = Vec<Vec<bool>>;

    /// Gymnasium scales floats here instead of drawing integers.
    fn sample(&self, rng: &mut Pcg64) -> Vec<i64> {
        let draw = |c: &Discrete| c.at((rng.random() * c.n() as f64) as usize);
        self.choices.iter().map(draw).collect()
    }

    fn sample_masked(&self, mask: &Vec<Vec<bool>>, rng: &mut Pcg64) -> Result<Vec<i64>> {
        if mask.len() != self.choices.len() {
            let value = format!("{} masks for {} choices", mask.len(), self.choices.len());
            return Err(Error::argument(OP, "mask", value, "a mask for each choice"));
        }
        let pairs = self.choices.iter().zip(mask);
        pairs.map(|(choice, mask)| choice.sample_masked(mask, rng)).collect()
    }

    fn contains(&self, element: &Vec<i64>) -> bool {
        let pairs = || self.choices.iter().zip(element);
        element.len() == self.choices.len() && pairs().all(|(choice, v)| choice.contains(v))
    }

    fn flat_dim(&self) -> usize {
        self.choices.iter().map(Discrete::n).sum()
    }

    fn flatten_into(&self, element: &Vec<i64>, out: &mut Vec<f32>) {
        self.choices.iter().zip(element).for_each(|(choice, v)| choice.flatten_into(v, out));
    }

    fn unflatten(&self, flat: &[f32]) -> Result<Vec<i64>> {
        check_length(OP, flat, self.flat_dim())?;
        let mut rest = flat;
        let mut element = Vec::with_capacity(self.choices.len());
        for choice in &self.choices {
            let (own, after) = rest.split_at(choice.n());
            element.push(choice.at(hot(OP, own)?));
            rest = after;
        }
        Ok(element)
    }
}
