//! Standardising over dimensions: the one op behind batch, layer, group, instance and rms norm.

use gradus_tensor::{Dim, Result};
use smallvec::SmallVec;

use super::unbroadcast;
use crate::graph::{Grads, Keep, record_fn};
use crate::tensor::Tensor;
use crate::{is_grad_enabled, no_grad};

/// What [`Tensor::standardize`] returns. Mean and variance are plain numbers of this call:
/// gradients flow through `y` alone.
#[derive(Clone, Debug)]
pub struct Standardized {
    /// `(x - mean) / √(var + eps)`, of the shape of x.
    pub y: Tensor,
    /// The mean over the dimensions, which stay with size 1; none without centring.
    pub mean: Option<Tensor>,
    /// The biased variance, or the mean square without centring.
    pub var: Tensor,
}

/// What is standardised: over which dimensions, and how.
#[derive(Clone, Debug)]
pub(crate) struct Over {
    pub(crate) dims: SmallVec<[Dim; 6]>,
    pub(crate) eps: f64,
    pub(crate) center: bool,
}

/// What scales and shifts the result; both have the rank of x and broadcast to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Affine {
    pub(crate) weight: Option<Tensor>,
    pub(crate) bias: Option<Tensor>,
}

impl Over {
    fn mean(&self, x: &Tensor) -> Result<Option<Tensor>> {
        if self.center { x.mean(&self.dims, true).map(Some) } else { Ok(None) }
    }

    /// In two passes: squares of what is left after the mean do not cancel.
    fn var(&self, x: &Tensor, mean: Option<&Tensor>) -> Result<Tensor> {
        centred(x, mean)?.square()?.mean(&self.dims, true)
    }

    /// Whether a weight varies along a standardised dimension.
    fn varies(&self, weight: &Tensor) -> bool {
        let (shape, rank) = (weight.shape(), weight.rank() as i64);
        self.dims.iter().any(|d| shape[d.rem_euclid(rank) as usize] != 1)
    }

    fn rstd(&self, var: &Tensor) -> Result<Tensor> {
        var.add(self.eps)?.rsqrt()
    }
}

fn centred(x: &Tensor, mean: Option<&Tensor>) -> Result<Tensor> {
    mean.map_or_else(|| Ok(x.clone()), |mean| x.sub(mean))
}

impl Tensor {
    /// `(x - mean) / √(var + eps)` with mean and biased variance over `dims`; without `center`,
    /// `x / √(mean(x²) + eps)`. The variance is sound for a mean far from zero.
    ///
    /// *Gradient*: with `r = 1/√(var + eps)`, `r·(g - mean(g) - y·mean(g·y))`, whose sum over
    /// `dims` is exactly zero for whoever asks; without centring, `r·(g - y·mean(g·y))`. *Cost*:
    /// two reductions and one pass, in either direction.
    ///
    /// ```
    /// use gradus_autodiff::Tensor;
    /// let x = Tensor::from_vec(vec![1.0f32, 3.0, 10.0, 30.0], [2, 2])?;
    /// let rows = x.standardize(&[1], 0.0, true)?;
    /// assert_eq!(rows.y.to_vec::<f32>()?, [-1.0, 1.0, -1.0, 1.0]);
    /// assert_eq!(rows.var.to_vec::<f32>()?, [1.0, 100.0]);
    /// # Ok::<(), gradus_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Shape` when a dimension does not exist, `Kind::DType` unless it is a float.
    pub fn standardize(&self, dims: &[Dim], eps: f64, center: bool) -> Result<Standardized> {
        let over = Over { dims: dims.into(), eps, center };
        standardized("standardize", self, over, &Affine::default())
    }
}

/// [`Tensor::standardize`] with the result scaled and shifted in the same pass.
pub(crate) fn standardized(
    op: &'static str,
    x: &Tensor,
    over: Over,
    affine: &Affine,
) -> Result<Standardized> {
    let (statistics, value) = no_grad(|| -> Result<_> {
        let x = x.detach();
        let mean = over.mean(&x)?;
        let var = over.var(&x, mean.as_ref())?;
        // Known statistics make the result a plain expression, which every reader may repeat.
        for statistic in mean.iter().chain([&var]) {
            statistic.array()?;
        }
        let statistics = Statistics { rstd: over.rstd(&var)?, mean, var };
        statistics.rstd.array()?;
        let mut y = centred(&x, statistics.mean.as_ref())?;
        match &affine.weight {
            Some(weight) if over.varies(weight) => y = y.mul(&statistics.rstd)?.mul(weight)?,
            weight => y = y.mul(&statistics.scale(weight.as_ref())?)?,
        }
        if let Some(bias) = &affine.bias {
            y = y.add(bias)?;
        }
        Ok((statistics, y.value()))
    })?;
    let mut inputs: SmallVec<[&Tensor; 3]> = SmallVec::from_elem(x, 1);
    inputs.extend(&affine.weight);
    inputs.extend(&affine.bias);
    let has_weight = affine.weight.is_some();
    let bias_shape = affine.bias.as_ref().map(Tensor::shape);
    let keep = Keep { inputs: [true, has_weight, false], output: false };
    let (mean, var) = (statistics.mean.clone(), statistics.var.clone());
    let y = record_fn(op, value, &inputs, keep, move |saved, g| {
        let x = saved.input(0);
        let weight = has_weight.then(|| saved.input(1));
        // To be differentiated itself, the rule needs statistics that depend on x.
        let connected;
        let statistics = if is_grad_enabled() {
            let mean = over.mean(&x)?;
            let var = over.var(&x, mean.as_ref())?;
            connected = Statistics { rstd: over.rstd(&var)?, mean, var };
            &connected
        } else {
            &statistics
        };
        let slope = Slope { x: &x, weight: weight.as_ref(), statistics, over: &over, g };
        let needs_weight = has_weight && saved.needs(1);
        let sums = slope.sums(saved.needs(0), needs_weight)?;
        let mut grads: Grads = SmallVec::new();
        grads.push(if saved.needs(0) { Some(slope.of_x(&sums)?) } else { None });
        if let Some(weight) = &weight {
            grads.push(if needs_weight { Some(slope.of_weight(&sums, weight)?) } else { None });
        }
        if let Some(shape) = &bias_shape {
            let wanted = saved.needs(grads.len());
            grads.push(if wanted { Some(unbroadcast(g.clone(), shape)?) } else { None });
        }
        Ok(grads)
    });
    Ok(Standardized { y, mean, var })
}

