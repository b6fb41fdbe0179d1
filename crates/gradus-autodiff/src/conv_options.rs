//! The options of convolutions.

use crate::sizes::Sizes;

/// What stands around the input of a convolution: zeros.
///
/// ```
/// use gradus_autodiff::Padding;
/// assert_eq!(Padding::<2>::from(1), Padding::from((1, 1)));
/// assert_eq!(Padding::<2>::from([1, 2]), Padding::Explicit([(1, 1), (2, 2)]));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Padding<const D: usize> {
    /// So many zeros before and after, a pair for each dimension.
    Explicit([(usize, usize); D]),
    /// As many as make the result `ceil(input / stride)` long; an odd one stands at the end.
    /// Keras's rule; PyTorch has the same for stride 1 and no other.
    Same,
    /// None.
    #[default]
    Valid,
}

impl<const D: usize> From<usize> for Padding<D> {
    fn from(both: usize) -> Self {
        Padding::Explicit([(both, both); D])
    }
}

impl<const D: usize> From<[usize; D]> for Padding<D> {
    fn from(sizes: [usize; D]) -> Self {
        Padding::Explicit(sizes.map(|both| (both, both)))
    }
}

impl<const D: usize> From<[(usize, usize); D]> for Padding<D> {
    fn from(pairs: [(usize, usize); D]) -> Self {
        Padding::Explicit(pairs)
    }
}

impl From<(usize, usize)> for Padding<2> {
    /// Rows and columns, as PyTorch's pair.
    fn from((rows, columns): (usize, usize)) -> Self {
        Padding::from([rows, columns])
    }
}

/// Options of a convolution over `D` spatial dimensions, with PyTorch's names and defaults.
///
/// ```
/// use gradus_autodiff::{ConvOptions, Tensor};
/// let x = Tensor::from_vec((1..=9).map(|v| v as f32).collect(), [1, 1, 3, 3])?;
/// let w = Tensor::from_vec(vec![1.0f32; 4], [1, 1, 2, 2])?;
/// let y = x.conv2d(&w, None, &ConvOptions::default().stride(1).padding(0))?;
/// assert_eq!(y.to_vec::<f32>()?, [12.0, 16.0, 24.0, 28.0]);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvOptions<const D: usize> {
    /// Positions from one window to the next.
    pub stride: Sizes<D>,
    /// Zeros around the input.
    pub padding: Padding<D>,
    /// Positions from one element of the kernel to the next.
    pub dilation: Sizes<D>,
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

impl<const D: usize> Default for ConvOptions<D> {
    fn default() -> Self {
        let one = Sizes([1; D]);
        ConvOptions { stride: one, padding: Padding::Valid, dilation: one, groups: 1 }
    }
}

impl<const D: usize> ConvOptions<D> {
    /// Sets the stride.
    #[must_use]
    pub fn stride(mut self, stride: impl Into<Sizes<D>>) -> Self {
        self.stride = stride.into();
        self
    }

    /// Sets the padding.
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Padding<D>>) -> Self {
        self.padding = padding.into();
        self
    }

    /// Sets the dilation.
    #[must_use]
    pub fn dilation(mut self, dilation: impl Into<Sizes<D>>) -> Self {
        self.dilation = dilation.into();
        self
    }

    /// Sets the number of groups.
    #[must_use]
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// Zeros before and after each dimension of an input of these sizes.
    pub fn zeros(&self, input: &[usize], kernel: &[usize]) -> [(usize, usize); D] {
        match self.padding {
            Padding::Explicit(pairs) => pairs,
            Padding::Valid => [(0, 0); D],
            Padding::Same => std::array::from_fn(|d| {
                let (stride, size) = (self.stride.0[d].max(1), input[d]);
                let window = kernel[d].saturating_sub(1) * self.dilation.0[d] + 1;
                let reach = size.div_ceil(stride).saturating_sub(1) * stride + window;
                let zeros = reach.saturating_sub(size);
                (zeros / 2, zeros - zeros / 2)
            }),
        }
    }
}

/// Options of a transposed convolution, with PyTorch's names and defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvTransposeOptions<const D: usize> {
    /// Positions of the result from one window to the next.
    pub stride: Sizes<D>,
    /// Positions cut from both ends of the result.
    pub padding: Sizes<D>,
    /// Positions added at the end of the result.
    pub output_padding: Sizes<D>,
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Positions from one element of the kernel to the next.
    pub dilation: Sizes<D>,
}

impl<const D: usize> Default for ConvTransposeOptions<D> {
    fn default() -> Self {
        let (one, none) = (Sizes([1; D]), Sizes([0; D]));
        ConvTransposeOptions {
            stride: one,
            padding: none,
            output_padding: none,
            groups: 1,
            dilation: one,
        }
    }
}

impl<const D: usize> ConvTransposeOptions<D> {
    /// Sets the stride.
    #[must_use]
    pub fn stride(mut self, stride: impl Into<Sizes<D>>) -> Self {
        self.stride = stride.into();
        self
    }

    /// Sets what is cut from both ends.
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Sizes<D>>) -> Self {
        self.padding = padding.into();
        self
    }

    /// Sets what is added at the end.
    #[must_use]
    pub fn output_padding(mut self, padding: impl Into<Sizes<D>>) -> Self {
        self.output_padding = padding.into();
        self
    }

    /// Sets the number of groups.
    #[must_use]
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// Sets the dilation.
    #[must_use]
    pub fn dilation(mut self, dilation: impl Into<Sizes<D>>) -> Self {
        self.dilation = dilation.into();
        self
    }
}
