//! Cross-entropy of logits and class indices with its gradient, in one pass over the logits.

#[cfg(feature = "gpu")]
use std::sync::Arc;

use gradus_cpu::SendPtr;
use gradus_tensor::capture::{Plain, perform};
#[cfg(feature = "gpu")]
use gradus_tensor::gpu::Gpu;
use gradus_tensor::{Array, DType, Dim, Error, Kind, Problem, Result};
use smallvec::SmallVec;

#[cfg(feature = "gpu")]
use super::cross_entropy_gpu::{self, How};
use super::index::{signed, word, words};
use super::lines::{
    Block, Fresh, LANES, Lines, Real, WIDTH, for_blocks, for_chunks, host, must_be_float,
    vectorised,
};
use super::reduce::{Reduce, reduce};
use super::softmax::{column_max, exp_into, max, total};
use crate::expr::{Value, same_device};
use crate::table::{Binary, Compare};

const OP: &str = "cross_entropy";

/// Losses of rows and their gradient.
#[derive(Clone, Debug)]
pub struct CrossEntropy {
    /// The loss of each row, weighted; 0 where the row is ignored. Shape of the target.
    pub loss: Value,
    /// The derivative of each row's loss by its logits. Shape of the logits.
    pub dlogits: Value,
    /// The weight of each row's class, 1 without weights; 0 where the row is ignored. A mean
    /// divides by the sum of these. Shape of the target.
    pub weight_sum: Value,
}

/// Cross-entropy of `logits` and class indices, per row, with its gradient.
///
/// *Shapes*: logits `[.., C, ..]` with the classes along `dim`; target as the logits without
/// `dim`; the loss as the target.
///
/// *Formula*: with `p = softmax(logits)`, target `t`, class weights `w` (`[C]`, of the logits'
/// type; all 1 if not given) and `ε = label_smoothing`,
/// `loss = -(1 - ε) w[t] log p[t] - ε / C · Σ_c w[c] log p[c]`. Rows whose target is
/// `ignore_index` count for nothing; PyTorch's default is -100.
///
/// *Cost*: the logits are read once and the gradient is written once, by one kernel.
///
/// *Source*: `torch.nn.functional.cross_entropy`, `reduction="none"`. An ignored row has gradient
/// zero even if it holds NaN.
///
/// ```
/// use gradus_kernels::{Value, softmax_cross_entropy};
/// use gradus_tensor::Array;
///
/// let logits = Value::from(Array::from_vec(vec![0.0f32, 0.0, 1.0, 1.0], [2, 2])?);
/// let target = Value::from(Array::from_vec(vec![1i32, 0], [2])?);
/// let ce = softmax_cross_entropy(&logits, &target, 1, None, 0.0, Some(-100))?;
/// assert_eq!(ce.dlogits.array()?.to_vec::<f32>()?, [0.5, -0.5, -0.5, 0.5]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` when the shapes do not fit, `Kind::DType` unless logits are floats, targets are
/// integers and weights are as the logits, `Kind::Argument` for a smoothing outside `0..=1`,
/// `Kind::Index` for a target that is no class. Targets that were computed on a GPU are not read
/// back to be checked: there such a row has loss NaN and gradient zero.
pub fn softmax_cross_entropy(
    logits: &Value,
    target: &Value,
    dim: Dim,
    weight: Option<&Value>,
    label_smoothing: f64,
    ignore_index: Option<i64>,
) -> Result<CrossEntropy> {
    let question = Question::new(logits, target, dim, weight, label_smoothing, ignore_index)?;
    question.rows()
}

