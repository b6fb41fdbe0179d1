//! Pooling: averages, maxima and norms of windows over the last one to three dimensions of
//! `[N, C, *]` or `[C, *]`.

use std::sync::Arc;

use gradus_kernels::{Bands, Divisor, MaxPool, Sliding, spatial_dims};
use gradus_tensor::{Dim, Error, Result, Shape};

use super::one;
use crate::graph::{Keep, record_fn};
use crate::pool_options::{AvgPoolOptions, MaxPoolOptions};
use crate::sizes::Sizes;
use crate::tensor::Tensor;

macro_rules! pools {
    ($($d:literal $max:ident $max_with_indices:ident $avg:ident $lp:ident $adaptive_max:ident
        $adaptive_max_with_indices:ident $adaptive_avg:ident;)*) => {
        impl Tensor {$(
            #[doc = concat!("Maxima of windows over the last ", $d, " dimension(s). PyTorch: \
                `nn.functional.", stringify!($max), "`. *Gradient*: goes where the maximum is; of \
                equal ones, to the first.")]
            ///
            /// # Errors
            /// `Kind::Shape` for another rank or windows larger than x, `Kind::Argument` for a size
            /// of 0 and for more padding than half of a window, `Kind::DType` unless it is a float.
            pub fn $max(&self, options: impl Into<MaxPoolOptions<$d>>) -> Result<Tensor> {
                Ok(self.max_pooled(stringify!($max), &options.into())?.0)
            }

            #[doc = concat!("As [`Tensor::", stringify!($max), "`], with the int32 positions of \
                the maxima in the flattened plane. PyTorch: `return_indices=True`.")]
            ///
            /// # Errors
            #[doc = concat!("As [`Tensor::", stringify!($max), "`].")]
            pub fn $max_with_indices(
                &self,
                options: impl Into<MaxPoolOptions<$d>>,
            ) -> Result<(Tensor, Tensor)> {
                self.max_pooled(stringify!($max), &options.into())
            }

            #[doc = concat!("Averages of windows over the last ", $d, " dimension(s). PyTorch: \
                `nn.functional.", stringify!($avg), "`. *Gradient*: each element's share.")]
            ///
            /// # Errors
            #[doc = concat!("As [`Tensor::", stringify!($max), "`]; `Kind::Argument` for a \
                divisor of 0.")]
            pub fn $avg(&self, options: impl Into<AvgPoolOptions<$d>>) -> Result<Tensor> {
                self.avg_pooled(stringify!($avg), &options.into())
            }

            #[doc = concat!("`(Σ x^p)^(1/p)` of windows over the last ", $d, " dimension(s). \
                PyTorch: `nn.functional.", stringify!($lp), "`, which takes neither padding nor \
                dilation.")]
            ///
            /// # Errors
            #[doc = concat!("As [`Tensor::", stringify!($max), "`].")]
            pub fn $lp(
                &self,
                norm_type: f64,
                kernel_size: impl Into<Sizes<$d>>,
                stride: Option<Sizes<$d>>,
                ceil_mode: bool,
            ) -> Result<Tensor> {
                let mut options = AvgPoolOptions::new(kernel_size).ceil_mode(ceil_mode);
                options.stride = stride;
                self.lp_pooled(stringify!($lp), norm_type, &options)
            }

            #[doc = concat!("Maxima of windows that divide the last ", $d, " dimension(s) into \
                `output_size`. PyTorch: `nn.functional.", stringify!($adaptive_max), "`.")]
            ///
            /// # Errors
            /// `Kind::Shape` for another rank or no elements, `Kind::DType` unless it is a float.
            pub fn $adaptive_max(&self, output_size: impl Into<Sizes<$d>>) -> Result<Tensor> {
                Ok(self.$adaptive_max_with_indices(output_size)?.0)
            }

            #[doc = concat!("As [`Tensor::", stringify!($adaptive_max), "`], with the int32 \
                positions of the maxima in the flattened plane.")]
            ///
            /// # Errors
            #[doc = concat!("As [`Tensor::", stringify!($adaptive_max), "`].")]
            pub fn $adaptive_max_with_indices(
                &self,
                output_size: impl Into<Sizes<$d>>,
            ) -> Result<(Tensor, Tensor)> {
                self.adaptive_max_pooled(stringify!($adaptive_max), &output_size.into().0)
            }

            #[doc = concat!("Averages of windows that divide the last ", $d, " dimension(s) into \
                `output_size`. PyTorch: `nn.functional.", stringify!($adaptive_avg), "`.")]
            ///
            /// # Errors
            /// `Kind::Shape` for another rank or no elements, `Kind::DType` unless it is a float.
            pub fn $adaptive_avg(&self, output_size: impl Into<Sizes<$d>>) -> Result<Tensor> {
                self.adaptive_avg_pooled(stringify!($adaptive_avg), &output_size.into().0)
            }
        )*}
    };
}
pools! {
    1 max_pool1d max_pool1d_with_indices avg_pool1d lp_pool1d
        adaptive_max_pool1d adaptive_max_pool1d_with_indices adaptive_avg_pool1d;
    2 max_pool2d max_pool2d_with_indices avg_pool2d lp_pool2d
        adaptive_max_pool2d adaptive_max_pool2d_with_indices adaptive_avg_pool2d;
    3 max_pool3d max_pool3d_with_indices avg_pool3d lp_pool3d
        adaptive_max_pool3d adaptive_max_pool3d_with_indices adaptive_avg_pool3d;
}

