//! Gradient clipping, by norm and by value. Nothing is read back from the device.

use gradus_autodiff::Tensor;
use gradus_kernels::{Binary, Reduce, Unary, Value, reduce};
use gradus_tensor::{Array, DType, Device, Error, Layout, Result};

use crate::bucket::{join, offsets, runs};

/// Keeps the coefficient finite for gradients of zero norm; PyTorch's value.
const NORM_EPS: f64 = 1e-6;

/// Scales the gradients of `params` so that their total 2-norm is at most `max_norm`; returns the
/// norm they had. PyTorch: `nn.utils.clip_grad_norm_`. For another norm, combine
/// [`get_total_norm`] and [`clip_grads_with_norm_`].
///
/// *Formula*: `g *= min(1, max_norm / (norm + 1e-6))`, norm over all gradients as one vector.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::clip_grad_norm_;
/// let w = Tensor::from_vec(vec![3.0f32, 4.0], [2])?.requires_grad_(true);
/// (w.square()? * 0.5)?.sum_all()?.backward()?; // the gradient is w
/// assert_eq!(clip_grad_norm_([&w], 1.0)?.item()?, 5.0);
/// let g = w.grad().expect("a gradient").to_vec::<f32>()?;
/// assert!((g[0] - 0.6).abs() < 1e-6 && (g[1] - 0.8).abs() < 1e-6);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
///
/// # Errors
/// `Kind::Argument` for a negative `max_norm`; what computing the gradients can report.
pub fn clip_grad_norm_<P: Into<Tensor>>(
    params: impl IntoIterator<Item = P>,
    max_norm: f64,
) -> Result<Tensor> {
    let params: Vec<Tensor> = params.into_iter().map(Into::into).collect();
    let grads: Vec<Tensor> = params.iter().filter_map(Tensor::grad).collect();
    let norm = get_total_norm(&grads, 2.0)?;
    clip_grads_with_norm_(params, max_norm, &norm)?;
    Ok(norm)
}

/// The p-norm of all tensors as one vector, p = `norm_type` being positive or infinite; 0 for no
/// tensors. PyTorch: `nn.utils.get_total_norm`.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::get_total_norm;
/// let x = Tensor::from_vec(vec![1.0f32, -2.0], [2])?;
/// let y = Tensor::from_vec(vec![2.0f32], [1])?;
/// assert_eq!(get_total_norm([&x, &y], 2.0)?.item()?, 3.0);
/// assert_eq!(get_total_norm([&x, &y], f64::INFINITY)?.item()?, 2.0);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
///
/// # Errors
/// `Kind::Argument` unless the norm type is positive; what computing the tensors can report.
pub fn get_total_norm<P: Into<Tensor>>(
    tensors: impl IntoIterator<Item = P>,
    norm_type: f64,
) -> Result<Tensor> {
    if norm_type.is_nan() || norm_type <= 0.0 {
        let expected = "a positive number or infinity";
        return Err(Error::argument("get_total_norm", "norm_type", norm_type, expected));
    }
    let tensors: Vec<Tensor> = tensors.into_iter().map(Into::into).collect();
    let mut total: Option<Value> = None;
    for flat in flats(&tensors)? {
        let part = partial(&flat.value, norm_type)?;
        total = Some(match total {
            None => part,
            Some(total) => {
                let op = if norm_type.is_infinite() { Binary::maximum } else { Binary::add };
                let part = part.to(total.device())?;
                Value::binary(op, &total, &part)?
            }
        });
    }
    let Some(total) = total else { return Ok(Tensor::scalar(0.0)) };
    Ok(Tensor::from(match norm_type {
        2.0 => Value::unary(Unary::sqrt, &total, [0.0; 2])?,
        p if p == 1.0 || p.is_infinite() => total,
        p => Value::unary(Unary::pow_scalar, &total, [1.0 / p, 0.0])?,
    }))
}

/// What the norms of parts are combined from: the sum of powers, or the largest magnitude.
fn partial(flat: &Value, norm_type: f64) -> Result<Value> {
    let (op, terms) = match norm_type {
        2.0 => (Reduce::sum, Value::unary(Unary::square, flat, [0.0; 2])?),
        p => {
            let magnitude = Value::unary(Unary::abs, flat, [0.0; 2])?;
            match p {
                1.0 => (Reduce::sum, magnitude),
                f64::INFINITY => (Reduce::amax, magnitude),
                p => (Reduce::sum, Value::unary(Unary::pow_scalar, &magnitude, [p, 0.0])?),
            }
        }
    };
    reduce(op, &terms, &[], false)
}

