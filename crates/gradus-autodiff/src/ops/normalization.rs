//! Normalisation over batches, features, groups and channels.

use gradus_tensor::{DType, Dim, Error, Kind, Problem, Result};
use smallvec::SmallVec;

use super::standardize::{Affine, Over, Standardized, standardized};
use crate::no_grad;
use crate::tensor::Tensor;

/// The running estimates of batch and instance norm: leaves `[C]` that a call in training
/// replaces, and one in evaluation reads.
///
/// ```
/// use gradus_autodiff::{RunningStats, Tensor};
/// let (mean, var) = (Tensor::from_vec(vec![0.0f32], [1])?, Tensor::from_vec(vec![1.0f32], [1])?);
/// let running = RunningStats { mean: &mean, var: &var, momentum: 0.5 };
/// let x = Tensor::from_vec(vec![1.0f32, 3.0], [2, 1])?;
/// x.batch_norm(Some(running), None, None, true, 1e-5)?;
/// assert_eq!((mean.item()?, var.item()?), (1.0, 1.5));
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RunningStats<'a> {
    /// The estimated mean.
    pub mean: &'a Tensor,
    /// The estimated variance, unbiased.
    pub var: &'a Tensor,
    /// The weight of a new batch in the estimates.
    pub momentum: f64,
}

impl RunningStats<'_> {
    /// Takes a batch in: nothing is recorded, and the estimates are computed at once, so that
    /// they hold no batch.
    fn update(&self, mean: &Tensor, var: &Tensor) -> Result<()> {
        no_grad(|| {
            for (own, new) in [(self.mean, mean), (self.var, var)] {
                let kept = own.detach().mul(1.0 - self.momentum)?;
                let mixed = kept.add(&new.detach().mul(self.momentum)?)?.to_dtype(own.dtype())?;
                mixed.array()?;
                own.set_value(&mixed)?;
            }
            Ok(())
        })
    }
}

impl Tensor {
    /// Each channel (dimension 1) of `[N, C, *]` standardised over all the rest, then scaled and
    /// shifted by `weight` and `bias` `[C]`. PyTorch: `nn.functional.batch_norm` (momentum 0.1
    /// in `running`, eps 1e-5). *Source*: arXiv:1502.03167.
    ///
    /// In training the batch's statistics are used, and `running` takes them in; in evaluation
    /// those of `running`.
    ///
    /// ```
    /// use gradus_autodiff::Tensor;
    /// let x = Tensor::from_vec(vec![1.0f32, 10.0, 3.0, 30.0], [2, 2])?;
    /// let y = x.batch_norm(None, None, None, true, 0.0)?;
    /// assert_eq!(y.to_vec::<f32>()?, [-1.0, -1.0, 1.0, 1.0]);
    /// # Ok::<(), gradus_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Shape` for fewer than two dimensions, one value a channel in training, or a
    /// parameter that is not `[C]`; `Kind::Argument` in evaluation without `running`.
    pub fn batch_norm(
        &self,
        running: Option<RunningStats<'_>>,
        weight: Option<&Tensor>,
        bias: Option<&Tensor>,
        training: bool,
        eps: f64,
    ) -> Result<Tensor> {
        let op = "batch_norm";
        let channels = Channels::of(op, self, running, weight, bias)?;
        if !training {
            return channels.known(running, eps);
        }
        let mut dims: SmallVec<[Dim; 6]> = (0..self.rank() as i64).collect();
        dims.remove(1);
        let count = self.numel() / self.shape()[1].max(1);
        channels.measured(running, dims, count, eps)
    }

