//! The options of pooling.

use gradus_kernels::Sliding;

use crate::sizes::Sizes;

/// Windows of max pooling over `D` dimensions; a number stands for every dimension, and a kernel
/// size alone for options.
///
/// ```
/// use gradus_autodiff::{Device, MaxPoolOptions, Tensor};
/// let x = Tensor::zeros([1, 3, 32, 32], &Device::cpu());
/// let halved = x.max_pool2d(2)?;
/// assert_eq!(halved.shape().dims(), [1, 3, 16, 16]);
/// let y = x.max_pool2d(MaxPoolOptions::new((3, 5)).stride(2).padding(1))?;
/// assert_eq!(y.shape().dims(), [1, 3, 16, 15]);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MaxPoolOptions<const D: usize> {
    /// Elements of a window.
    pub kernel_size: Sizes<D>,
    /// From one window to the next; `kernel_size` if `None`.
    pub stride: Option<Sizes<D>>,
    /// Positions around the elements that never are a maximum; at most half of `kernel_size`.
    pub padding: Sizes<D>,
    /// From one element of a window to the next.
    pub dilation: Sizes<D>,
    /// Whether a last window may reach over the end, as long as it starts before it.
    pub ceil_mode: bool,
}

/// Windows of average pooling over `D` dimensions; see [`MaxPoolOptions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AvgPoolOptions<const D: usize> {
    /// Elements of a window.
    pub kernel_size: Sizes<D>,
    /// From one window to the next; `kernel_size` if `None`.
    pub stride: Option<Sizes<D>>,
    /// Zeros around the elements; at most half of `kernel_size`.
    pub padding: Sizes<D>,
    /// Whether a last window may reach over the end, as long as it starts before it.
    pub ceil_mode: bool,
    /// Whether the zeros of the padding count, so that sums at the border are divided by the size
    /// of the window; true by default, as in PyTorch.
    pub count_include_pad: bool,
    /// What sums are divided by instead of the number of elements.
    pub divisor_override: Option<usize>,
}

macro_rules! options {
    ($name:ident { $($rest:ident: $value:expr),* }) => {
        impl<const D: usize> $name<D> {
            /// Windows side by side, without padding.
            pub fn new(kernel_size: impl Into<Sizes<D>>) -> Self {
                $name {
                    kernel_size: kernel_size.into(),
                    stride: None,
                    padding: 0.into(),
                    ceil_mode: false,
                    $($rest: $value),*
                }
            }

            /// Sets how far a window is from the next.
            #[must_use]
            pub fn stride(mut self, stride: impl Into<Sizes<D>>) -> Self {
                self.stride = Some(stride.into());
                self
            }

            /// Sets the positions around the elements.
            #[must_use]
            pub fn padding(mut self, padding: impl Into<Sizes<D>>) -> Self {
                self.padding = padding.into();
                self
            }

            /// Sets whether a last window may reach over the end.
            #[must_use]
            pub fn ceil_mode(mut self, ceil_mode: bool) -> Self {
                self.ceil_mode = ceil_mode;
                self
            }
        }

        impl<const D: usize> From<usize> for $name<D> {
            fn from(kernel_size: usize) -> Self {
                $name::new(kernel_size)
            }
        }

        impl<const D: usize> From<[usize; D]> for $name<D> {
            fn from(kernel_size: [usize; D]) -> Self {
                $name::new(kernel_size)
            }
        }

        impl From<(usize, usize)> for $name<2> {
            fn from(kernel_size: (usize, usize)) -> Self {
                $name::new(kernel_size)
            }
        }

        impl From<(usize, usize, usize)> for $name<3> {
            fn from(kernel_size: (usize, usize, usize)) -> Self {
                $name::new(kernel_size)
            }
        }
    };
}
options!(MaxPoolOptions { dilation: 1.into() });
options!(AvgPoolOptions { count_include_pad: true, divisor_override: None });

impl<const D: usize> MaxPoolOptions<D> {
    /// Sets how far an element of a window is from the next.
    #[must_use]
    pub fn dilation(mut self, dilation: impl Into<Sizes<D>>) -> Self {
        self.dilation = dilation.into();
        self
    }

    /// The windows of each dimension.
    pub(crate) fn windows(&self) -> [Sliding; D] {
        let stride = self.stride.unwrap_or(self.kernel_size);
        std::array::from_fn(|d| Sliding {
            kernel_size: self.kernel_size.0[d],
            stride: stride.0[d],
            padding: self.padding.0[d],
            dilation: self.dilation.0[d],
            ceil_mode: self.ceil_mode,
        })
    }
}

impl<const D: usize> AvgPoolOptions<D> {
    /// Sets whether the zeros of the padding count.
    #[must_use]
    pub fn count_include_pad(mut self, count_include_pad: bool) -> Self {
        self.count_include_pad = count_include_pad;
        self
    }

    /// Sets what sums are divided by.
    #[must_use]
    pub fn divisor_override(mut self, divisor: usize) -> Self {
        self.divisor_override = Some(divisor);
        self
    }
}
