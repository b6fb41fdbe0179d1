//! Softmax and the fused softmax-cross-entropy.

use gradus_kernels::{CrossEntropy, Value, mean_cross_entropy, softmax_cross_entropy};
use gradus_tensor::{Dim, Result};

use super::one;
use crate::graph::{Keep, record_fn};
use crate::is_grad_enabled;
use crate::tensor::Tensor;

impl Tensor {
    /// `e^x / Σ e^x` along `dim`, without overflow. PyTorch: `softmax`.
    /// *Gradient*: `y · (g - Σ g·y)`.
    ///
    /// # Errors
    /// `Kind::Shape` when the dimension does not exist, `Kind::DType` unless it is a float.
    pub fn softmax(&self, dim: Dim) -> Result<Tensor> {
        let value = gradus_kernels::softmax(&self.value(), dim, false)?;
        Ok(record_fn("softmax", value, &[self], Keep::OUTPUT, move |saved, g| {
            let y = saved.output();
            let dot = g.mul(&y)?.sum(&[dim], true)?;
            one(g.sub(&dot)?.mul(&y)?)
        }))
    }

    /// `x - log Σ e^x` along `dim`, without overflow. PyTorch: `log_softmax`.
    /// *Gradient*: `g - e^y · Σ g`.
    ///
    /// # Errors
    /// As [`Tensor::softmax`].
    pub fn log_softmax(&self, dim: Dim) -> Result<Tensor> {
        let value = gradus_kernels::softmax(&self.value(), dim, true)?;
        Ok(record_fn("log_softmax", value, &[self], Keep::OUTPUT, move |saved, g| {
            let total = g.sum(&[dim], true)?;
            one(g.sub(&saved.output().exp()?.mul(&total)?)?)
        }))
    }

    /// Cross-entropy of logits `[N, C, *]` with class indices `[N, *]`, row by row, in one pass
    /// that also yields the gradient. Other reductions and targets of other kinds are
    /// `gradus-nn`'s.
    ///
    /// # Errors
    /// `Kind::Shape`, `Kind::DType` for targets that are not integers, `Kind::Index` for a label
    /// that is no class.
    pub fn cross_entropy_rows(
        &self,
        target: &Tensor,
        weight: Option<&Tensor>,
        label_smoothing: f64,
        ignore_index: Option<i64>,
    ) -> Result<Tensor> {
        let label = Labels::new(target, weight, label_smoothing, ignore_index);
        label.loss(self, softmax_cross_entropy, |slope, _| Ok(slope))
    }

    /// The mean of [`Tensor::cross_entropy_rows`]: their sum by the sum of the rows' weights, in
    /// one pass as well.
    ///
    /// # Errors
    /// As [`Tensor::cross_entropy_rows`].
    pub fn cross_entropy_mean(
        &self,
        target: &Tensor,
        weight: Option<&Tensor>,
        label_smoothing: f64,
        ignore_index: Option<i64>,
    ) -> Result<Tensor> {
        let label = Labels::new(target, weight, label_smoothing, ignore_index);
        label.loss(self, mean_cross_entropy, |slope, row_weight| {
            // Without a row that counts, the gradient is 0.
            let count = row_weight.sum_all()?;
            slope.div(&count.add(&count.eq(0.0)?.to_dtype(count.dtype())?)?)
        })
    }
}

/// What a cross-entropy compares with.
struct Labels {
    target: Value,
    weight: Option<Value>,
    smoothing: f64,
    ignored: Option<i64>,
}

/// A kernel of cross-entropy with class indices.
type Kernel = fn(&Value, &Value, Dim, Option<&Value>, f64, Option<i64>) -> Result<CrossEntropy>;

impl Labels {
    fn new(target: &Tensor, weight: Option<&Tensor>, smoothing: f64, ignored: Option<i64>) -> Self {
        Labels { target: target.value(), weight: weight.map(Tensor::value), smoothing, ignored }
    }

    /// The kernel's loss. Where its gradient must be differentiated itself, that is `reduced` of
    /// the rows' slope and weights.
    fn loss(
        self,
        logits: &Tensor,
        kernel: Kernel,
        reduced: impl Fn(Tensor, &Tensor) -> Result<Tensor> + Send + Sync + 'static,
    ) -> Result<Tensor> {
        let class_dim = if logits.rank() == 1 { 0i64 } else { 1 };
        let Labels { target, weight, smoothing, ignored } = &self;
        let x = logits.value();
        let got = kernel(&x, target, class_dim, weight.as_ref(), *smoothing, *ignored)?;
        let (slope, row_weight) = (Tensor::from(got.dlogits), Tensor::from(got.weight_sum));
        let keep = Keep::INPUTS;
        Ok(record_fn("cross_entropy", got.loss, &[logits], keep, move |saved, g| {
            let slope = match is_grad_enabled() {
                false => slope.clone(),
                true => {
                    let rows = self.slope(&saved.input(0), &row_weight, class_dim)?;
                    reduced(rows, &row_weight)?
                }
            };
            // A loss per row lacks the classes' dimension, a mean has none.
            one(slope.mul(&if g.rank() == 0 { g.clone() } else { g.unsqueeze(class_dim)? })?)
        }))
    }

    /// d(loss)/d(logits) in tensor operations: per row, with `p` the softmax, `w` the class
    /// weights and `eps` the smoothing,
    /// `(1 - eps)·w_t·(p - onehot) + eps/C · (p·Σw - w)`, zero where the row's weight is.
    fn slope(&self, logits: &Tensor, row_weight: &Tensor, class_dim: i64) -> Result<Tensor> {
        let classes = logits.shape()[class_dim as usize];
        let p = logits.softmax(class_dim)?;
        let row = row_weight.unsqueeze(class_dim)?;
        let last = Tensor::from(self.target.clone()).one_hot(classes)?;
        let rank = last.rank() as i64;
        let mut order: Vec<i64> = (0..rank - 1).collect();
        order.insert(class_dim as usize, rank - 1);
        let onehot = last.permute(&order)?.to_dtype(p.dtype())?;
        let hard = p.sub(&onehot)?.mul(&row)?.mul(1.0 - self.smoothing)?;
        if self.smoothing == 0.0 {
            return Ok(hard);
        }
        let weights = match &self.weight {
            Some(weight) => Tensor::from(weight.clone()),
            None => Tensor::full(classes, 1.0, p.dtype(), &p.device()),
        };
        let mut wide = vec![1i64; p.rank()];
        wide[class_dim as usize] = -1;
        let weights = weights.reshape(&wide)?;
        let soft = p.mul(&weights.sum(&[class_dim], true)?)?.sub(&weights)?;
        // A row whose class has weight zero is still smoothed; only an ignored one is not.
        let ignored = self.ignored.map_or(-1.0, |index| index as f64);
        let live = Tensor::from(self.target.clone()).ne(ignored)?.unsqueeze(class_dim)?;
        let soft = soft.mul(&live.to_dtype(p.dtype())?)?;
        hard.add(&soft.mul(self.smoothing / classes as f64)?)
    }
}
