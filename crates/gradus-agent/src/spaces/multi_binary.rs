//! Switches.

use gradus_tensor::{Error, Result};

use super::Space;
use super::space::check_length;
use crate::rng::Pcg64;

const OP: &str = "multi_binary";

/// Switches that are on or off. Gymnasium: `MultiBinary(n)`.
///
/// ```
/// use gradus_agent::{rng::Pcg64, spaces::{MultiBinary, Space}};
/// let space = MultiBinary::new(3);
/// assert_eq!(space.flatten(&vec![1, 0, 1]), [1.0, 0.0, 1.0]);
/// let drawn = space.sample_masked(&vec![Some(true), None, Some(false)], &mut Pcg64::new(0))?;
/// assert_eq!((drawn[0], drawn[2]), (1, 0));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultiBinary {
    n: usize,
}

impl MultiBinary {
    /// So many switches.
    pub fn new(n: usize) -> Self {
        MultiBinary { n }
    }

    /// How many.
    pub fn n(&self) -> usize {
        self.n
    }
}

impl Space for MultiBinary {
    type Element = Vec<i8>;
    /// Switches that are not drawn, and where they stand.
    type Mask = Vec<Option<bool>>;

    fn sample(&self, rng: &mut Pcg64) -> Vec<i8> {
        // NumPy draws an integer below 2 out of a byte: its upper bit.
        rng.bytes(self.n).into_iter().map(|byte| (byte >> 7) as i8).collect()
    }

    fn sample_masked(&self, mask: &Vec<Option<bool>>, rng: &mut Pcg64) -> Result<Vec<i8>> {
        if mask.len() != self.n {
            let value = format!("{} long for {} switches", mask.len(), self.n);
            return Err(Error::argument(OP, "mask", value, "as long as the space"));
        }
        let drawn = self.sample(rng).into_iter().zip(mask);
        Ok(drawn.map(|(drawn, fixed)| fixed.map_or(drawn, i8::from)).collect())
    }

    fn contains(&self, element: &Vec<i8>) -> bool {
        element.len() == self.n && element.iter().all(|v| matches!(v, 0 | 1))
    }

    fn flat_dim(&self) -> usize {
        self.n
    }

    fn flatten_into(&self, element: &Vec<i8>, out: &mut Vec<f32>) {
        out.extend(element.iter().map(|&v| f32::from(v)));
    }

    fn unflatten(&self, flat: &[f32]) -> Result<Vec<i8>> {
        check_length(OP, flat, self.n)?;
        if flat.iter().any(|v| !matches!(v, 0.0 | 1.0)) {
            return Err(Error::argument(OP, "flat", format!("{flat:?}"), "zeros and ones"));
        }
        Ok(flat.iter().map(|&v| v as i8).collect())
    }
}