impl Tensor {
    fn max_pooled<const D: usize>(
        &self,
        op: &'static str,
        options: &MaxPoolOptions<D>,
    ) -> Result<(Tensor, Tensor)> {
        self.must_be_float(op)?;
        let pool = MaxPool::sliding(op, &self.shape(), &options.windows())?;
        self.maxima(op, pool, D)
    }

    fn adaptive_max_pooled(&self, op: &'static str, output: &[usize]) -> Result<(Tensor, Tensor)> {
        self.must_be_float(op)?;
        let pool = MaxPool::adaptive(op, &self.shape(), output)?;
        if output.iter().any(|&size| size != 1) {
            return self.maxima(op, pool, output.len());
        }
        // One window is a reduction, which the GPU shares between invocations.
        let plane = self.flatten(-(output.len() as i64), -1)?;
        let (values, indices) = plane.max(-1, true)?;
        Ok((values.reshape_to(pool.output_shape())?, indices.reshape_to(pool.output_shape())?))
    }

    fn maxima(&self, op: &'static str, pool: MaxPool, spatial: usize) -> Result<(Tensor, Tensor)> {
        let (values, indices) = gradus_kernels::max_pool(&self.value(), &pool)?;
        let (indices, pool) = (Tensor::from(indices), Arc::new(pool));
        let at = indices.clone();
        let values = record_fn(op, values, &[self], Keep::NOTHING, move |_, g| {
            one(g.to_maxima(&at, &pool, spatial)?)
        });
        Ok((values, indices))
    }

    /// Each element to where its maximum lay: the adjoint of [`Tensor::at_positions`], which is its
    /// gradient.
    fn to_maxima(&self, at: &Tensor, pool: &Arc<MaxPool>, spatial: usize) -> Result<Tensor> {
        let value = gradus_kernels::max_pool_grad(&self.value(), &at.value(), pool)?;
        let at = at.clone();
        Ok(record_fn("max_pool_grad", value, &[self], Keep::NOTHING, move |_, g| {
            one(g.at_positions(&at, spatial)?)
        }))
    }

    /// The elements at positions in the flattened planes.
    pub(super) fn at_positions(&self, at: &Tensor, spatial: usize) -> Result<Tensor> {
        let first = -(spatial as i64);
        let picked = self.flatten(first, -1)?.gather(-1, &at.flatten(first, -1)?)?;
        picked.reshape_to(&at.shape())
    }

    fn avg_pooled<const D: usize>(
        &self,
        op: &'static str,
        options: &AvgPoolOptions<D>,
    ) -> Result<Tensor> {
        self.must_be_float(op)?;
        let shape = self.shape();
        let first = spatial_dims(op, &shape, D)?;
        let stride = options.stride.unwrap_or(options.kernel_size);
        let divisor = match (options.divisor_override, options.count_include_pad) {
            (Some(0), _) => {
                return Err(Error::argument(op, "divisor_override", 0, "at least 1"));
            }
            (Some(_), _) => Divisor::One,
            (None, true) => Divisor::Padded,
            (None, false) => Divisor::Inside,
        };
        let windows = &options.kernel_size.0;
        if stride.0 == *windows && options.padding.0 == [0; D] && self.is_tiled_by(windows) {
            let size = options.divisor_override.unwrap_or(windows.iter().product());
            return self.tile_sums(windows)?.mul(1.0 / size as f64);
        }
        let mut bands = Vec::with_capacity(D);
        for d in 0..D {
            let window = Sliding {
                kernel_size: options.kernel_size.0[d],
                stride: stride.0[d],
                padding: options.padding.0[d],
                dilation: 1,
                ceil_mode: options.ceil_mode,
            };
            bands.push(Bands::average(op, &shape, first + d, window, divisor)?);
        }
        let pooled = self.resampled(op, first, &bands)?;
        match options.divisor_override {
            Some(divisor) => pooled.mul(1.0 / divisor as f64),
            None => Ok(pooled),
        }
    }