/// Mean, variance and `1 / √(var + eps)`.
struct Statistics {
    mean: Option<Tensor>,
    var: Tensor,
    rstd: Tensor,
}

impl Statistics {
    /// What multiplies the centred x: `1 / √(var + eps)`, times a weight that is equal along the
    /// standardised dimensions.
    fn scale(&self, weight: Option<&Tensor>) -> Result<Tensor> {
        weight.map_or_else(|| Ok(self.rstd.clone()), |weight| self.rstd.mul(weight))
    }
}

/// What the gradients are made of. Expressions are built anew for each reduction, which then
/// evaluates them as it goes.
struct Slope<'a> {
    x: &'a Tensor,
    weight: Option<&'a Tensor>,
    statistics: &'a Statistics,
    over: &'a Over,
    g: &'a Tensor,
}

/// Σ g·w and Σ g·w·(x - mean) over the standardised dimensions, without w where it is equal along
/// them.
#[derive(Default)]
struct Sums {
    total: Option<Tensor>,
    dot: Option<Tensor>,
}

impl Slope<'_> {
    /// The weight, if it varies along a standardised dimension, as layer norm's does.
    fn varying(&self) -> Option<&Tensor> {
        self.weight.filter(|weight| self.over.varies(weight))
    }

    /// The gradient of the result, times the weight where that cannot be left for later.
    fn weighted(&self) -> Result<Tensor> {
        self.varying().map_or_else(|| Ok(self.g.clone()), |weight| self.g.mul(weight))
    }

    fn centred(&self) -> Result<Tensor> {
        centred(self.x, self.statistics.mean.as_ref())
    }

    fn sums(&self, of_x: bool, of_weight: bool) -> Result<Sums> {
        let mut sums = Sums::default();
        let dims = &self.over.dims;
        if of_x && self.over.center {
            sums.total = Some(self.weighted()?.sum(dims, true)?);
        }
        if of_x || (of_weight && self.varying().is_none()) {
            sums.dot = Some(self.weighted()?.mul(&self.centred()?)?.sum(dims, true)?);
        }
        Ok(sums)
    }

    /// With s the scale, r its part without weight and c the centred x:
    /// `(g - mean(g))·s - c·(mean(g·c)·r²·s)`. What stands in the last brackets is small.
    fn of_x(&self, sums: &Sums) -> Result<Tensor> {
        let shape = self.x.shape();
        let dims = shape.dims_of("standardize", &self.over.dims)?;
        let each = 1.0 / dims.iter().map(|&d| shape[d]).product::<usize>() as f64;
        let rstd = &self.statistics.rstd;
        let plain = self.weight.filter(|_| self.varying().is_none());
        let scale = self.statistics.scale(plain)?;
        let mut slope = self.weighted()?;
        if let Some(total) = &sums.total {
            slope = slope.sub(&total.mul(each)?)?;
        }
        slope = slope.mul(&scale)?;
        if let Some(dot) = &sums.dot {
            let bend = dot.mul(each)?.mul(rstd)?.mul(rstd)?.mul(&scale)?;
            slope = slope.sub(&self.centred()?.mul(&bend)?)?;
        }
        if !self.over.center || is_grad_enabled() {
            return Ok(slope);
        }
        // A constant added to x changes nothing, so the gradient of a bias before the norm is
        // zero. Said aloud, it is exactly zero: Adam would make whole steps of what rounding
        // leaves of the sum.
        Ok(Tensor::constant(slope.value().with_zero_sum(&dims)))
    }

    fn of_weight(&self, sums: &Sums, weight: &Tensor) -> Result<Tensor> {
        let rstd = &self.statistics.rstd;
        match &sums.dot {
            Some(dot) if self.varying().is_none() => unbroadcast(dot.mul(rstd)?, &weight.shape()),
            _ => unbroadcast(self.g.mul(&self.centred()?.mul(rstd)?)?, &weight.shape()),
        }
    }
}
