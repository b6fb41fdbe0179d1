//! Scaled dot-product attention.

use gradus_kernels::Value;
use gradus_tensor::{DType, Error, Problem, Result, Shape};

use super::where_;
use crate::tensor::Tensor;

/// `softmax(q · kᵀ · scale + mask) · v`: `q [*, L, E]`, `k [*, S, E]`, `v [*, S, V]` give
/// `[*, L, V]`. PyTorch: `nn.functional.scaled_dot_product_attention`. *Source*: arXiv:1706.03762.
///
/// A bool mask, which broadcasts to `[*, L, S]`, is true where a position takes part; a float mask
/// is added to the products. `is_causal` lets row i see columns up to i. Each weight is dropped
/// with probability `dropout_p`, by this thread's default generator. Without `scale` it is `1/√E`.
///
/// A row whose mask leaves nothing gives zeros, and so do its gradients, as in PyTorch since 2.5;
/// a plain softmax would give NaN.
///
/// ```
/// use gradus_autodiff::{Tensor, scaled_dot_product_attention};
/// let q = Tensor::from_vec(vec![0.0f32, 0.0], [1, 2, 1])?;
/// let v = Tensor::from_vec(vec![1.0f32, 3.0], [1, 2, 1])?;
/// let y = scaled_dot_product_attention(&q, &q, &v, None, 0.0, true, None)?;
/// assert_eq!(y.to_vec::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` when sizes do not fit, `Kind::Argument` for a mask beside `is_causal` or a
/// probability outside `0..=1`.
pub fn scaled_dot_product_attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    attn_mask: Option<&Tensor>,
    dropout_p: f64,
    is_causal: bool,
    scale: Option<f64>,
) -> Result<Tensor> {
    let op = "scaled_dot_product_attention";
    let (sq, sk, sv) = (q.shape(), k.shape(), v.shape());
    let (rq, rk, rv) = (sq.rank(), sk.rank(), sv.rank());
    let fits =
        rq >= 2 && rk >= 2 && rv >= 2 && sq[rq - 1] == sk[rk - 1] && sk[rk - 2] == sv[rv - 2];
    if !fits {
        let rule = "q [*, L, E], k [*, S, E] and v [*, S, V] share E and S";
        let operands = [("q", &sq), ("k", &sk), ("v", &sv)];
        return Err(Error::shape(op, Problem::Rule { rule }, &operands));
    }
    if is_causal && attn_mask.is_some() {
        return Err(Error::argument(op, "attn_mask", "given", "none beside is_causal"));
    }
    let scale = scale.unwrap_or_else(|| 1.0 / (sq[rq - 1] as f64).sqrt());
    let scores = q.mul(scale)?.matmul(&k.t()?)?;
    let weights = match attn_mask {
        _ if is_causal => {
            let seen = causal(sq[rq - 2], sk[rk - 2], q)?;
            where_(&seen, &scores, f64::NEG_INFINITY)?.softmax(-1)?
        }
        None => scores.softmax(-1)?,
        Some(mask) => masked_softmax(&scores, mask)?,
    };
    weights.dropout(dropout_p, true)?.matmul(v)
}

/// Where column j ≤ row i.
fn causal(rows: usize, columns: usize, beside: &Tensor) -> Result<Tensor> {
    let shape = Shape::from([rows, columns]);
    let index = |dim| Value::index(&shape, dim, DType::I32, &beside.device()).map(Tensor::from);
    index(1)?.le(&index(0)?)
}

/// Softmax of what a mask leaves; rows of which it leaves nothing are zero.
fn masked_softmax(scores: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let (masked, live) = if mask.dtype() == DType::Bool {
        (where_(mask, scores, f64::NEG_INFINITY)?, mask.any(&[-1], true)?)
    } else {
        let top = mask.detach().amax(&[-1], true)?;
        (scores.add(mask)?, top.ne(f64::NEG_INFINITY)?)
    };
    // A dead row takes part as zeros, so that neither it nor its gradient is NaN.
    where_(&live, &where_(&live, &masked, 0.0)?.softmax(-1)?, 0.0)
}

impl Tensor {
    /// In training, zero with probability `p` and else times `1 / (1 - p)`, by this thread's
    /// default generator; else the tensor itself. PyTorch: `nn.functional.dropout`.
    ///
    /// ```
    /// use gradus_autodiff::{Device, Tensor};
    /// let y = Tensor::ones([64], &Device::cpu()).dropout(0.5, true)?;
    /// assert!(y.to_vec::<f32>()?.iter().all(|&v| v == 0.0 || v == 2.0));
    /// # Ok::<(), gradus_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Argument` unless p is in `0..=1`.
    pub fn dropout(&self, p: f64, training: bool) -> Result<Tensor> {
        if !(0.0..=1.0).contains(&p) {
            return Err(Error::argument("dropout", "p", p, "a probability in 0..=1"));
        }
        if !training || p == 0.0 {
            return Ok(self.clone());
        }
        let noise = Tensor::rand(self.shape(), &self.device());
        let keep = 1.0 - p;
        let scale = if keep > 0.0 { 1.0 / keep } else { 0.0 };
        where_(&noise.lt(keep)?, &self.mul(scale)?, 0.0)
    }
}
