//! Resizing the spatial dimensions of `[N, C, *]`.

use gradus_kernels::{Bands, Sampling};
use gradus_tensor::{Error, Result};

use crate::interpolate_options::{Interpolate, OP};
use crate::tensor::Tensor;

impl Tensor {
    /// The spatial dimensions of `[N, C, *]` at another size. PyTorch: `nn.functional.interpolate`.
    /// *Gradient*: the transposed weights; positions are constants.
    ///
    /// ```
    /// use gradus_autodiff::{Interpolate, InterpolateMode, Tensor};
    /// let x = Tensor::from_vec(vec![0.0f32, 1.0], [1, 1, 2])?;
    /// assert_eq!(x.interpolate(&Interpolate::size(4))?.to_vec::<f32>()?, [0.0, 0.0, 1.0, 1.0]);
    /// let to = Interpolate::scale_factor(2.0).mode(InterpolateMode::Linear);
    /// assert_eq!(x.interpolate(&to)?.to_vec::<f32>()?, [0.0, 0.25, 0.75, 1.0]);
    /// # Ok::<(), gradus_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Shape` for a rank that the mode does not take or no elements, `Kind::Argument` for a
    /// size of 0 and options that the mode does not have, `Kind::DType` unless it is a float.
    pub fn interpolate(&self, to: &Interpolate) -> Result<Tensor> {
        self.must_be_float(OP)?;
        let shape = self.shape();
        let spatial = shape.rank().saturating_sub(2);
        to.check(spatial, &shape)?;
        let (sizes, factors) = to.sizes(&shape[2..])?;
        let Some((filter, _)) = to.mode.filter() else {
            if sizes.contains(&0) {
                return Err(Error::argument(OP, "size", format!("{sizes:?}"), "at least 1"));
            }
            return self.adaptive_avg_pooled(OP, &sizes);
        };
        let mut bands = Vec::with_capacity(spatial);
        for (d, &size) in sizes.iter().enumerate() {
            let how = Sampling {
                filter,
                align_corners: to.align_corners.unwrap_or(false),
                antialias: to.antialias,
                scale_factor: factors.as_ref().map(|factors| factors[d]),
            };
            bands.push(Bands::sampled(OP, &shape, 2 + d, size, how)?);
        }
        self.resampled(OP, 2, &bands)
    }
}