/// As [`softmax_cross_entropy`], reduced to the mean as PyTorch does it: `loss` is a scalar, the
/// sum over rows by the sum of `weight_sum`, and `dlogits` its derivative. Without a row that
/// counts the loss is NaN and the gradient 0.
///
/// *Cost*: on a GPU one kernel for a batch of few classes; in general one for the rows and what
/// adds them up.
///
/// ```
/// use gradus_kernels::{Value, mean_cross_entropy};
/// use gradus_tensor::Array;
///
/// let logits = Value::from(Array::from_vec(vec![0.0f32, 0.0, 1.0, 1.0], [2, 2])?);
/// let target = Value::from(Array::from_vec(vec![1i32, -100], [2])?);
/// let ce = mean_cross_entropy(&logits, &target, 1, None, 0.0, Some(-100))?;
/// assert_eq!(ce.loss.array()?.to_vec::<f32>()?, [2.0f32.ln()]);
/// assert_eq!(ce.dlogits.array()?.to_vec::<f32>()?, [0.5, -0.5, 0.0, 0.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// As [`softmax_cross_entropy`].
pub fn mean_cross_entropy(
    logits: &Value,
    target: &Value,
    dim: Dim,
    weight: Option<&Value>,
    label_smoothing: f64,
    ignore_index: Option<i64>,
) -> Result<CrossEntropy> {
    let question = Question::new(logits, target, dim, weight, label_smoothing, ignore_index)?;
    #[cfg(feature = "gpu")]
    if let Some(gpu) = logits.device().as_gpu()
        && cross_entropy_gpu::is_whole(question.job.lines)
        && question.job.lines.count() > 0
    {
        return question.on_gpu(gpu, How::Whole);
    }
    let CrossEntropy { loss, dlogits, weight_sum } = question.rows()?;
    let all: SmallVec<[i64; 6]> = (0..target.shape().rank() as i64).collect();
    let count = reduce(Reduce::sum, &weight_sum, &all, false)?;
    let (dtype, device) = (count.dtype(), count.device().clone());
    let zero = Value::constant(0.0, (), dtype, &device);
    let none = Value::compare(Compare::eq, &count, &zero)?;
    let divisor = Value::select(&none, &Value::constant(1.0, (), dtype, &device), &count)?;
    let loss = Value::binary(Binary::div, &reduce(Reduce::sum, &loss, &all, false)?, &count)?;
    let dlogits = Value::binary(Binary::div, &dlogits, &divisor)?;
    Ok(CrossEntropy { loss, dlogits, weight_sum })
}

/// What is asked for, checked.
struct Question<'a> {
    logits: &'a Value,
    target: &'a Value,
    weight: Option<&'a Value>,
    job: Job,
}

impl<'a> Question<'a> {
    fn new(
        logits: &'a Value,
        target: &'a Value,
        dim: Dim,
        weight: Option<&'a Value>,
        label_smoothing: f64,
        ignore_index: Option<i64>,
    ) -> Result<Self> {
        let lines = checked(logits, target, dim, weight)?;
        if !(0.0..=1.0).contains(&label_smoothing) {
            let expected = "a number in 0..=1";
            return Err(Error::argument(OP, "label_smoothing", label_smoothing, expected));
        }
        let ignore = ignore_index.and_then(|i| word(target.dtype(), i));
        let job = Job { lines, smoothing: label_smoothing, ignore };
        Ok(Question { logits, target, weight, job })
    }

    /// The loss of each row.
    fn rows(&self) -> Result<CrossEntropy> {
        let (dtype, device) = (self.logits.dtype(), self.logits.device());
        if self.job.lines.count() == 0 {
            let loss = Value::constant(0.0, self.target.shape(), dtype, device);
            let dlogits = Value::constant(0.0, self.logits.shape(), dtype, device);
            return Ok(CrossEntropy { weight_sum: loss.clone(), loss, dlogits });
        }
        #[cfg(feature = "gpu")]
        if let Some(gpu) = device.as_gpu() {
            let split = super::lines_gpu::Split::of(OP, gpu, self.job.lines)?;
            return self.on_gpu(gpu, How::Rows(split));
        }
        let operands = [self.logits.dense()?, self.target.dense()?];
        let weight = self.weight.map(Value::dense).transpose()?;
        let state = (Plain(self.job), (operands, weight));
        let outputs = perform(&state, |(Plain(job), ([logits, target], weight))| {
            job.check(target)?;
            match logits.dtype() {
                DType::F64 => job.run_cpu::<f64>(logits, target, weight.as_ref()),
                _ => job.run_cpu::<f32>(logits, target, weight.as_ref()),
            }
        })?;
        let [loss, weight_sum, dlogits] = outputs.map(Value::from);
        Ok(CrossEntropy { loss, dlogits, weight_sum })
    }

    #[cfg(feature = "gpu")]
    fn on_gpu(&self, gpu: &Arc<Gpu>, how: How) -> Result<CrossEntropy> {
        let target = self.target.dense()?;
        if target.device().is_cpu() {
            self.job.check(&target)?;
        }
        let target = target.to(self.logits.device())?;
        let weight = self.weight.map(Value::dense).transpose()?;
        let logits = self.logits.dense()?;
        cross_entropy_gpu::run(gpu, &self.job, &logits, &target, weight.as_ref(), how)
    }
}

