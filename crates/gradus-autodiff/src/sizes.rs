//! One size for every spatial dimension, or one a dimension.

use std::fmt;

/// Sizes of `D` spatial dimensions: a number stands for all of them. PyTorch: `int` or a tuple of
/// them, wherever a kernel, stride, padding or dilation is asked for.
///
/// ```
/// use gradus_autodiff::Sizes;
/// fn kernel(size: impl Into<Sizes<2>>) -> [usize; 2] {
///     size.into().0
/// }
/// assert_eq!(kernel(3), [3, 3]);
/// assert_eq!(kernel((3, 5)), [3, 5]);
/// assert_eq!(kernel([3, 5]), [3, 5]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sizes<const D: usize>(pub [usize; D]);

impl<const D: usize> From<usize> for Sizes<D> {
    fn from(size: usize) -> Self {
        Sizes([size; D])
    }
}

impl<const D: usize> From<[usize; D]> for Sizes<D> {
    fn from(sizes: [usize; D]) -> Self {
        Sizes(sizes)
    }
}

impl From<(usize, usize)> for Sizes<2> {
    fn from((height, width): (usize, usize)) -> Self {
        Sizes([height, width])
    }
}

impl From<(usize, usize, usize)> for Sizes<3> {
    fn from((depth, height, width): (usize, usize, usize)) -> Self {
        Sizes([depth, height, width])
    }
}

impl<const D: usize> fmt::Display for Sizes<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
