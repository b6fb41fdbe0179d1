//! Losses of a number against a number.

use gradus_autodiff::{Tensor, where_};
use gradus_tensor::{Error, Result};

use super::common::{Loss, same_shape};
use super::reduction::Reduction;

/// Squared error. PyTorch: `nn.MSELoss`; see [`mse_loss`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MseLoss {
    /// What is made of the elements.
    pub reduction: Reduction,
}

/// Absolute error. PyTorch: `nn.L1Loss`; see [`l1_loss`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct L1Loss {
    /// What is made of the elements.
    pub reduction: Reduction,
}

/// Absolute error, smooth near zero. PyTorch: `nn.SmoothL1Loss`; see [`smooth_l1_loss`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SmoothL1Loss {
    /// Where the parabola ends.
    pub beta: f64,
    /// What is made of the elements.
    pub reduction: Reduction,
}

/// Squared error, linear far from zero. PyTorch: `nn.HuberLoss`; see [`huber_loss`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HuberLoss {
    /// Where the parabola ends.
    pub delta: f64,
    /// What is made of the elements.
    pub reduction: Reduction,
}

impl Default for SmoothL1Loss {
    fn default() -> Self {
        SmoothL1Loss { beta: 1.0, reduction: Reduction::Mean }
    }
}

impl Default for HuberLoss {
    fn default() -> Self {
        HuberLoss { delta: 1.0, reduction: Reduction::Mean }
    }
}

impl Loss for MseLoss {
    fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        mse_loss(input, target, self.reduction)
    }

    fn each(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        mse_loss(input, target, Reduction::None)
    }
}

impl Loss for L1Loss {
    fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        l1_loss(input, target, self.reduction)
    }

    fn each(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        l1_loss(input, target, Reduction::None)
    }
}

impl Loss for SmoothL1Loss {
    fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        smooth_l1_loss(input, target, self.beta, self.reduction)
    }

    fn each(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        let each = SmoothL1Loss { reduction: Reduction::None, ..*self };
        each.forward(input, target)
    }
}

impl Loss for HuberLoss {
    fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        huber_loss(input, target, self.delta, self.reduction)
    }

    fn each(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        let each = HuberLoss { reduction: Reduction::None, ..*self };
        each.forward(input, target)
    }
}

/// `(input - target)²`, of one shape. PyTorch: `nn.functional.mse_loss`.
///
/// ```
/// use gradus_nn::{Reduction, Tensor, mse_loss};
/// let y = Tensor::from_vec(vec![1.0f32, 2.0], [2])?;
/// let t = Tensor::from_vec(vec![4.0f32, 1.0], [2])?;
/// assert_eq!(mse_loss(&y, &t, Reduction::Mean)?.item()?, 5.0);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` when the shapes differ, `Kind::DType` unless the input is a float.
pub fn mse_loss(input: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    same_shape("mse_loss", ("input", input), ("target", target))?;
    reduction.apply(&input.sub(target)?.square()?)
}

/// `|input - target|`, of one shape. PyTorch: `nn.functional.l1_loss`.
///
/// # Errors
/// As [`mse_loss`].
pub fn l1_loss(input: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    same_shape("l1_loss", ("input", input), ("target", target))?;
    reduction.apply(&input.sub(target)?.abs()?)
}

/// With `d = |input - target|`: `d² / (2 · beta)` below beta, else `d - beta / 2`. PyTorch:
/// `nn.functional.smooth_l1_loss`.
///
/// # Errors
/// `Kind::Argument` for a negative beta; else as [`mse_loss`].
pub fn smooth_l1_loss(
    input: &Tensor,
    target: &Tensor,
    beta: f64,
    reduction: Reduction,
) -> Result<Tensor> {
    const OP: &str = "smooth_l1_loss";
    let valid = beta >= 0.0; // false for NaN too
    if !valid {
        return Err(Error::argument(OP, "beta", beta, "a number not below 0"));
    }
    same_shape(OP, ("input", input), ("target", target))?;
    let distance = input.sub(target)?.abs()?;
    if beta == 0.0 {
        return reduction.apply(&distance);
    }
    let bend = distance.square()?.mul(0.5 / beta)?;
    reduction.apply(&where_(&distance.lt(beta)?, &bend, distance.sub(0.5 * beta)?)?)
}

/// With `d = |input - target|`: `d² / 2` up to delta, else `delta · (d - delta / 2)`. PyTorch:
/// `nn.functional.huber_loss`.
///
/// # Errors
/// `Kind::Argument` unless delta is positive; else as [`mse_loss`].
pub fn huber_loss(
    input: &Tensor,
    target: &Tensor,
    delta: f64,
    reduction: Reduction,
) -> Result<Tensor> {
    const OP: &str = "huber_loss";
    let valid = delta > 0.0; // false for NaN too
    if !valid {
        return Err(Error::argument(OP, "delta", delta, "a number above 0"));
    }
    same_shape(OP, ("input", input), ("target", target))?;
    let distance = input.sub(target)?.abs()?;
    let bend = distance.square()?.mul(0.5)?;
    let line = distance.sub(0.5 * delta)?.mul(delta)?;
    reduction.apply(&where_(&distance.le(delta)?, &bend, line)?)
}
