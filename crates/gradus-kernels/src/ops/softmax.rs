//! Softmax and log-softmax along one dimension, shifted by the maximum.

use gradus_cpu::{LINE, SendPtr, prefetch};
use gradus_tensor::capture::{Plain, perform};
use gradus_tensor::{Array, DType, Dim, Result};

use super::lines::{
    Block, Fresh, LANES, Lines, Real, WIDTH, for_blocks, for_chunks, host, joined, must_be_float,
    vectorised,
};
use crate::expr::Value;

/// `exp(x) / Σ exp(x)` along `dim`; with `log`, its logarithm `x - log Σ exp(x)`.
///
/// *Shapes*: the result has the shape of `x`; lines of no elements give none. A line that holds
/// NaN or +∞, or nothing but -∞, is NaN, as in PyTorch.
///
/// *Cost*: one read and one write of memory; on the CPU two passes over a line in the cache.
///
/// ```
/// use gradus_kernels::{Value, softmax};
/// use gradus_tensor::Array;
///
/// let x = Value::from(Array::from_vec(vec![0.0f32, 0.0, 1000.0], [3])?);
/// assert_eq!(softmax(&x, 0, false)?.array()?.to_vec::<f32>()?, [0.0, 0.0, 1.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` when the dimension does not exist, `Kind::DType` unless `x` is a float.
pub fn softmax(x: &Value, dim: Dim, log: bool) -> Result<Value> {
    let op = if log { "log_softmax" } else { "softmax" };
    must_be_float(op, x.dtype())?;
    let (lines, _) = Lines::of(op, x.shape(), dim)?;
    if lines.numel() == 0 {
        return Ok(x.clone());
    }
    let dense = x.dense()?;
    #[cfg(feature = "gpu")]
    if let Some(gpu) = x.device().as_gpu() {
        let split = super::lines_gpu::Split::of(op, gpu, lines)?;
        return super::softmax_gpu::run(gpu, &dense, lines, log, split).map(Value::from);
    }
    let state = (Plain((lines, log)), dense);
    perform(&state, |(Plain((lines, log)), x)| run_cpu(x, *lines, *log)).map(Value::from)
}

fn run_cpu(x: &Array, lines: Lines, log: bool) -> Result<Array> {
    let mut out = Fresh::new(x.shape(), x.dtype())?;
    match x.dtype() {
        DType::F64 => typed(host::<f64>(x), out.values(), lines, log),
        _ => typed(host::<f32>(x), out.values(), lines, log),
    }
    Ok(out.done())
}

fn typed<T: Real>(x: &[T], out: &mut [T], lines: Lines, log: bool) {
    if lines.inner == 1 {
        for_chunks(out, lines.n, lines.numel(), |at, part| rows(&x[at..], part, lines.n, log));
        return;
    }
    let out = SendPtr::new(out.as_mut_ptr());
    for_blocks(lines, |block| columns(x, out, block, lines.n, log));
}

vectorised! {
    /// Contiguous lines.
    fn rows<T: Real>(x: &[T], out: &mut [T], n: usize, log: bool) {
        for (i, (row, out)) in x.chunks_exact(n).zip(out.chunks_exact_mut(n)).enumerate() {
            // Exponentials take long enough to fetch the next row meanwhile.
            let (x, next) = (row, &x[(i + 1) * n..]);
            let top = max(x);
            if log {
                let shift = exp_sum(x, top).log();
                for (out, &x) in out.iter_mut().zip(x) {
                    *out = (x - top) - shift;
                }
            } else {
                let scale = T::ONE / exp_into(x, top, out, next);
                for out in out.iter_mut() {
                    *out = *out * scale;
                }
            }
        }
    }

    /// Lines side by side.
    fn columns<T: Real>(x: &[T], out: SendPtr, block: Block, n: usize, log: bool) {
        let mut top = [T::NEG_INFINITY; WIDTH];
        let mut sum = [T::ZERO; WIDTH];
        column_max(x, block, n, &mut top);
        for i in 0..n {
            // SAFETY: blocks own disjoint columns of the result.
            let out = unsafe { block.row_mut::<T>(out, i) };
            let each = out.iter_mut().zip(block.row(x, i)).zip(top.iter().zip(&mut sum));
            for ((out, &x), (&top, sum)) in each {
                let e = (x - top).exp_of_nonpositive();
                *sum = *sum + e;
                *out = if log { x - top } else { e };
            }
        }
        for sum in &mut sum[..block.width] {
            *sum = if log { sum.log() } else { T::ONE / *sum };
        }
        for i in 0..n {
            // SAFETY: blocks own disjoint columns of the result.
            let out = unsafe { block.row_mut::<T>(out, i) };
            for (out, &sum) in out.iter_mut().zip(&sum) {
                *out = if log { *out - sum } else { *out * sum };
            }
        }
    }
}

/// The largest element; NaN is passed over, because the sum of exponentials shows it.
#[inline(always)]
pub(super) fn max<T: Real>(x: &[T]) -> T {
    let larger = |a: T, b: T| if a > b { a } else { b };
    let mut lanes = [[T::NEG_INFINITY; LANES]; 2];
    let mut pairs = x.chunks_exact(2 * LANES);
    for pair in &mut pairs {
        for (lanes, x) in lanes.iter_mut().zip(pair.chunks_exact(LANES)) {
            for (lane, &x) in lanes.iter_mut().zip(x) {
                *lane = larger(x, *lane);
            }
        }
    }
    let mut top = joined(lanes[0], larger);
    top = larger(joined(lanes[1], larger), top);
    pairs.remainder().iter().fold(top, |top, &x| larger(x, top))
}

