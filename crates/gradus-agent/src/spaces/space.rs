//! `Space`: what every set of actions or observations can do.

use std::fmt::Debug;

use gradus_tensor::Result;

use crate::rng::Pcg64;

/// A set that elements can be drawn from and that knows its own.
pub trait Space: Clone + Debug + PartialEq {
    /// What the space consists of.
    type Element: Clone + Debug + PartialEq;
    /// What restricts a draw.
    type Mask;

    /// An element at random.
    fn sample(&self, rng: &mut Pcg64) -> Self::Element;

    /// An element at random among those that the mask allows.
    ///
    /// # Errors
    /// `Kind::Argument` for a mask that does not fit the space.
    fn sample_masked(&self, mask: &Self::Mask, rng: &mut Pcg64) -> Result<Self::Element>;

    /// Whether an element is one of the space.
    fn contains(&self, element: &Self::Element) -> bool;

    /// How many numbers [`Space::flatten`] gives. Gymnasium: `flatdim`.
    fn flat_dim(&self) -> usize;

    /// Appends an element as numbers, a choice as a one-hot vector. Gymnasium: `flatten`.
    fn flatten_into(&self, element: &Self::Element, out: &mut Vec<f32>);

    /// The element of such numbers.
    ///
    /// # Errors
    /// `Kind::Argument` for numbers that are no element's.
    fn unflatten(&self, flat: &[f32]) -> Result<Self::Element>;

    /// An element as numbers.
    fn flatten(&self, element: &Self::Element) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.flat_dim());
        self.flatten_into(element, &mut out);
        out
    }
}

/// # Errors
/// `Kind::Argument` unless there are `expected` numbers.
pub(super) fn check_length(op: &'static str, flat: &[f32], expected: usize) -> Result<()> {
    if flat.len() != expected {
        let value = format!("{} numbers for {expected}", flat.len());
        return Err(gradus_tensor::Error::argument(op, "flat", value, "as many as `flat_dim`"));
    }
    Ok(())
}

/// The position of the only one among zeros.
///
/// # Errors
/// `Kind::Argument` for other numbers.
pub(super) fn hot(op: &'static str, flat: &[f32]) -> Result<usize> {
    let ones = flat.iter().filter(|&&v| v == 1.0).count();
    let zeros = flat.iter().filter(|&&v| v == 0.0).count();
    match flat.iter().position(|&v| v == 1.0) {
        Some(at) if ones == 1 && ones + zeros == flat.len() => Ok(at),
        _ => {
            let value = format!("{flat:?}");
            Err(gradus_tensor::Error::argument(op, "flat", value, "a single one among zeros"))
        }
    }
}
