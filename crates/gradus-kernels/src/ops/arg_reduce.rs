//! Where the largest or smallest element is.

use bytemuck::Pod;
use gradus_cpu::SendPtr;
use gradus_tensor::capture::{Plain, perform};
use gradus_tensor::{Array, DType, Dim, Kind, Result, Shape};

use super::lines::{
    Block, Fresh, LANES, Lines, WIDTH, for_blocks, for_chunks, host, resized, vectorised,
};
use crate::expr::{Value, must_have_elements};

/// Reductions to a position.
#[allow(non_camel_case_types, reason = "variants are the ops' names")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArgReduce {
    /// Position of the largest element.
    argmax,
    /// Position of the smallest element.
    argmin,
}

impl ArgReduce {
    /// Name of the op.
    pub fn name(self) -> &'static str {
        match self {
            ArgReduce::argmax => "argmax",
            ArgReduce::argmin => "argmin",
        }
    }
}

/// The position, as int32, of the largest or smallest element along `dim`; without a dimension,
/// in all of `x` in row-major order. The first of equals; the first NaN before anything else.
///
/// *Shapes*: as x without `dim`, or with `keepdim` of size 1 there.
///
/// *Gradient*: not differentiable, because the result is an integer.
///
/// *Source*: `torch.argmax`, which leaves the choice between equals open.
///
/// ```
/// use gradus_kernels::{ArgReduce, Value, arg_reduce};
/// use gradus_tensor::Array;
///
/// let x = Value::from(Array::from_vec(vec![1.0f32, 7.0, 7.0, 2.0], [2, 2])?);
/// let rows = arg_reduce(ArgReduce::argmax, &x, Some(1), false)?;
/// assert_eq!(rows.array()?.to_vec::<i32>()?, [1, 0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` when the dimension does not exist or has no elements.
pub fn arg_reduce(op: ArgReduce, x: &Value, dim: Option<Dim>, keepdim: bool) -> Result<Value> {
    let (lines, shape) = match dim {
        Some(dim) => {
            let (lines, d) = Lines::of(op.name(), x.shape(), dim)?;
            let kept = resized(x.shape(), d, 1);
            (lines, if keepdim || kept.rank() == 0 { kept } else { kept.without(d) })
        }
        None => {
            let lines = Lines { outer: 1, n: x.shape().numel(), inner: 1 };
            let rank = if keepdim { x.shape().rank() } else { 0 };
            (lines, Shape::new(&vec![1; rank]))
        }
    };
    must_have_elements(op.name(), x.shape(), lines.n)?;
    fits_index(op.name(), lines.n)?;
    if lines.count() == 0 {
        return Ok(Value::constant(0.0, shape, DType::I32, x.device()));
    }
    #[cfg(feature = "gpu")]
    if let Some(gpu) = x.device().as_gpu() {
        let split = super::lines_gpu::Split::of(op.name(), gpu, lines)?;
        let x = x.dense()?;
        return super::arg_reduce_gpu::run(gpu, op, &x, lines, &shape, split).map(Value::from);
    }
    let state = (Plain((op, lines, shape)), x.dense()?);
    perform(&state, |(Plain((op, lines, shape)), x)| match x.dtype() {
        DType::F32 => run_cpu::<f32>(*op, x, *lines, shape),
        DType::F64 => run_cpu::<f64>(*op, x, *lines, shape),
        DType::I32 => run_cpu::<i32>(*op, x, *lines, shape),
        DType::U32 => run_cpu::<u32>(*op, x, *lines, shape),
        _ => run_cpu::<u8>(*op, x, *lines, shape),
    })
    .map(Value::from)
}

/// # Errors
/// `Kind::Unsupported` for more positions than int32 can name.
pub(super) fn fits_index(op: &'static str, n: usize) -> Result<()> {
    if i32::try_from(n).is_ok() {
        return Ok(());
    }
    let what = format!("a line of {n} elements");
    Err(Kind::Unsupported { op, what, place: "because positions are int32" }.into())
}

/// Types with an order.
pub(super) trait Ranked: Pod + Send + Sync + PartialOrd {
    const LOWEST: Self;
    const HIGHEST: Self;
    fn is_nan(self) -> bool;
}
macro_rules! ranked {
    ($($t:ty, $low:expr, $high:expr, $nan:expr;)*) => {$(impl Ranked for $t {
        const LOWEST: Self = $low;
        const HIGHEST: Self = $high;
        #[inline(always)]
        fn is_nan(self) -> bool { $nan(self) }
    })*};
}
ranked! {
    f32, f32::NEG_INFINITY, f32::INFINITY, f32::is_nan;
    f64, f64::NEG_INFINITY, f64::INFINITY, f64::is_nan;
    i32, i32::MIN, i32::MAX, |_| false;
    u32, u32::MIN, u32::MAX, |_| false;
    u8, u8::MIN, u8::MAX, |_| false;
}

fn run_cpu<T: Ranked>(op: ArgReduce, x: &Array, lines: Lines, shape: &Shape) -> Result<Array> {
    let values = host::<T>(x);
    let mut out = Fresh::new(shape, DType::I32)?;
    if lines.inner == 1 {
        for_chunks(out.values::<i32>(), 1, lines.numel(), |at, part| {
            let values = &values[at * lines.n..];
            for (line, out) in values.chunks_exact(lines.n).zip(part) {
                *out = match op {
                    ArgReduce::argmax => largest(line),
                    ArgReduce::argmin => smallest(line),
                };
            }
        });
    } else {
        let out = SendPtr::new(out.values::<i32>().as_mut_ptr());
        for_blocks(lines, |block| match op {
            ArgReduce::argmax => columns_largest(values, out, block, lines.n),
            ArgReduce::argmin => columns_smallest(values, out, block, lines.n),
        });
    }
    Ok(out.done())
}

