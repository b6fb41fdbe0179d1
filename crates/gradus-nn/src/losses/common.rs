//! What losses have in common: the trait, and the checks of their operands.

use gradus_autodiff::Tensor;
use gradus_tensor::{Error, Kind, Problem, Result};

/// A loss of a model's output and a target, such as [`CrossEntropyLoss`](crate::CrossEntropyLoss)
/// or a closure.
///
/// ```
/// use gradus_nn::{Loss, MseLoss, Result, Tensor};
/// let (y, t) = (Tensor::scalar(1.0), Tensor::scalar(4.0));
/// let rmse = |y: &Tensor, t: &Tensor| -> Result<Tensor> {
///     MseLoss::default().forward(y, t)?.sqrt()
/// };
/// let losses: [Box<dyn Loss>; 2] = [Box::new(MseLoss::default()), Box::new(rmse)];
/// assert_eq!(losses[0].forward(&y, &t)?.item()?, 9.0);
/// assert_eq!(losses[1].forward(&y, &t)?.item()?, 3.0);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
pub trait Loss: Send + Sync {
    /// The loss of `input` against `target`.
    ///
    /// # Errors
    /// `Kind::Shape` and `Kind::DType` when they do not fit together.
    fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor>;

    /// The function that the loss itself applies to `input`, if it takes scores and not
    /// probabilities: a model that ends with the same function applies it twice.
    ///
    /// ```
    /// use gradus_nn::{CrossEntropyLoss, Loss, NllLoss};
    /// assert_eq!(CrossEntropyLoss::default().applies(), Some("softmax"));
    /// assert_eq!(NllLoss::default().applies(), None);
    /// ```
    fn applies(&self) -> Option<&'static str> {
        None
    }

    /// The losses that [`Loss::forward`] reduces, one an element: what sample weights are applied
    /// to. A closure that returns more than one number returns these already.
    ///
    /// ```
    /// use gradus_nn::{Loss, MseLoss, Tensor};
    /// let y = Tensor::from_vec(vec![1.0f32, 2.0], [2])?;
    /// let each = MseLoss::default().each(&y, &(&y * 2.0)?)?;
    /// assert_eq!(each.to_vec::<f32>()?, [1.0, 4.0]);
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Loss::forward`]; `Kind::Unsupported` for a closure that returns one number.
    fn each(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        let loss = self.forward(input, target)?;
        if loss.rank() > 0 {
            return Ok(loss);
        }
        let what = "a weight for each sample".to_owned();
        let place = "by a loss that returns one number; let it return one for each sample";
        Err(Kind::Unsupported { op: "loss", what, place }.into())
    }
}

impl<F: Fn(&Tensor, &Tensor) -> Result<Tensor> + Send + Sync> Loss for F {
    fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        self(input, target)
    }
}

/// Demands one shape. PyTorch only warns and broadcasts, which hides `[N, 1]` against `[N]`.
pub(super) fn same_shape(
    op: &'static str,
    input: (&'static str, &Tensor),
    target: (&'static str, &Tensor),
) -> Result<()> {
    let (si, st) = (input.1.shape(), target.1.shape());
    if si == st {
        return must_be_float(op, input.1);
    }
    let rule = "the shapes must be equal: losses do not broadcast; reshape one of them";
    Err(Error::shape(op, Problem::Rule { rule }, &[(input.0, &si), (target.0, &st)]))
}

/// Demands the shape of one element a row: that of `input` without its last dimension.
pub(super) fn one_a_row(op: &'static str, input: &Tensor, target: &Tensor) -> Result<()> {
    let (si, st) = (input.shape(), target.shape());
    if si.rank() > 0 && si.without(si.rank() - 1) == st {
        return Ok(());
    }
    let rule = "target must have one element a row: the input's shape without its last dimension";
    Err(Error::shape(op, Problem::Rule { rule }, &[("input", &si), ("target", &st)]))
}

/// Demands that a weight broadcasts to the input.
pub(super) fn fits(
    op: &'static str,
    input: &Tensor,
    name: &'static str,
    weight: &Tensor,
) -> Result<()> {
    let (si, sw) = (input.shape(), weight.shape());
    if sw.broadcasts_to(&si) {
        return Ok(());
    }
    Err(Error::shape(op, Problem::Broadcast, &[("input", &si), (name, &sw)]))
}

/// Demands a float.
pub(super) fn must_be_float(op: &'static str, input: &Tensor) -> Result<()> {
    if input.dtype().is_float() {
        return Ok(());
    }
    let got = vec![input.dtype()];
    Err(Kind::DType { op, got, expected: "a float input; cast with `float()`" }.into())
}
