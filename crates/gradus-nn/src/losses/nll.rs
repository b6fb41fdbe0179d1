//! Negative log-likelihood of classes whose log-probabilities are known.

use gradus_autodiff::{Tensor, where_};
use gradus_tensor::{DType, Error, Kind, Problem, Result};

use super::common::{Loss, must_be_float};
use super::cross_entropy::on_device;
use super::reduction::Reduction;

const OP: &str = "nll_loss";

/// Negative log-likelihood: what follows [`LogSoftmax`](crate::LogSoftmax). PyTorch:
/// `nn.NLLLoss`; see [`nll_loss`].
#[derive(Clone, Debug)]
pub struct NllLoss {
    /// A weight for each class, `[C]`.
    pub weight: Option<Tensor>,
    /// Rows with this class index count for nothing.
    pub ignore_index: i64,
    /// What is made of the rows' losses; a mean is divided by their weights.
    pub reduction: Reduction,
}

impl Default for NllLoss {
    fn default() -> Self {
        NllLoss { weight: None, ignore_index: -100, reduction: Reduction::Mean }
    }
}

impl Loss for NllLoss {
    fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        nll_loss(input, target, self)
    }

    fn each(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        let each = NllLoss { reduction: Reduction::None, ..self.clone() };
        each.forward(input, target)
    }
}

/// `-w[t] · input[t]` of log-probabilities `[N, C, *]` (or `[C]`) and class indices `[N, *]`.
/// PyTorch: `nn.functional.nll_loss`.
///
/// # Errors
/// `Kind::DType` unless targets are integers, `Kind::Shape` when the shapes do not fit,
/// `Kind::Index` for a label that is no class.
pub fn nll_loss(input: &Tensor, target: &Tensor, options: &NllLoss) -> Result<Tensor> {
    must_be_float(OP, input)?;
    let (si, st) = (input.shape(), target.shape());
    let class_dim = usize::from(si.rank() > 1);
    if si.rank() == 0 || si.without(class_dim) != st {
        let rule = "target must have the input's shape without the class dimension";
        return Err(Error::shape(OP, Problem::Rule { rule }, &[("input", &si), ("target", &st)]));
    }
    if !matches!(target.dtype(), DType::I32 | DType::U32 | DType::U8) {
        let expected = "class indices of an integer type: cast with `to_dtype(DType::I32)`";
        return Err(Kind::DType { op: OP, got: vec![target.dtype()], expected }.into());
    }
    let target = target.to(&input.device())?.to_dtype(DType::I32)?;
    let ignored = target.eq(options.ignore_index as f64)?;
    // An ignored label may be no class: it reads class 0 and is masked.
    let label = target.masked_fill(&ignored, 0.0)?;
    let picked = input.gather(class_dim as i64, &label.unsqueeze(class_dim as i64)?)?;
    let picked = picked.squeeze(class_dim as i64)?;
    let weight = match on_device(options.weight.as_ref(), input)? {
        None => Tensor::full(&st, 1.0, input.dtype(), &input.device()),
        Some(weight) if weight.shape() == [si[class_dim]] => {
            let shape: Vec<i64> = st.iter().map(|&size| size as i64).collect();
            weight.index_select(0, &label.reshape(&[-1])?)?.reshape(&shape)?
        }
        Some(weight) => {
            let rule = "weight must be a vector with one weight a class";
            let shapes = [("input", &si), ("target", &st), ("weight", &weight.shape())];
            return Err(Error::shape(OP, Problem::Rule { rule }, &shapes));
        }
    };
    let weight = weight.masked_fill(&ignored, 0.0)?;
    // Not a product: an ignored row may hold NaN or infinity.
    let zero = Tensor::full((), 0.0, input.dtype(), &input.device());
    let loss = where_(&ignored, &zero, picked.mul(&weight)?.neg()?)?;
    options.reduction.apply_weighted(&loss, &weight)
}
