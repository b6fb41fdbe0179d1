//! Vectors of floats between bounds.

use std::fmt::Debug;

use gradus_tensor::{Error, Result, Shape};

use super::Space;
use super::space::check_length;
use crate::rng::Pcg64;

const OP: &str = "box";

/// A vector of floats that a [`BoxSpace`] consists of: an array where the length is known, which
/// costs no allocation, or a `Vec`.
pub trait Floats: Clone + Debug + PartialEq + AsRef<[f32]> + AsMut<[f32]> {
    /// A vector of that length, an array of its own.
    fn from_fn(length: usize, f: impl FnMut(usize) -> f32) -> Self;
}

impl<const N: usize> Floats for [f32; N] {
    fn from_fn(_: usize, f: impl FnMut(usize) -> f32) -> Self {
        std::array::from_fn(f)
    }
}

impl Floats for Vec<f32> {
    fn from_fn(length: usize, f: impl FnMut(usize) -> f32) -> Self {
        (0..length).map(f).collect()
    }
}

/// Vectors of floats, each within its bounds, which may be infinite. Gymnasium: `Box`, float32.
///
/// ```
/// use gradus_agent::{rng::Pcg64, spaces::{BoxSpace, Space}};
/// let space = BoxSpace::new([-1.0, 0.0], [1.0, f32::INFINITY])?;
/// assert!(space.contains(&[0.5, 1e9]) && !space.contains(&[0.5, -0.1]));
/// let drawn = space.sample(&mut Pcg64::new(3));
/// assert!(space.contains(&drawn));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct BoxSpace<V: Floats = Vec<f32>> {
    low: V,
    high: V,
    shape: Shape,
}

impl<V: Floats> BoxSpace<V> {
    /// Between these bounds, which belong to the space.
    ///
    /// # Errors
    /// `Kind::Argument` for bounds of different lengths, NaN, or a lower bound above the upper.
    pub fn new(low: V, high: V) -> Result<Self> {
        let length = low.as_ref().len();
        BoxSpace::shaped(low, high, [length])
    }

    /// As [`BoxSpace::new`], with the shape that the elements have as tensors.
    ///
    /// # Errors
    /// As [`BoxSpace::new`]; `Kind::Argument` for a shape of another number of elements.
    pub fn shaped(low: V, high: V, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        let (l, h) = (low.as_ref(), high.as_ref());
        if l.len() != h.len() || shape.numel() != l.len() {
            let value = format!("{} long, high {} and shape {shape}", l.len(), h.len());
            return Err(Error::argument(OP, "low", value, "as long as high and shape"));
        }
        // Not `>`: a NaN compares with nothing.
        if let Some(i) =
            (0..l.len()).find(|&i| !matches!(l[i].partial_cmp(&h[i]), Some(o) if o.is_le()))
        {
            let value = format!("{} at {i} with high {}", l[i], h[i]);
            return Err(Error::argument(OP, "low", value, "at most high"));
        }
        Ok(BoxSpace { low, high, shape })
    }

    /// `length` floats, all with the same bounds.
    ///
    /// # Errors
    /// As [`BoxSpace::new`].
    pub fn uniform(length: usize, low: f32, high: f32) -> Result<Self> {
        BoxSpace::new(V::from_fn(length, |_| low), V::from_fn(length, |_| high))
    }

    /// Bounds that the program states.
    pub(crate) fn known(low: V, high: V) -> Self {
        let shape = Shape::from([low.as_ref().len()]);
        BoxSpace { low, high, shape }
    }

    /// The lower bounds.
    pub fn low(&self) -> &[f32] {
        self.low.as_ref()
    }

    /// The upper bounds.
    pub fn high(&self) -> &[f32] {
        self.high.as_ref()
    }

    /// The elements' shape as tensors.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Whether no bound is infinite.
    pub fn is_bounded(&self) -> bool {
        self.low().iter().chain(self.high()).all(|bound| bound.is_finite())
    }
}

impl<V: Floats> Space for BoxSpace<V> {
    type Element = V;
    /// A box is drawn from as a whole.
    type Mask = ();

    /// Uniform between two bounds, exponential from one, normal without. The bounded draws are
    /// Gymnasium's.
    fn sample(&self, rng: &mut Pcg64) -> V {
        V::from_fn(self.low().len(), |i| {
            let (low, high) = (f64::from(self.low()[i]), f64::from(self.high()[i]));
            let drawn = match (low.is_finite(), high.is_finite()) {
                (true, true) => rng.uniform(low, high),
                (true, false) => low + rng.exponential(),
                (false, true) => high - rng.exponential(),
                (false, false) => rng.normal(),
            };
            drawn as f32
        })
    }

    fn sample_masked(&self, _: &(), rng: &mut Pcg64) -> Result<V> {
        Ok(self.sample(rng))
    }

    fn contains(&self, element: &V) -> bool {
        let values = element.as_ref();
        let within = |(i, &v): (usize, &f32)| self.low()[i] <= v && v <= self.high()[i];
        values.len() == self.low().len() && values.iter().enumerate().all(within)
    }

    fn flat_dim(&self) -> usize {
        self.low().len()
    }

    fn flatten_into(&self, element: &V, out: &mut Vec<f32>) {
        out.extend(element.as_ref());
    }

    fn unflatten(&self, flat: &[f32]) -> Result<V> {
        check_length(OP, flat, self.flat_dim())?;
        Ok(V::from_fn(flat.len(), |i| flat[i]))
    }
}