    /// Each channel of each example of `[N, C, *]` standardised by itself; else as
    /// [`Tensor::batch_norm`], with `use_input_stats` for its `training`. PyTorch:
    /// `nn.functional.instance_norm` (eps 1e-5). *Source*: arXiv:1607.08022.
    ///
    /// ```
    /// use gradus_autodiff::Tensor;
    /// let x = Tensor::from_vec(vec![1.0f32, 3.0, 10.0, 30.0], [1, 2, 2])?;
    /// let y = x.instance_norm(None, None, None, true, 0.0)?;
    /// assert_eq!(y.to_vec::<f32>()?, [-1.0, 1.0, -1.0, 1.0]);
    /// # Ok::<(), gradus_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Tensor::batch_norm`].
    pub fn instance_norm(
        &self,
        running: Option<RunningStats<'_>>,
        weight: Option<&Tensor>,
        bias: Option<&Tensor>,
        use_input_stats: bool,
        eps: f64,
    ) -> Result<Tensor> {
        let op = "instance_norm";
        let channels = Channels::of(op, self, running, weight, bias)?;
        if !use_input_stats {
            return channels.known(running, eps);
        }
        let shape = self.shape();
        let dims = (2..self.rank() as i64).collect();
        channels.measured(running, dims, shape[2..].iter().product(), eps)
    }

    /// The last dimensions, of the sizes `normalized_shape`, standardised together, then scaled
    /// and shifted element by element. PyTorch: `nn.functional.layer_norm` (eps 1e-5).
    /// *Source*: arXiv:1607.06450.
    ///
    /// ```
    /// use gradus_autodiff::Tensor;
    /// let x = Tensor::from_vec(vec![1.0f32, 3.0, 10.0, 30.0], [2, 2])?;
    /// let weight = Tensor::from_vec(vec![1.0f32, 2.0], [2])?;
    /// let y = x.layer_norm(&[2], Some(&weight), None, 0.0)?;
    /// assert_eq!(y.to_vec::<f32>()?, [-1.0, 2.0, -1.0, 2.0]);
    /// # Ok::<(), gradus_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Shape` when x does not end with `normalized_shape`, or a parameter differs from it.
    pub fn layer_norm(
        &self,
        normalized_shape: &[usize],
        weight: Option<&Tensor>,
        bias: Option<&Tensor>,
        eps: f64,
    ) -> Result<Tensor> {
        last_dims("layer_norm", self, normalized_shape, (weight, bias), (eps, true))
    }

    /// `x / √(mean(x²) + eps) · weight` over the last dimensions, of the sizes
    /// `normalized_shape`; without eps, that of the type. PyTorch: `nn.functional.rms_norm`.
    /// *Source*: arXiv:1910.07467.
    ///
    /// ```
    /// use gradus_autodiff::Tensor;
    /// let x = Tensor::from_vec(vec![1.0f32, 7.0], [1, 2])?;
    /// assert_eq!(x.rms_norm(&[2], None, Some(0.0))?.to_vec::<f32>()?, [0.2, 1.4]);
    /// # Ok::<(), gradus_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Tensor::layer_norm`].
    pub fn rms_norm(
        &self,
        normalized_shape: &[usize],
        weight: Option<&Tensor>,
        eps: Option<f64>,
    ) -> Result<Tensor> {
        let smallest = match self.dtype() {
            DType::F64 => f64::EPSILON,
            _ => f64::from(f32::EPSILON),
        };
        let how = (eps.unwrap_or(smallest), false);
        last_dims("rms_norm", self, normalized_shape, (weight, None), how)
    }

    /// The channels of `[N, C, *]` in `num_groups` groups, each group of an example standardised
    /// by itself, then scaled and shifted by `weight` and `bias` `[C]`. PyTorch:
    /// `nn.functional.group_norm` (eps 1e-5). *Source*: arXiv:1803.08494.
    ///
    /// ```
    /// use gradus_autodiff::Tensor;
    /// let x = Tensor::from_vec(vec![1.0f32, 3.0, 10.0, 30.0], [1, 4])?;
    /// assert_eq!(x.group_norm(2, None, None, 0.0)?.to_vec::<f32>()?, [-1.0, 1.0, -1.0, 1.0]);
    /// # Ok::<(), gradus_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Shape` for fewer than two dimensions or parameters that are not `[C]`;
    /// `Kind::Argument` when the groups do not divide the channels.
    pub fn group_norm(
        &self,
        num_groups: usize,
        weight: Option<&Tensor>,
        bias: Option<&Tensor>,
        eps: f64,
    ) -> Result<Tensor> {
        let op = "group_norm";
        let shape = self.shape();
        Channels::of(op, self, None, weight, bias)?;
        if num_groups == 0 || !shape[1].is_multiple_of(num_groups) {
            let expected = "a divisor of the channels";
            return Err(Error::argument(op, "num_groups", num_groups, expected));
        }
        let per_group = shape[1] / num_groups;
        let lead = [shape[0], num_groups, per_group];
        let grouped = lead.into_iter().chain(shape[2..].iter().copied()).collect();
        let mut wide = vec![1i64; shape.rank() + 1];
        (wide[1], wide[2]) = (num_groups as i64, per_group as i64);
        let spread = |t: Option<&Tensor>| t.map(|t| t.reshape(&wide)).transpose();
        let affine = Affine { weight: spread(weight)?, bias: spread(bias)? };
        let over = Over { dims: (2..=shape.rank() as i64).collect(), eps, center: true };
        let x = self.reshape_to(&grouped)?;
        standardized(op, &x, over, &affine)?.y.reshape_to(&shape)
    }