/// Scales the gradients of `params`, whose total norm is known, so that it is at most `max_norm`.
/// PyTorch: `nn.utils.clip_grads_with_norm_`.
///
/// # Errors
/// `Kind::Argument` for a negative `max_norm`, `Kind::Shape` unless the norm is a scalar; what
/// computing the gradients can report.
pub fn clip_grads_with_norm_<P: Into<Tensor>>(
    params: impl IntoIterator<Item = P>,
    max_norm: f64,
    total_norm: &Tensor,
) -> Result<()> {
    if max_norm.is_nan() || max_norm < 0.0 {
        return Err(Error::argument("clip_grad_norm_", "max_norm", max_norm, "0 or more"));
    }
    let norm = total_norm.value();
    let number = |v: f64| Value::constant(v, (), norm.dtype(), norm.device());
    let room = Value::binary(Binary::add, &norm.reshape(&[])?, &number(NORM_EPS))?;
    let coefficient = Value::binary(Binary::div, &number(max_norm), &room)?;
    // Only limited from above: NaN stays NaN, so that a broken norm shows in the gradients.
    let coefficient = Value::unary(Unary::clamp, &coefficient, [f64::NEG_INFINITY, 1.0])?;
    rewrite(params, |flat| {
        let coefficient = coefficient.to(flat.device())?.cast(flat.dtype())?;
        Value::binary(Binary::mul, flat, &coefficient)
    })
}

/// Limits every element of the gradients of `params` to `-clip_value..=clip_value`. PyTorch:
/// `nn.utils.clip_grad_value_`.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::clip_grad_value_;
/// let w = Tensor::from_vec(vec![3.0f32, -0.5], [2])?.requires_grad_(true);
/// (w.square()? * 0.5)?.sum_all()?.backward()?; // the gradient is w
/// clip_grad_value_([&w], 1.0)?;
/// assert_eq!(w.grad().expect("a gradient").to_vec::<f32>()?, [1.0, -0.5]);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
///
/// # Errors
/// `Kind::Argument` for a negative `clip_value`; what computing the gradients can report.
pub fn clip_grad_value_<P: Into<Tensor>>(
    params: impl IntoIterator<Item = P>,
    clip_value: f64,
) -> Result<()> {
    if clip_value.is_nan() || clip_value < 0.0 {
        return Err(Error::argument("clip_grad_value_", "clip_value", clip_value, "0 or more"));
    }
    rewrite(params, |flat| Value::unary(Unary::clamp, flat, [-clip_value, clip_value]))
}

/// Replaces gradients by a function of them, many at a time: each becomes a view of a flat array.
fn rewrite<P: Into<Tensor>>(
    params: impl IntoIterator<Item = P>,
    f: impl Fn(&Value) -> Result<Value>,
) -> Result<()> {
    let params: Vec<Tensor> = params.into_iter().map(Into::into).collect();
    let params: Vec<Tensor> = params.into_iter().filter(|p| p.grad().is_some()).collect();
    let grads: Vec<Tensor> = params.iter().filter_map(Tensor::grad).collect();
    let mut changed = Vec::new();
    for flat in flats(&grads)? {
        let array = f(&flat.value)?.dense()?;
        let start = array.layout().offset();
        for (i, offset) in flat.members {
            let layout = Layout::dense_at(grads[i].shape(), start + offset);
            changed.push((i, array.with_layout(layout)));
        }
    }
    // Everything is computed: from here on nothing can fail halfway.
    for (i, array) in changed {
        params[i].set_grad(Some(array.into()));
    }
    Ok(())
}

/// Several tensors as one flat value.
struct Joined {
    value: Value,
    /// Each tensor's position in the list and offset in the value.
    members: Vec<(usize, usize)>,
}

fn flats(tensors: &[Tensor]) -> Result<Vec<Joined>> {
    let filled: Vec<usize> = (0..tensors.len()).filter(|&i| tensors[i].numel() > 0).collect();
    let keys: Vec<(Device, DType)> =
        filled.iter().map(|&i| (tensors[i].device(), tensors[i].dtype())).collect();
    let mut out = Vec::new();
    for run in runs(&keys, |key| key.0.clone()) {
        let run: Vec<usize> = run.into_iter().map(|at| filled[at]).collect();
        let parts: Vec<Array> =
            run.iter().map(|&i| tensors[i].value().dense()).collect::<Result<_>>()?;
        let (starts, len) = offsets(parts.iter().map(|part| part.shape().numel()));
        if let Some(value) = join(&parts, &starts, len) {
            out.push(Joined { value, members: run.into_iter().zip(starts).collect() });
        }
    }
    Ok(out)
}
