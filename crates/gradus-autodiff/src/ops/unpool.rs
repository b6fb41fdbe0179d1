//! Max unpooling: the partial inverse of max pooling.

use gradus_kernels::spatial_dims;
use gradus_tensor::{Error, Problem, Result, Shape};

use super::one;
use crate::graph::{Keep, record_fn};
use crate::pool_options::MaxPoolOptions;
use crate::sizes::Sizes;
use crate::tensor::Tensor;

macro_rules! unpools {
    ($($d:literal $name:ident $pool:ident;)*) => {
        impl Tensor {$(
            #[doc = concat!("Each element at its position in a plane of zeros: the partial inverse \
                of [`Tensor::", stringify!($pool), "`], whose options and indices it takes; \
                `output_size` settles the sizes that pool to the same one. PyTorch: \
                `nn.functional.", stringify!($name), "`.")]
            ///
            /// Elements that share a position are averaged: the same maximum of two windows stays
            /// what it was.
            ///
            /// # Errors
            /// `Kind::Shape` for another rank or other indices, `Kind::Argument` for an
            /// `output_size` further than a stride from the default, `Kind::Index` for a position
            /// outside the plane.
            pub fn $name(
                &self,
                indices: &Tensor,
                options: impl Into<MaxPoolOptions<$d>>,
                output_size: Option<Sizes<$d>>,
            ) -> Result<Tensor> {
                self.max_unpooled(stringify!($name), indices, &options.into(), output_size)
            }
        )*}
    };
}
unpools! {
    1 max_unpool1d max_pool1d_with_indices;
    2 max_unpool2d max_pool2d_with_indices;
    3 max_unpool3d max_pool3d_with_indices;
}

impl Tensor {
    fn max_unpooled<const D: usize>(
        &self,
        op: &'static str,
        indices: &Tensor,
        options: &MaxPoolOptions<D>,
        output_size: Option<Sizes<D>>,
    ) -> Result<Tensor> {
        self.must_be_float(op)?;
        let shape = self.shape();
        let first = spatial_dims(op, &shape, D)?;
        if indices.shape() != shape {
            let rule = "every element needs its index";
            let operands = [("x", &shape), ("indices", &indices.shape())];
            return Err(Error::shape(op, Problem::Rule { rule }, &operands));
        }
        let sizes = unpooled_sizes(op, &shape[first..], options, output_size)?;
        let whole: Shape = shape[..first].iter().copied().chain(sizes).collect();
        let planes: Shape =
            shape[..first].iter().copied().chain([sizes.iter().product()]).collect();
        let start = -(D as i64);
        let (x, at) = (self.detach().flatten(start, -1)?, indices.detach().flatten(start, -1)?);
        let fill = |value| Tensor::full(&planes, value, x.dtype(), &x.device());
        let one_each = Tensor::full(x.shape(), 1.0, x.dtype(), &x.device());
        let sums = fill(0.0).scatter_add(-1, &at, &x)?;
        let counts = fill(0.0).scatter_add(-1, &at, &one_each)?;
        let value = sums.div(&counts.clamp_min(1.0)?)?.reshape_to(&whole)?.value();
        let at = indices.detach();
        Ok(record_fn(op, value, &[self], Keep::NOTHING, move |_, g| one(g.at_positions(&at, D)?)))
    }
}

/// The sizes before pooling: those asked for, or the smallest that pool to `input`.
fn unpooled_sizes<const D: usize>(
    op: &'static str,
    input: &[usize],
    options: &MaxPoolOptions<D>,
    output_size: Option<Sizes<D>>,
) -> Result<[usize; D]> {
    let stride = options.stride.unwrap_or(options.kernel_size);
    let mut sizes = [0; D];
    for (d, size) in sizes.iter_mut().enumerate() {
        let (kernel, stride, padding) =
            (options.kernel_size.0[d], stride.0[d], options.padding.0[d]);
        let most = i32::MAX as usize;
        if !(1..=most).contains(&stride) || kernel > most || padding > most {
            return Err(Error::argument(op, "stride", stride, "at least 1 and below 2³¹"));
        }
        let reach = input[d].saturating_sub(1) * stride + kernel;
        *size = reach.saturating_sub(2 * padding);
        if let Some(Sizes(wanted)) = output_size {
            if wanted[d].abs_diff(*size) >= stride {
                let got = format!("{wanted:?}");
                let expected = "less than a stride from the default in every dimension";
                return Err(Error::argument(op, "output_size", got, expected));
            }
            *size = wanted[d];
        }
    }
    Ok(sizes)
}