    /// `x / (k + alpha · mean(x²))^beta` with the mean over `size` neighbouring channels, missing
    /// ones zero. PyTorch: `nn.functional.local_response_norm` (alpha 1e-4, beta 0.75, k 1).
    /// *Source*: Krizhevsky et al., NIPS 2012.
    ///
    /// ```
    /// use gradus_autodiff::Tensor;
    /// let x = Tensor::from_vec(vec![1.0f32, 2.0], [1, 2, 1])?;
    /// let y = x.local_response_norm(2, 2.0, 1.0, 0.0)?;
    /// assert_eq!(y.to_vec::<f32>()?, [1.0, 0.4]);
    /// # Ok::<(), gradus_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Shape` for fewer than three dimensions, `Kind::Argument` for size 0.
    pub fn local_response_norm(
        &self,
        size: usize,
        alpha: f64,
        beta: f64,
        k: f64,
    ) -> Result<Tensor> {
        let op = "local_response_norm";
        let shape = self.shape();
        if shape.rank() < 3 {
            let problem = Problem::Rank { name: "x", got: shape.rank(), expected: "at least 3" };
            return Err(Error::shape(op, problem, &[("x", &shape)]));
        }
        if size == 0 {
            return Err(Error::argument(op, "size", size, "at least 1"));
        }
        let mut pad = vec![0i64; 2 * (shape.rank() - 1)];
        let at = pad.len() - 2;
        (pad[at], pad[at + 1]) = ((size / 2) as i64, ((size - 1) / 2) as i64);
        let squares = self.square()?.pad(&pad, 0.0)?;
        let mut sum = squares.narrow(1, 0, shape[1])?;
        for shift in 1..size {
            sum = sum.add(&squares.narrow(1, shift, shape[1])?)?;
        }
        self.div(&sum.mul(alpha / size as f64)?.add(k)?.pow_scalar(beta)?)
    }
}

/// A tensor with channels and their parameters, checked.
struct Channels<'a> {
    op: &'static str,
    x: &'a Tensor,
    affine: Affine,
    /// Channels as the only dimension of x's rank: `[1, C, 1 …]`.
    wide: Vec<i64>,
}

impl<'a> Channels<'a> {
    fn of(
        op: &'static str,
        x: &'a Tensor,
        running: Option<RunningStats<'_>>,
        weight: Option<&Tensor>,
        bias: Option<&Tensor>,
    ) -> Result<Self> {
        let shape = x.shape();
        x.must_be_float(op)?;
        if shape.rank() < 2 {
            let problem = Problem::Rank { name: "x", got: shape.rank(), expected: "at least 2" };
            return Err(Error::shape(op, problem, &[("x", &shape)]));
        }
        let estimates = running.map(|r| [("running_mean", r.mean), ("running_var", r.var)]);
        let given = [("weight", weight), ("bias", bias)];
        let given = given.into_iter().filter_map(|(name, t)| Some((name, t?)));
        for (name, tensor) in given.chain(estimates.into_iter().flatten()) {
            let own = tensor.shape();
            if own != [shape[1]] {
                let problem = Problem::Rule { rule: "parameters have one element a channel" };
                return Err(Error::shape(op, problem, &[("x", &shape), (name, &own)]));
            }
            same_dtype(op, x, tensor)?;
        }
        let mut wide = vec![1i64; shape.rank()];
        wide[1] = shape[1] as i64;
        let spread = |t: Option<&Tensor>| t.map(|t| t.reshape(&wide)).transpose();
        let affine = Affine { weight: spread(weight)?, bias: spread(bias)? };
        Ok(Channels { op, x, affine, wide })
    }