/// The largest element of each column of a block, as [`max`].
#[inline(always)]
pub(super) fn column_max<T: Real>(x: &[T], block: Block, n: usize, top: &mut [T; WIDTH]) {
    for i in 0..n {
        for (top, &x) in top.iter_mut().zip(block.row(x, i)) {
            *top = if x > *top { x } else { *top };
        }
    }
}

/// `Σ exp(x - top)`.
#[inline(always)]
fn exp_sum<T: Real>(x: &[T], top: T) -> T {
    let mut lanes = [T::ZERO; LANES];
    let mut chunks = x.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = *lane + (x - top).exp_of_nonpositive();
        }
    }
    let mut sum = T::ZERO;
    for &x in chunks.remainder() {
        sum = sum + (x - top).exp_of_nonpositive();
    }
    sum + total(lanes)
}

/// Stores `exp(x - top)`; the sum of them. As much of `next` is fetched ahead.
#[inline(always)]
pub(super) fn exp_into<T: Real>(x: &[T], top: T, out: &mut [T], next: &[T]) -> T {
    let mut lanes = [T::ZERO; LANES];
    let mut from = x.chunks_exact(LANES);
    let mut into = out.chunks_exact_mut(LANES);
    for (i, (x, out)) in (&mut from).zip(&mut into).enumerate() {
        for line in 0..LANES * size_of::<T>() / LINE {
            prefetch(next, i * LANES + line * LINE / size_of::<T>());
        }
        for ((lane, &x), out) in lanes.iter_mut().zip(x).zip(out) {
            let e = (x - top).exp_of_nonpositive();
            *lane = *lane + e;
            *out = e;
        }
    }
    let mut sum = T::ZERO;
    for (&x, out) in from.remainder().iter().zip(into.into_remainder()) {
        *out = (x - top).exp_of_nonpositive();
        sum = sum + *out;
    }
    sum + total(lanes)
}

/// The sum of the lanes.
#[inline(always)]
pub(super) fn total<T: Real>(lanes: [T; LANES]) -> T {
    joined(lanes, |a, b| a + b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::lines::checks::{Dice, array, assert_close, scrambled, shapes, values};

    /// By definition, in f64.
    fn naive(x: &[f32], lines: Lines, log: bool) -> Vec<f64> {
        let mut out = vec![0.0; x.len()];
        for line in 0..lines.count() {
            let base = line / lines.inner * lines.n * lines.inner + line % lines.inner;
            let at = |i: usize| base + i * lines.inner;
            let get = |i: usize| f64::from(x[at(i)]);
            let top = (0..lines.n).map(get).fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = (0..lines.n).map(|i| (get(i) - top).exp()).sum();
            for i in 0..lines.n {
                let shifted = get(i) - top;
                out[at(i)] = if log { shifted - sum.ln() } else { shifted.exp() / sum };
            }
        }
        out
    }

    #[test]
    fn matches_the_definition_on_every_shape_and_view() {
        let mut dice = Dice(1);
        for (shape, dim) in shapes() {
            for (odd, log) in [(false, false), (false, true), (true, false), (true, true)] {
                let data = dice.floats(shape.numel(), odd);
                let (lines, _) = Lines::of("test", &shape, dim).expect("exists");
                let expected = naive(&data, lines, log);
                for x in [array(&data, &shape), scrambled(&data, &shape)] {
                    let y = softmax(&x, dim, log).expect("computes");
                    assert_eq!(y.shape(), &shape);
                    let what = format!("{shape}, dim {dim}, odd {odd}, log {log}");
                    assert_close(&values(&y), &expected, 1e-6, &what);
                    let wide = x.cast(DType::F64).expect("casts");
                    let y = softmax(&wide, dim, log).expect("computes");
                    let y: Vec<f32> = values::<f64>(&y).iter().map(|&v| v as f32).collect();
                    assert_close(&y, &expected, 1e-7, &what);
                }
            }
        }
    }

    #[test]
    fn lines_that_need_several_threads_sum_to_one() {
        let shape = [130, 1009].into();
        let x = array(&Dice(2).floats(130 * 1009, false), &shape);
        let y: Vec<f32> = values(&softmax(&x, 1, false).expect("computes"));
        assert!(y.chunks(1009).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-5));
        let y: Vec<f32> = values(&softmax(&x, 0, false).expect("computes"));
        for c in 0..1009 {
            let sum: f32 = (0..130).map(|r| y[r * 1009 + c]).sum();
            assert!((sum - 1.0).abs() < 1e-5, "column {c}: {sum}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let x = array(&[1.0f32, 2.0], &[2].into());
        let error = softmax(&x, 1, true).expect_err("no such dimension").to_string();
        assert_eq!(error, "log_softmax: dimension 1 does not exist in 1 dimensions; x [2]");
        let error = softmax(&array(&[1i32], &[1].into()), 0, false).expect_err("an integer");
        assert_eq!(
            error.to_string(),
            "softmax: got int32, expected a float type; cast with `to_dtype`"
        );
    }
}
