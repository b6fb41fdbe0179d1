//! Cross-entropy of logits with classes or with probabilities.

use gradus_autodiff::Tensor;
use gradus_tensor::{Error, Kind, Problem, Result};

use super::common::{Loss, must_be_float};
use super::reduction::Reduction;

const OP: &str = "cross_entropy";

/// Cross-entropy of logits. PyTorch: `nn.CrossEntropyLoss`; see [`cross_entropy`].
#[derive(Clone, Debug)]
pub struct CrossEntropyLoss {
    /// A weight for each class, `[C]`.
    pub weight: Option<Tensor>,
    /// Rows with this class index count for nothing.
    pub ignore_index: i64,
    /// Share of the target that is spread evenly over the classes, in `0..=1`.
    pub label_smoothing: f64,
    /// What is made of the rows' losses. A mean over class indices is divided by the weights of
    /// the rows' classes.
    pub reduction: Reduction,
}

impl Default for CrossEntropyLoss {
    fn default() -> Self {
        CrossEntropyLoss {
            weight: None,
            ignore_index: -100,
            label_smoothing: 0.0,
            reduction: Reduction::Mean,
        }
    }
}

impl Loss for CrossEntropyLoss {
    fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        cross_entropy(input, target, self)
    }

    fn applies(&self) -> Option<&'static str> {
        Some("softmax")
    }

    fn each(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        let each = CrossEntropyLoss { reduction: Reduction::None, ..self.clone() };
        each.forward(input, target)
    }
}

/// Cross-entropy of logits, softmax included. PyTorch: `nn.functional.cross_entropy`.
///
/// *Shapes*: `input: [N, C, *]` (or `[C]`); `target: [N, *]` class indices of an integer type, or
/// `[N, C, *]` probabilities (one-hot rows, say) of a float type. Without reduction the loss is
/// `[N, *]`.
///
/// *Formula*: with `p = softmax(input)`, `w` the class weights and `ε` the smoothing,
/// `-(1 - ε) w[t] log p[t] - ε / C · Σ w log p` for classes and
/// `-Σ w ((1 - ε) target + ε / C) log p` for probabilities.
///
/// ```
/// use gradus_nn::{CrossEntropyLoss, Tensor, cross_entropy};
/// // A class with probability 0.9 costs -log 0.9 = 0.105.
/// let logits = Tensor::from_vec(vec![0.9f32.ln(), 0.1f32.ln()], [1, 2])?;
/// let target = Tensor::from_vec(vec![0i32], [1])?;
/// let loss = cross_entropy(&logits, &target, &CrossEntropyLoss::default())?;
/// assert!((loss.item()? - 0.105_36).abs() < 1e-5);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
///
/// # Errors
/// `Kind::DType` for integer targets that look one-hot or float targets where indices belong,
/// `Kind::Shape` when the shapes do not fit, `Kind::Index` for a label that is no class,
/// `Kind::Argument` for a smoothing outside `0..=1`.
pub fn cross_entropy(
    input: &Tensor,
    target: &Tensor,
    options: &CrossEntropyLoss,
) -> Result<Tensor> {
    must_be_float(OP, input)?;
    let (si, st) = (input.shape(), target.shape());
    let class_dim = usize::from(si.rank() > 1);
    let by_index = si.rank() > 0 && si.without(class_dim) == st;
    match (target.dtype().is_float(), si == st) {
        (true, true) => probabilities(input, target, options),
        (false, true) => wrong_type(
            target,
            "class indices without the class dimension: targets look one-hot but are integers; \
             cast with `float()` or pass class indices",
        ),
        (true, false) if by_index => wrong_type(
            target,
            "class indices of an integer type: cast with `to_dtype(DType::I32)`, or pass \
             probabilities of the logits' shape",
        ),
        _ => {
            let weight = on_device(options.weight.as_ref(), input)?;
            let (smoothing, ignored) = (options.label_smoothing, Some(options.ignore_index));
            let weight = weight.as_ref();
            if options.reduction == Reduction::Mean {
                return input.cross_entropy_mean(target, weight, smoothing, ignored);
            }
            options.reduction.apply(&input.cross_entropy_rows(target, weight, smoothing, ignored)?)
        }
    }
}

fn wrong_type(target: &Tensor, expected: &'static str) -> Result<Tensor> {
    Err(Kind::DType { op: OP, got: vec![target.dtype()], expected }.into())
}

/// Class weights where the input is; the options of a loss are made once, before the model moves.
pub(super) fn on_device(weight: Option<&Tensor>, input: &Tensor) -> Result<Option<Tensor>> {
    weight.map(|weight| weight.to(&input.device())).transpose()
}

fn probabilities(input: &Tensor, target: &Tensor, options: &CrossEntropyLoss) -> Result<Tensor> {
    let (shape, smoothing) = (input.shape(), options.label_smoothing);
    if options.ignore_index >= 0 {
        let expected = "no class: probabilities have no index to ignore";
        return Err(Error::argument(OP, "ignore_index", options.ignore_index, expected));
    }
    if !(0.0..=1.0).contains(&smoothing) {
        return Err(Error::argument(OP, "label_smoothing", smoothing, "a number in 0..=1"));
    }
    if shape.rank() == 0 {
        let problem = Problem::Rank { name: "input", got: 0, expected: "at least 1: the classes" };
        return Err(Error::shape(OP, problem, &[("input", &shape), ("target", &target.shape())]));
    }
    let class_dim = usize::from(shape.rank() > 1);
    let classes = shape[class_dim];
    let mut scores = input.log_softmax(class_dim as i64)?;
    if let Some(weight) = on_device(options.weight.as_ref(), input)? {
        let sw = weight.shape();
        if sw != [classes] {
            let rule = "weight must be a vector with one weight a class";
            let shapes = [("input", &shape), ("target", &target.shape()), ("weight", &sw)];
            return Err(Error::shape(OP, Problem::Rule { rule }, &shapes));
        }
        let mut wide = vec![1i64; shape.rank()];
        wide[class_dim] = -1;
        scores = scores.mul(&weight.reshape(&wide)?)?;
    }
    let target = match smoothing {
        0.0 => target.clone(),
        _ => target.mul(1.0 - smoothing)?.add(smoothing / classes as f64)?,
    };
    let rows = scores.mul(&target)?.sum(&[class_dim as i64], false)?.neg()?;
    options.reduction.apply(&rows)
}
