//! Losses of distributions: Kullback–Leibler, Poisson, Gauss.

use std::f64::consts::TAU;

use gradus_autodiff::{Tensor, where_};
use gradus_tensor::{Error, Problem, Result};

use super::common::{Loss, same_shape};
use super::reduction::Reduction;

/// Kullback–Leibler divergence. PyTorch: `nn.KLDivLoss`; see [`kl_div`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KlDivLoss {
    /// Whether targets are log-probabilities too.
    pub log_target: bool,
    /// What is made of the elements; [`Reduction::BatchMean`] is the divergence itself.
    pub reduction: Reduction,
}

/// Negative log-likelihood of counts. PyTorch: `nn.PoissonNLLLoss`; see [`poisson_nll_loss`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoissonNllLoss {
    /// Whether inputs are logarithms of the rate.
    pub log_input: bool,
    /// Whether Stirling's approximation of the constant part is added.
    pub full: bool,
    /// Added to a rate before its logarithm.
    pub eps: f64,
    /// What is made of the elements.
    pub reduction: Reduction,
}

/// Negative log-likelihood of a normal distribution whose variance is predicted too. PyTorch:
/// `nn.GaussianNLLLoss`; see [`gaussian_nll_loss`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GaussianNllLoss {
    /// Whether the constant part is added.
    pub full: bool,
    /// Lower limit of variances.
    pub eps: f64,
    /// What is made of the elements.
    pub reduction: Reduction,
}

impl Default for PoissonNllLoss {
    fn default() -> Self {
        PoissonNllLoss { log_input: true, full: false, eps: 1e-8, reduction: Reduction::Mean }
    }
}

impl Default for GaussianNllLoss {
    fn default() -> Self {
        GaussianNllLoss { full: false, eps: 1e-6, reduction: Reduction::Mean }
    }
}

impl Loss for KlDivLoss {
    fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        kl_div(input, target, self)
    }

    fn each(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        let each = KlDivLoss { reduction: Reduction::None, ..*self };
        each.forward(input, target)
    }
}

impl Loss for PoissonNllLoss {
    fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        poisson_nll_loss(input, target, self)
    }

    fn each(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        let each = PoissonNllLoss { reduction: Reduction::None, ..*self };
        each.forward(input, target)
    }
}

impl GaussianNllLoss {
    /// The loss of means `input` and variances `var`.
    ///
    /// # Errors
    /// As [`gaussian_nll_loss`].
    pub fn forward(&self, input: &Tensor, target: &Tensor, var: &Tensor) -> Result<Tensor> {
        gaussian_nll_loss(input, target, var, self)
    }
}

/// `target · (log target - input)` of log-probabilities `input`; 0 where the target is. PyTorch:
/// `nn.functional.kl_div`.
///
/// # Errors
/// `Kind::Shape` when the shapes differ, `Kind::DType` unless the input is a float.
pub fn kl_div(input: &Tensor, target: &Tensor, options: &KlDivLoss) -> Result<Tensor> {
    same_shape("kl_div", ("input", input), ("target", target))?;
    let loss = match options.log_target {
        true => target.exp()?.mul(&target.sub(input)?)?,
        false => {
            // 0 · log 0 is 0 here.
            let log = target.masked_fill(&target.eq(0.0)?, 1.0)?.log()?;
            target.mul(&log)?.sub(&target.mul(input)?)?
        }
    };
    options.reduction.apply(&loss)
}

/// `e^input - target · input`, or `input - target · log(input + eps)` for rates. PyTorch:
/// `nn.functional.poisson_nll_loss`.
///
/// # Errors
/// As [`kl_div`].
pub fn poisson_nll_loss(
    input: &Tensor,
    target: &Tensor,
    options: &PoissonNllLoss,
) -> Result<Tensor> {
    same_shape("poisson_nll_loss", ("input", input), ("target", target))?;
    let mut loss = match options.log_input {
        true => input.exp()?.sub(&target.mul(input)?)?,
        false => input.sub(&target.mul(&input.add(options.eps)?.log()?)?)?,
    };
    if options.full {
        // log(t!) by Stirling, which PyTorch leaves out up to 1.
        let large = target.gt(1.0)?;
        let t = where_(&large, target, 1.0)?;
        let stirling = t.mul(&t.log()?)?.sub(&t)?.add(t.mul(TAU)?.log()?.mul(0.5)?)?;
        loss = loss.add(where_(&large, &stirling, 0.0)?)?;
    }
    options.reduction.apply(&loss)
}

/// `(log var + (input - target)² / var) / 2` with variances not below eps. PyTorch:
/// `nn.functional.gaussian_nll_loss`. The limit does not stop the variance's gradient.
///
/// *Shapes*: `input`, `target`: `[*]`; `var`: the same, or without the last dimension, or with it
/// 1: then it is shared.
///
/// # Errors
/// `Kind::Shape` when the shapes do not fit, `Kind::Argument` unless eps is positive,
/// `Kind::DType` unless the input is a float.
pub fn gaussian_nll_loss(
    input: &Tensor,
    target: &Tensor,
    var: &Tensor,
    options: &GaussianNllLoss,
) -> Result<Tensor> {
    const OP: &str = "gaussian_nll_loss";
    same_shape(OP, ("input", input), ("target", target))?;
    let valid = options.eps > 0.0; // false for NaN too
    if !valid {
        return Err(Error::argument(OP, "eps", options.eps, "a number above 0"));
    }
    let (si, sv) = (input.shape(), var.shape());
    let last = si.rank().saturating_sub(1);
    let var = if sv == si || (si.rank() > 0 && sv == si.with(last, 1)) {
        var.clone()
    } else if si.rank() > 0 && sv == si.without(last) {
        var.unsqueeze(-1)?
    } else {
        let rule = "var must have the input's shape, or lack its last dimension";
        let shapes = [("input", &si), ("target", &si), ("var", &sv)];
        return Err(Error::shape(OP, Problem::Rule { rule }, &shapes));
    };
    // What the limit adds is a constant, so that small variances still have a gradient.
    let lift = var.clamp_min(options.eps)?.sub(&var)?.detach();
    let var = var.add(&lift)?;
    let mut loss = input.sub(target)?.square()?.div(&var)?.add(var.log()?)?.mul(0.5)?;
    if options.full {
        loss = loss.add(0.5 * TAU.ln())?;
    }
    options.reduction.apply(&loss)
}
