//! Keras's pooling, with channels first.

use gradus_autodiff::{AvgPoolOptions, Dim, MaxPoolOptions, Sizes, Tensor};
use gradus_tensor::Result;

use super::call::{Combine, One};
use super::conv::{image, of_dims, padding};
use super::symbol::Spec;
use crate::{Layer, Module, Padding};

macro_rules! pooling {
    ($name:ident $what:literal $layer:ident $op:literal $kinds:ident $keras:literal) => {
        super::layer! {
            #[doc = concat!($what, " of windows side by side. Keras: `", $keras, "(pool_size)`, ")]
            /// but channels stand first in the data.
            ///
            /// Sizes are one number or one a dimension.
            $name<D> => of_dims::<D>(&$kinds); {
                pool_size: Sizes<D> [impl Into<Sizes<D>>]
            } with {
                /// Sets the padding: `valid`, which is none, or `same`, whose positions do not
                /// take part.
                padding: String [&str] = "valid".into(),
            } and { strides: Option<Sizes<D>> = None }
        }

        impl<const D: usize> $name<D> {
            /// Sets how far a window is from the next; `pool_size` by default.
            #[must_use]
            pub fn strides(self, strides: impl Into<Sizes<D>>) -> Self {
                $name { strides: Some(strides.into()), slot: self.slot.fresh(), ..self }
            }

            fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
                image::<D>($op, inputs)?;
                let same = padding::<D>($op, &self.padding)? == Padding::Same;
                let (size, stride) = (self.pool_size, self.strides.unwrap_or(self.pool_size));
                Ok(Box::new(One($layer { size, stride, same })))
            }
        }
    };
}

const MAX: [&str; 3] = ["MaxPooling1D", "MaxPooling2D", "MaxPooling3D"];
const AVERAGE: [&str; 3] = ["AveragePooling1D", "AveragePooling2D", "AveragePooling3D"];
pooling!(MaxPooling "Maxima" MaxWindows "max_pooling" MAX "MaxPooling2D");
pooling!(AveragePooling "Averages" AverageWindows "average_pooling" AVERAGE "AveragePooling2D");

/// Maxima of windows of `[N, C, H, W]`.
pub type MaxPooling2D = MaxPooling<2>;
/// Maxima of windows of `[N, C, L]`.
pub type MaxPooling1D = MaxPooling<1>;
/// Maxima of windows of `[N, C, D, H, W]`.
pub type MaxPooling3D = MaxPooling<3>;
/// Averages of windows of `[N, C, L]`.
pub type AveragePooling1D = AveragePooling<1>;
/// Averages of windows of `[N, C, H, W]`.
pub type AveragePooling2D = AveragePooling<2>;
/// Averages of windows of `[N, C, D, H, W]`.
pub type AveragePooling3D = AveragePooling<3>;

#[derive(Module)]
struct MaxWindows<const D: usize> {
    #[module(skip)]
    size: Sizes<D>,
    #[module(skip)]
    stride: Sizes<D>,
    same: bool,
}

impl<const D: usize> Layer for MaxWindows<D> {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (size, stride) = (self.size, self.stride);
        let x = match ends(x, size, stride).filter(|_| self.same) {
            Some(ends) => x.pad(&ends, f64::NEG_INFINITY)?,
            None => x.clone(),
        };
        match D {
            1 => x.max_pool1d(MaxPoolOptions::new(resized(size)).stride(resized(stride))),
            2 => x.max_pool2d(MaxPoolOptions::new(resized(size)).stride(resized(stride))),
            _ => x.max_pool3d(MaxPoolOptions::new(resized(size)).stride(resized(stride))),
        }
    }
}

#[derive(Module)]
struct AverageWindows<const D: usize> {
    #[module(skip)]
    size: Sizes<D>,
    #[module(skip)]
    stride: Sizes<D>,
    same: bool,
}