    fn lp_pooled<const D: usize>(
        &self,
        op: &'static str,
        norm_type: f64,
        options: &AvgPoolOptions<D>,
    ) -> Result<Tensor> {
        self.must_be_float(op)?;
        // PyTorch's mean times the window's size, also where a window reaches over the end.
        let size: usize = options.kernel_size.0.iter().product();
        let mean = self.pow_scalar(norm_type)?.avg_pooled(op, options)?;
        mean.mul(size as f64)?.pow_scalar(1.0 / norm_type)
    }

    pub(super) fn adaptive_avg_pooled(&self, op: &'static str, output: &[usize]) -> Result<Tensor> {
        self.must_be_float(op)?;
        let shape = self.shape();
        let first = spatial_dims(op, &shape, output.len())?;
        let mut bands = Vec::with_capacity(output.len());
        for (d, &size) in output.iter().enumerate() {
            bands.push(Bands::adaptive_average(op, &shape, first + d, size)?);
        }
        if output.iter().all(|&size| size == 1) {
            // One window is a reduction, which the GPU shares between invocations.
            let dims: Vec<Dim> = (first..shape.rank()).map(|d| d as Dim).collect();
            return self.mean(&dims, true);
        }
        let windows: Vec<usize> = bands.iter().map(|b| b.input() / b.output().max(1)).collect();
        let even = bands.iter().all(|b| b.output() > 0 && b.input().is_multiple_of(b.output()));
        if even && self.is_tiled_by(&windows) {
            return self.tile_sums(&windows)?.mul(1.0 / windows.iter().product::<usize>() as f64);
        }
        self.resampled(op, first, &bands)
    }

    /// Whether windows that tile the last dimensions are summed as a reduction of a view: on a GPU,
    /// where that is one launch for all dimensions and none for the gradient. The CPU is faster
    /// dimension by dimension.
    fn is_tiled_by(&self, windows: &[usize]) -> bool {
        let shape = self.shape();
        let sizes = &shape.dims()[shape.rank() - windows.len()..];
        let whole = |(&n, &w): (&usize, &usize)| n > 0 && w > 0 && n.is_multiple_of(w);
        !self.device().is_cpu() && sizes.iter().zip(windows).all(whole)
    }

    /// The sums of windows that tile the last dimensions.
    fn tile_sums(&self, windows: &[usize]) -> Result<Tensor> {
        let shape = self.shape();
        let first = shape.rank() - windows.len();
        let mut sizes = shape.dims()[..first].to_vec();
        let mut inside: Vec<Dim> = Vec::with_capacity(windows.len());
        for (&size, &window) in shape.dims()[first..].iter().zip(windows) {
            sizes.extend([size / window, window]);
            inside.push(sizes.len() as Dim - 1);
        }
        self.reshape_to(&Shape::from(sizes))?.sum(&inside, false)
    }

    /// One pass a dimension from `first` on, the one that shrinks most first.
    pub(super) fn resampled(
        &self,
        op: &'static str,
        first: usize,
        bands: &[Bands],
    ) -> Result<Tensor> {
        let growth = |i: usize| bands[i].output() as f64 / bands[i].input().max(1) as f64;
        let mut order: Vec<usize> = (0..bands.len()).collect();
        order.sort_by(|&a, &b| growth(a).total_cmp(&growth(b)));
        let mut out = self.clone();
        for i in order {
            out = out.banded(op, (first + i) as Dim, &bands[i])?;
        }
        Ok(out)
    }

    /// One pass. *Gradient*: the pass with the transposed table.
    fn banded(&self, op: &'static str, dim: Dim, bands: &Bands) -> Result<Tensor> {
        if bands.is_identity() {
            return Ok(self.clone());
        }
        let value = gradus_kernels::resample(&self.value(), dim, bands)?;
        let back = bands.transposed();
        Ok(record_fn(op, value, &[self], Keep::NOTHING, move |_, g| one(g.banded(op, dim, &back)?)))
    }
}