vectorised! {
    fn largest<T: Ranked>(x: &[T]) -> i32 {
        line(x, T::LOWEST, |a, b| a > b)
    }

    fn smallest<T: Ranked>(x: &[T]) -> i32 {
        line(x, T::HIGHEST, |a, b| a < b)
    }

    fn columns_largest<T: Ranked>(x: &[T], out: SendPtr, block: Block, n: usize) {
        columns(x, out, block, n, |a, b| a > b);
    }

    fn columns_smallest<T: Ranked>(x: &[T], out: SendPtr, block: Block, n: usize) {
        columns(x, out, block, n, |a, b| a < b);
    }
}

/// First the best value, in independent lanes; then where it is.
#[inline(always)]
fn line<T: Ranked>(x: &[T], worst: T, beats: impl Fn(T, T) -> bool) -> i32 {
    let mut best = [worst; LANES];
    let mut nan = false;
    let mut chunks = x.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (best, &x) in best.iter_mut().zip(chunk) {
            *best = if beats(x, *best) { x } else { *best };
            nan |= x.is_nan();
        }
    }
    let mut top = worst;
    for &x in best.iter().chain(chunks.remainder()) {
        top = if beats(x, top) { x } else { top };
        nan |= x.is_nan();
    }
    let position =
        if nan { x.iter().position(|x| x.is_nan()) } else { x.iter().position(|x| *x == top) };
    position.unwrap_or(0) as i32
}

#[inline(always)]
fn columns<T: Ranked>(x: &[T], out: SendPtr, block: Block, n: usize, beats: impl Fn(T, T) -> bool) {
    let mut best = [T::LOWEST; WIDTH];
    let mut at = [0i32; WIDTH];
    best[..block.width].copy_from_slice(block.row(x, 0));
    for i in 1..n {
        for ((best, at), &x) in best.iter_mut().zip(&mut at).zip(block.row(x, i)) {
            let better = beats(x, *best) | (x.is_nan() & !best.is_nan());
            *best = if better { x } else { *best };
            *at = if better { i as i32 } else { *at };
        }
    }
    // SAFETY: blocks own disjoint results.
    unsafe { block.results::<i32>(out) }.copy_from_slice(&at[..block.width]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::lines::checks::{Dice, array, scrambled, shapes, values};

    fn naive(line: &[f32], op: ArgReduce) -> i32 {
        let mut at = 0;
        for i in 1..line.len() {
            let (a, b) = (line[i], line[at]);
            let beats = if op == ArgReduce::argmax { a > b } else { a < b };
            if !b.is_nan() && (beats || a.is_nan()) {
                at = i;
            }
        }
        at as i32
    }

    #[test]
    fn finds_the_first_of_equals_and_the_first_nan() {
        let mut dice = Dice(8);
        for (shape, dim) in shapes() {
            let (lines, d) = Lines::of("test", &shape, dim).expect("exists");
            for (odd, op) in [
                (false, ArgReduce::argmax),
                (false, ArgReduce::argmin),
                (true, ArgReduce::argmax),
                (true, ArgReduce::argmin),
            ] {
                let data = dice.floats(shape.numel(), odd);
                let x = array(&data, &shape);
                if lines.n == 0 {
                    let error = arg_reduce(op, &x, Some(dim), false).expect_err("no elements");
                    assert!(error.to_string().contains("has no value over zero elements"));
                    continue;
                }
                let line = |i: usize| -> Vec<f32> {
                    let base = i / lines.inner * lines.n * lines.inner + i % lines.inner;
                    (0..lines.n).map(|j| data[base + j * lines.inner]).collect()
                };
                let expected: Vec<i32> = (0..lines.count()).map(|i| naive(&line(i), op)).collect();
                for x in [x, scrambled(&data, &shape)] {
                    for keepdim in [false, true] {
                        let y = arg_reduce(op, &x, Some(dim), keepdim).expect("computes");
                        let kept = resized(&shape, d, 1);
                        let short = if shape.rank() == 0 { kept.clone() } else { kept.without(d) };
                        assert_eq!(*y.shape(), if keepdim { kept } else { short });
                        assert_eq!(values::<i32>(&y), expected, "{op:?} {shape} {dim} odd {odd}");
                    }
                    if shape.numel() > 0 {
                        let y = arg_reduce(op, &x, None, false).expect("computes");
                        assert_eq!(values::<i32>(&y), [naive(&data, op)]);
                    }
                }
            }
        }
    }

    #[test]
    fn integers_compare_as_they_are_signed() {
        let shape = [40].into();
        let mut data = vec![3i32; 40];
        (data[33], data[35]) = (-7, 9);
        let at = |x: &Value, op| {
            values::<i32>(&arg_reduce(op, x, Some(-1), false).expect("computes"))[0]
        };
        let x = array(&data, &shape);
        assert_eq!((at(&x, ArgReduce::argmax), at(&x, ArgReduce::argmin)), (35, 33));
        let x = array(&data.iter().map(|&v| v as u32).collect::<Vec<_>>(), &shape);
        assert_eq!((at(&x, ArgReduce::argmax), at(&x, ArgReduce::argmin)), (33, 0));
        let x = array(&data.iter().map(|&v| v as u8).collect::<Vec<_>>(), &shape);
        assert_eq!((at(&x, ArgReduce::argmax), at(&x, ArgReduce::argmin)), (33, 0));
        let same = array(&[f32::NEG_INFINITY; 40], &shape);
        assert_eq!((at(&same, ArgReduce::argmax), at(&same, ArgReduce::argmin)), (0, 0));
    }
}