impl<const D: usize> AverageWindows<D> {
    /// Sums of windows divided by `divisor`; by the number of elements without.
    fn averages(&self, x: &Tensor, divisor: Option<usize>) -> Result<Tensor> {
        match D {
            1 => x.avg_pool1d(self.options(divisor)),
            2 => x.avg_pool2d(self.options(divisor)),
            _ => x.avg_pool3d(self.options(divisor)),
        }
    }

    fn options<const E: usize>(&self, divisor: Option<usize>) -> AvgPoolOptions<E> {
        let options = AvgPoolOptions::new(resized(self.size)).stride(resized(self.stride));
        AvgPoolOptions { divisor_override: divisor, ..options }
    }
}

impl<const D: usize> Layer for AverageWindows<D> {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let Some(ends) = ends(x, self.size, self.stride).filter(|_| self.same) else {
            return self.averages(x, None);
        };
        // The zeros outside add nothing to the sums; ones count what is inside.
        let mut one = x.shape().to_vec();
        let channels = one.len().saturating_sub(D);
        one[..channels].fill(1);
        let inside = Tensor::full(one, 1.0, x.dtype(), &x.device());
        let sums = self.averages(&x.pad(&ends, 0.0)?, Some(1))?;
        sums.div(&self.averages(&inside.pad(&ends, 0.0)?, Some(1))?)
    }
}

/// What to pad so that there are `ceil(size / stride)` windows, the last dimension first; an odd
/// element stands at the end. None when there is nothing to pad, or too few dimensions.
fn ends<const D: usize>(x: &Tensor, size: Sizes<D>, stride: Sizes<D>) -> Option<Vec<i64>> {
    let shape = x.shape();
    let first = shape.rank().checked_sub(D)?;
    let mut pad = Vec::with_capacity(2 * D);
    for i in (0..D).rev() {
        let (n, stride) = (shape[first + i], stride.0[i].max(1));
        let covered = (n.div_ceil(stride).max(1) - 1) * stride + size.0[i];
        let missing = covered.saturating_sub(n);
        pad.extend([(missing / 2) as i64, (missing - missing / 2) as i64]);
    }
    pad.iter().any(|&end| end > 0).then_some(pad)
}

/// The same sizes where `D` is known to be `E`.
fn resized<const D: usize, const E: usize>(sizes: Sizes<D>) -> Sizes<E> {
    Sizes(std::array::from_fn(|i| sizes.0[i]))
}

/// How a plane becomes one number.
#[derive(Module)]
struct Global {
    maximum: bool,
    keepdims: bool,
}

impl Layer for Global {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let dims: Vec<Dim> = (2..x.rank() as Dim).collect();
        if self.maximum { x.amax(&dims, self.keepdims) } else { x.mean(&dims, self.keepdims) }
    }
}

macro_rules! global_pooling {
    ($($d:literal $maximum:literal $name:ident $kind:literal $op:literal;)*) => {$(
        super::layer! {
            #[doc = concat!("All sizes of a channel made one number: `(None, C, ..)` to \
                `(None, C)`. Keras: `", $kind, "`, but channels stand first in the data.")]
            $name => $kind; {} with {
                /// Sets whether the dimensions stay, with size 1.
                keepdims: bool [bool] = false,
            }
        }

        impl $name {
            fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
                image::<$d>($op, inputs)?;
                Ok(Box::new(One(Global { maximum: $maximum, keepdims: self.keepdims })))
            }
        }
    )*};
}
global_pooling! {
    1 false GlobalAveragePooling1D "GlobalAveragePooling1D" "global_average_pooling1d";
    2 false GlobalAveragePooling2D "GlobalAveragePooling2D" "global_average_pooling2d";
    3 false GlobalAveragePooling3D "GlobalAveragePooling3D" "global_average_pooling3d";
    1 true GlobalMaxPooling1D "GlobalMaxPooling1D" "global_max_pooling1d";
    2 true GlobalMaxPooling2D "GlobalMaxPooling2D" "global_max_pooling2d";
    3 true GlobalMaxPooling3D "GlobalMaxPooling3D" "global_max_pooling3d";
}