    /// By the statistics of x, which `running` takes in.
    fn measured(
        &self,
        running: Option<RunningStats<'_>>,
        dims: SmallVec<[Dim; 6]>,
        count: usize,
        eps: f64,
    ) -> Result<Tensor> {
        let shape = self.x.shape();
        if count == 1 || dims.is_empty() {
            let rule = "training needs more than one value a channel";
            return Err(Error::shape(self.op, Problem::Rule { rule }, &[("x", &shape)]));
        }
        let over = Over { dims, eps, center: true };
        let Standardized { y, mean, var } = standardized(self.op, self.x, over, &self.affine)?;
        if let (Some(running), Some(mean)) = (running, mean) {
            let unbiased = var.mul(count as f64 / (count as f64 - 1.0))?;
            // Instance norm has statistics of every example: their mean counts.
            let flat = |t: Tensor| t.reshape(&[-1, self.wide[1]])?.mean(&[0], false);
            running.update(&flat(mean)?, &flat(unbiased)?)?;
        }
        Ok(y)
    }

    /// By the estimates.
    fn known(&self, running: Option<RunningStats<'_>>, eps: f64) -> Result<Tensor> {
        let Some(running) = running else {
            let expected = "running statistics, in evaluation";
            return Err(Error::argument(self.op, "running", "none", expected));
        };
        let mean = running.mean.detach().reshape(&self.wide)?;
        let rstd = running.var.detach().add(eps)?.rsqrt()?.reshape(&self.wide)?;
        let mut y = self.x.sub(&mean)?.mul(&rstd)?;
        if let Some(weight) = &self.affine.weight {
            y = y.mul(weight)?;
        }
        if let Some(bias) = &self.affine.bias {
            y = y.add(bias)?;
        }
        Ok(y)
    }
}

fn same_dtype(op: &'static str, x: &Tensor, parameter: &Tensor) -> Result<()> {
    let got = vec![x.dtype(), parameter.dtype()];
    if got[0] == got[1] {
        return Ok(());
    }
    Err(Kind::DType { op, got, expected: "parameters of the type of x" }.into())
}

/// Layer norm and rms norm: over the last dimensions, with parameters of their shape.
fn last_dims(
    op: &'static str,
    x: &Tensor,
    normalized_shape: &[usize],
    (weight, bias): (Option<&Tensor>, Option<&Tensor>),
    (eps, center): (f64, bool),
) -> Result<Tensor> {
    let shape = x.shape();
    x.must_be_float(op)?;
    let lead = shape
        .rank()
        .checked_sub(normalized_shape.len())
        .filter(|_| !normalized_shape.is_empty() && shape[..].ends_with(normalized_shape));
    let Some(lead) = lead else {
        let problem = Problem::Rule { rule: "x must end with normalized_shape" };
        let wanted = normalized_shape.into();
        return Err(Error::shape(op, problem, &[("x", &shape), ("normalized_shape", &wanted)]));
    };
    let mut wide = vec![1i64; lead];
    wide.extend(normalized_shape.iter().map(|&size| size as i64));
    let spread = |name: &'static str, t: Option<&Tensor>| -> Result<Option<Tensor>> {
        let Some(t) = t else { return Ok(None) };
        let own = t.shape();
        if own != *normalized_shape {
            let problem = Problem::Rule { rule: "parameters have the normalized shape" };
            return Err(Error::shape(op, problem, &[("x", &shape), (name, &own)]));
        }
        same_dtype(op, x, t)?;
        t.reshape(&wide).map(Some)
    };
    let affine = Affine { weight: spread("weight", weight)?, bias: spread("bias", bias)? };
    let over = Over { dims: (lead as i64..shape.rank() as i64).collect(), eps, center };
    Ok(standardized(op, x, over, &affine)?.y)
}
