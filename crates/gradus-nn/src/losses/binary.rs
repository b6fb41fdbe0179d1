//! Losses of two classes.

use gradus_autodiff::Tensor;
use gradus_tensor::Result;

use super::common::{Loss, fits, same_shape};
use super::cross_entropy::on_device;
use super::reduction::Reduction;

/// PyTorch's lower limit of a logarithm: the loss of a certain mistake is 100, not infinite.
const LOWEST_LOG: f64 = -100.0;

/// Cross-entropy of probabilities of two classes. PyTorch: `nn.BCELoss`; see
/// [`binary_cross_entropy`].
#[derive(Clone, Debug, Default)]
pub struct BceLoss {
    /// A weight for each element, broadcast.
    pub weight: Option<Tensor>,
    /// What is made of the elements.
    pub reduction: Reduction,
}

/// Cross-entropy of logits of two classes. PyTorch: `nn.BCEWithLogitsLoss`; see
/// [`binary_cross_entropy_with_logits`].
#[derive(Clone, Debug, Default)]
pub struct BceWithLogitsLoss {
    /// A weight for each element, broadcast.
    pub weight: Option<Tensor>,
    /// A weight for positive targets, broadcast; usually one a class.
    pub pos_weight: Option<Tensor>,
    /// What is made of the elements.
    pub reduction: Reduction,
}

impl Loss for BceLoss {
    fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        binary_cross_entropy(input, target, self)
    }

    fn each(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        let each = BceLoss { reduction: Reduction::None, ..self.clone() };
        each.forward(input, target)
    }
}

impl Loss for BceWithLogitsLoss {
    fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        binary_cross_entropy_with_logits(input, target, self)
    }

    fn applies(&self) -> Option<&'static str> {
        Some("sigmoid")
    }

    fn each(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        let each = BceWithLogitsLoss { reduction: Reduction::None, ..self.clone() };
        each.forward(input, target)
    }
}

/// `-(target · log(input) + (1 - target) · log(1 - input))` of probabilities, logarithms not
/// below -100. PyTorch: `nn.functional.binary_cross_entropy`. The gradient at probabilities of
/// exactly 0 and 1 is zero; from logits, [`binary_cross_entropy_with_logits`] is exact.
///
/// ```
/// use gradus_nn::{BceLoss, Tensor, binary_cross_entropy};
/// let p = Tensor::from_vec(vec![0.25f32, 0.0], [2])?;
/// let t = Tensor::from_vec(vec![0.0f32, 1.0], [2])?;
/// let loss = binary_cross_entropy(&p, &t, &BceLoss::default())?.item()?;
/// assert!((loss - (100.0 - 0.75f64.ln()) / 2.0).abs() < 1e-5);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` when the shapes differ, `Kind::DType` unless the input is a float. A probability
/// outside `0..=1` gives NaN.
pub fn binary_cross_entropy(input: &Tensor, target: &Tensor, options: &BceLoss) -> Result<Tensor> {
    const OP: &str = "binary_cross_entropy";
    same_shape(OP, ("input", input), ("target", target))?;
    // Where a logarithm is infinite another number stands in, so that its gradient stays finite.
    let (never, always) = (input.eq(0.0)?, input.eq(1.0)?);
    let yes = input.masked_fill(&never, 1.0)?.log()?.clamp_min(LOWEST_LOG)?;
    let yes = yes.masked_fill(&never, LOWEST_LOG)?;
    let no = input.masked_fill(&always, 0.0)?.neg()?.log1p()?.clamp_min(LOWEST_LOG)?;
    let no = no.masked_fill(&always, LOWEST_LOG)?;
    let loss = target.mul(&yes)?.add(target.neg()?.add(1.0)?.mul(&no)?)?.neg()?;
    weighted(OP, &loss, options.weight.as_ref(), options.reduction)
}

/// [`binary_cross_entropy`] of `sigmoid(input)`, exact for large logits:
/// `-(p · target · log σ(input) + (1 - target) · log σ(-input))` with `p` the positive weight.
/// PyTorch: `nn.functional.binary_cross_entropy_with_logits`.
///
/// # Errors
/// `Kind::Shape` when the shapes differ or a weight does not broadcast, `Kind::DType` unless the
/// input is a float.
pub fn binary_cross_entropy_with_logits(
    input: &Tensor,
    target: &Tensor,
    options: &BceWithLogitsLoss,
) -> Result<Tensor> {
    const OP: &str = "binary_cross_entropy_with_logits";
    same_shape(OP, ("input", input), ("target", target))?;
    let mut yes = target.mul(&input.logsigmoid()?)?;
    if let Some(weight) = on_device(options.pos_weight.as_ref(), input)? {
        fits(OP, input, "pos_weight", &weight)?;
        yes = yes.mul(&weight)?;
    }
    let no = target.neg()?.add(1.0)?.mul(&input.neg()?.logsigmoid()?)?;
    let loss = yes.add(&no)?.neg()?;
    weighted(OP, &loss, options.weight.as_ref(), options.reduction)
}

fn weighted(
    op: &'static str,
    loss: &Tensor,
    weight: Option<&Tensor>,
    reduction: Reduction,
) -> Result<Tensor> {
    match on_device(weight, loss)? {
        None => reduction.apply(loss),
        Some(weight) => {
            fits(op, loss, "weight", &weight)?;
            reduction.apply(&loss.mul(&weight)?)
        }
    }
}