/// The only shape and type rule.
fn checked(logits: &Value, target: &Value, dim: Dim, weight: Option<&Value>) -> Result<Lines> {
    let shapes = [("logits", logits.shape()), ("target", target.shape())];
    let wrong = |problem| Err(Error::shape(OP, problem, &shapes));
    must_be_float(OP, logits.dtype())?;
    if !matches!(target.dtype(), DType::I32 | DType::U32 | DType::U8) {
        return Err(Kind::DType {
            op: OP,
            got: vec![target.dtype()],
            expected: "class indices of an integer type; for probabilities or one-hot rows pass \
                       a float tensor of the logits' shape",
        }
        .into());
    }
    if logits.shape().rank() == 0 {
        let expected = "at least 1: the classes";
        return wrong(Problem::Rank { name: "logits", got: 0, expected });
    }
    let d = logits.shape().dim(OP, dim)?;
    if logits.shape().without(d) != *target.shape() {
        return wrong(Problem::Rule {
            rule: "target must have the logits' shape without the class dimension",
        });
    }
    // A target on the host is checked, and copied to where the logits are.
    if !target.device().is_cpu() {
        same_device(OP, logits, target)?;
    }
    if let Some(weight) = weight {
        same_device(OP, logits, weight)?;
        if weight.dtype() != logits.dtype() {
            let got = vec![weight.dtype(), logits.dtype()];
            return Err(Kind::DType { op: OP, got, expected: "weights of the logits' type" }.into());
        }
        if *weight.shape() != [logits.shape()[d]] {
            let rule = "weight must be a vector with one weight a class";
            let [logits, target] = shapes;
            let shapes = [logits, target, ("weight", weight.shape())];
            return Err(Error::shape(OP, Problem::Rule { rule }, &shapes));
        }
    }
    Ok(Lines::at(logits.shape(), d))
}

/// The geometry: rows are lines of `C` logits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    pub(super) lines: Lines,
    pub(super) smoothing: f64,
    /// The word of the index that is ignored, if the target's type can hold it.
    pub(super) ignore: Option<u32>,
}

impl Job {
    /// # Errors
    /// `Kind::Index` for the first target that is neither a class nor ignored.
    fn check(&self, target: &Array) -> Result<()> {
        let words = words(target);
        let wrong = |&word: &u32| word as usize >= self.lines.n && Some(word) != self.ignore;
        match words.iter().position(wrong) {
            None => Ok(()),
            Some(position) => Err(Kind::Index {
                op: OP,
                index: signed(target.dtype(), words[position]),
                position,
                size: self.lines.n,
            }
            .into()),
        }
    }

    fn run_cpu<T: Real>(
        &self,
        logits: &Array,
        target: &Array,
        weight: Option<&Array>,
    ) -> Result<[Array; 3]> {
        let (dtype, rows) = (logits.dtype(), target.shape());
        let words = words(target);
        let mut outputs = [
            Fresh::new(rows, dtype)?,
            Fresh::new(rows, dtype)?,
            Fresh::new(logits.shape(), dtype)?,
        ];
        let [loss, sums, dlogits] = &mut outputs;
        let weight = weight.map(host::<T>);
        let total = weight.map(|w| w.iter().fold(T::ZERO, |sum, &w| sum + w));
        let run = Run {
            x: host::<T>(logits),
            target: &words,
            weight,
            total: total.unwrap_or(T::of(self.lines.n as f64)),
            n: self.lines.n,
            keep: T::of(1.0 - self.smoothing),
            spread: T::of(self.smoothing / self.lines.n as f64),
            ignore: self.ignore,
            loss: SendPtr::new(loss.values::<T>().as_mut_ptr()),
            sums: SendPtr::new(sums.values::<T>().as_mut_ptr()),
            dlogits: SendPtr::new(dlogits.values::<T>().as_mut_ptr()),
        };
        if self.lines.inner == 1 {
            let all = dlogits.values::<T>();
            for_chunks(all, self.lines.n, self.lines.numel(), |at, part| rows_of(&run, at, part));
        } else {
            for_blocks(self.lines, |block| columns_of(&run, block));
        }
        Ok(outputs.map(Fresh::done))
    }
}

/// What the loops read and write.
struct Run<'a, T> {
    x: &'a [T],
    target: &'a [u32],
    weight: Option<&'a [T]>,
    total: T,
    n: usize,
    /// 1 - ε.
    keep: T,
    /// ε / C.
    spread: T,
    ignore: Option<u32>,
    loss: SendPtr,
    sums: SendPtr,
    dlogits: SendPtr,
}

/// A row's target and its factors.
struct Row<T> {
    target: usize,
    /// Whether it counts.
    kept: bool,
    weight: T,
}

impl<T: Real> Run<'_, T> {
    #[inline(always)]
    fn row(&self, line: usize) -> Row<T> {
        let word = self.target[line];
        let kept = Some(word) != self.ignore;
        let target = if kept { word as usize } else { 0 };
        Row { target, kept, weight: self.weight.map_or(T::ONE, |w| w[target]) }
    }

    #[inline(always)]
    fn weight_of(&self, class: usize) -> T {
        self.weight.map_or(T::ONE, |w| w[class])
    }

    /// The loss, from the target's shifted logit, log Σ exp and Σ w·(x - max).
    #[inline(always)]
    fn loss(&self, row: &Row<T>, shifted: T, log_sum: T, dot: T) -> T {
        if !row.kept {
            return T::ZERO;
        }
        let own = self.keep * row.weight * (log_sum - shifted);
        if self.spread == T::ZERO { own } else { own + self.spread * (self.total * log_sum - dot) }
    }

    /// What multiplies the probabilities in the gradient.
    #[inline(always)]
    fn factor(&self, row: &Row<T>) -> T {
        self.keep * row.weight + self.spread * self.total
    }
}

