//! Integers from `start` on.

use gradus_tensor::{Error, Result};

use super::Space;
use super::space::{check_length, hot};
use crate::rng::Pcg64;

const OP: &str = "discrete";

/// The integers `start..start + n`. Gymnasium: `Discrete(n, start=0)`.
///
/// ```
/// use gradus_agent::{rng::Pcg64, spaces::{Discrete, Space}};
/// let space = Discrete::with_start(3, -1)?;
/// assert!(space.contains(&-1) && space.contains(&1) && !space.contains(&2));
/// assert_eq!(space.flatten(&1), [0.0, 0.0, 1.0]);
/// assert_eq!(space.unflatten(&[1.0, 0.0, 0.0])?, -1);
/// let mut rng = Pcg64::new(0);
/// assert_eq!(space.sample_masked(&vec![false, true, false], &mut rng)?, 0);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discrete {
    n: usize,
    start: i64,
}

impl Discrete {
    /// The integers `0..n`.
    ///
    /// # Errors
    /// `Kind::Argument` for n of 0.
    pub fn new(n: usize) -> Result<Self> {
        Discrete::with_start(n, 0)
    }

    /// The integers `start..start + n`.
    ///
    /// # Errors
    /// `Kind::Argument` for n of 0 or a range that leaves 64 bits.
    pub fn with_start(n: usize, start: i64) -> Result<Self> {
        let end = i64::try_from(n).ok().and_then(|n| start.checked_add(n));
        if n == 0 || end.is_none() {
            let expected = "positive, with an end that 64 bits hold";
            return Err(Error::argument(OP, "n", n, expected));
        }
        Ok(Discrete { n, start })
    }

    /// A space whose size the program states.
    pub(crate) const fn known(n: usize) -> Self {
        Discrete { n, start: 0 }
    }

    /// How many integers.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The smallest.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// An element's place among `0..n`, if it is one.
    #[inline]
    pub fn index(&self, element: i64) -> Option<usize> {
        let at = usize::try_from(element.checked_sub(self.start)?).ok()?;
        (at < self.n).then_some(at)
    }

    /// An element at random among the allowed; without one the smallest, as in Gymnasium.
    ///
    /// # Errors
    /// `Kind::Argument` for a mask that is not as long as the space.
    pub fn sample_allowed(&self, mask: &[bool], rng: &mut Pcg64) -> Result<i64> {
        if mask.len() != self.n {
            let value = format!("{} long for {} elements", mask.len(), self.n);
            return Err(Error::argument(OP, "mask", value, "as long as the space"));
        }
        let allowed = mask.iter().filter(|&&allowed| allowed).count();
        let chosen = rng.index(allowed);
        let index = mask.iter().enumerate().filter(|(_, allowed)| **allowed).nth(chosen);
        Ok(self.at(index.map_or(0, |(index, _)| index)))
    }

    /// The element at a place.
    #[inline]
    pub fn at(&self, index: usize) -> i64 {
        self.start + index as i64
    }
}

impl Space for Discrete {
    type Element = i64;
    type Mask = Vec<bool>;

    #[inline]
    fn sample(&self, rng: &mut Pcg64) -> i64 {
        self.at(rng.index(self.n))
    }

    fn sample_masked(&self, mask: &Vec<bool>, rng: &mut Pcg64) -> Result<i64> {
        self.sample_allowed(mask, rng)
    }

    fn contains(&self, element: &i64) -> bool {
        self.index(*element).is_some()
    }

    fn flat_dim(&self) -> usize {
        self.n
    }

    fn flatten_into(&self, element: &i64, out: &mut Vec<f32>) {
        let hot = self.index(*element);
        out.extend((0..self.n).map(|i| if Some(i) == hot { 1.0 } else { 0.0 }));
    }

    fn unflatten(&self, flat: &[f32]) -> Result<i64> {
        check_length(OP, flat, self.n)?;
        Ok(self.at(hot(OP, flat)?))
    }
}