vectorised! {
    /// Rows that lie one after another; `out` is the gradient from element `at` on.
    fn rows_of<T: Real>(run: &Run<'_, T>, at: usize, out: &mut [T]) {
        let n = run.n;
        for (i, out) in out.chunks_exact_mut(n).enumerate() {
            let line = at / n + i;
            let x = &run.x[line * n..][..n];
            let row = run.row(line);
            let top = max(x);
            let sum = exp_into(x, top, out, &run.x[(line + 1) * n..]);
            let smooth = run.spread != T::ZERO;
            let dot = if smooth { weighted_sum(x, top, run.weight) } else { T::ZERO };
            let loss = run.loss(&row, x[row.target] - top, sum.log(), dot);
            let scale = run.factor(&row) / sum;
            if row.kept {
                for out in out.iter_mut() {
                    *out = *out * scale;
                }
                match run.weight {
                    Some(weight) if smooth => {
                        for (out, &w) in out.iter_mut().zip(weight) {
                            *out = *out - run.spread * w;
                        }
                    }
                    None if smooth => {
                        for out in out.iter_mut() {
                            *out = *out - run.spread;
                        }
                    }
                    _ => {}
                }
                out[row.target] = out[row.target] - run.keep * row.weight;
            } else {
                out.fill(T::ZERO);
            }
            // SAFETY: this row's results are written by nobody else.
            unsafe {
                run.loss.add(line * size_of::<T>()).cast::<T>().write(loss);
                let counted = if row.kept { row.weight } else { T::ZERO };
                run.sums.add(line * size_of::<T>()).cast::<T>().write(counted);
            }
        }
    }

    /// Rows that lie side by side.
    fn columns_of<T: Real>(run: &Run<'_, T>, block: Block) {
        let mut top = [T::NEG_INFINITY; WIDTH];
        let mut sum = [T::ZERO; WIDTH];
        let mut dot = [T::ZERO; WIDTH];
        column_max(run.x, block, run.n, &mut top);
        for class in 0..run.n {
            let weight = run.weight_of(class);
            // SAFETY: blocks own disjoint columns of the result.
            let out = unsafe { block.row_mut::<T>(run.dlogits, class) };
            let state = top.iter().zip(sum.iter_mut().zip(&mut dot));
            for ((out, &x), (&top, (sum, dot))) in
                out.iter_mut().zip(block.row(run.x, class)).zip(state)
            {
                let e = (x - top).exp_of_nonpositive();
                *sum = *sum + e;
                *dot = *dot + weight * (x - top);
                *out = e;
            }
        }
        // SAFETY: as above.
        let (loss, sums) =
            unsafe { (block.results::<T>(run.loss), block.results::<T>(run.sums)) };
        for c in 0..block.width {
            let row = run.row(block.line + c);
            let shifted = block.row(run.x, row.target)[c] - top[c];
            loss[c] = run.loss(&row, shifted, sum[c].log(), dot[c]);
            sums[c] = if row.kept { row.weight } else { T::ZERO };
            sum[c] = run.factor(&row) / sum[c];
        }
        for class in 0..run.n {
            let spread = run.spread * run.weight_of(class);
            // SAFETY: as above.
            let out = unsafe { block.row_mut::<T>(run.dlogits, class) };
            for (out, &scale) in out.iter_mut().zip(&sum) {
                *out = *out * scale - spread;
            }
        }
        for c in 0..block.width {
            let row = run.row(block.line + c);
            let classes = if row.kept { row.target..row.target + 1 } else { 0..run.n };
            for class in classes {
                // SAFETY: as above.
                let out = unsafe { block.row_mut::<T>(run.dlogits, class) };
                let less = out[c] - run.keep * row.weight;
                out[c] = if row.kept { less } else { T::ZERO };
            }
        }
    }
}

/// `Σ w · (x - top)` in independent lanes.
#[inline(always)]
fn weighted_sum<T: Real>(x: &[T], top: T, weight: Option<&[T]>) -> T {
    let mut lanes = [T::ZERO; LANES];
    for (at, chunk) in x.chunks(LANES).enumerate() {
        match weight {
            None => {
                for (lane, &x) in lanes.iter_mut().zip(chunk) {
                    *lane = *lane + (x - top);
                }
            }
            Some(weight) => {
                for ((lane, &x), &w) in lanes.iter_mut().zip(chunk).zip(&weight[at * LANES..]) {
                    *lane = *lane + w * (x - top);
                }
            }
        }
    }
    total(lanes)
}

#[cfg(test)]
mod tests;
