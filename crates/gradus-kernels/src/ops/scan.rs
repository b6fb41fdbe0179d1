//! Running sums and products along one dimension.

use bytemuck::Pod;
use gradus_cpu::SendPtr;
use gradus_tensor::capture::{Plain, perform};
use gradus_tensor::{Array, DType, Dim, Result};

use super::lines::{Block, Fresh, Lines, WIDTH, for_blocks, for_chunks, host, vectorised};
use crate::expr::Value;

/// Running combinations.
#[allow(non_camel_case_types, reason = "variants are the ops' names")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scan {
    /// Sum of the elements so far.
    cumsum,
    /// Product of the elements so far.
    cumprod,
}

impl Scan {
    /// Name of the op.
    pub fn name(self) -> &'static str {
        match self {
            Scan::cumsum => "cumsum",
            Scan::cumprod => "cumprod",
        }
    }
}

/// Each element combined with all before it along `dim`. Bools and bytes become int32; integers
/// wrap.
///
/// *Shapes*: the result has the shape of `x`.
///
/// *Cost*: one pass. float32 accumulates in float64 on the CPU and in float32 on a GPU, where
/// long lines are split in blocks of fixed size.
///
/// *Source*: `torch.cumsum`, `torch.cumprod`.
///
/// ```
/// use gradus_kernels::{Scan, Value, scan};
/// use gradus_tensor::Array;
///
/// let x = Value::from(Array::from_vec(vec![1.0f32, 2.0, 3.0], [3])?);
/// assert_eq!(scan(Scan::cumsum, &x, 0)?.array()?.to_vec::<f32>()?, [1.0, 3.0, 6.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` when the dimension does not exist.
pub fn scan(op: Scan, x: &Value, dim: Dim) -> Result<Value> {
    let x = match x.dtype() {
        DType::Bool | DType::U8 => x.cast(DType::I32)?,
        _ => x.clone(),
    };
    let (lines, _) = Lines::of(op.name(), x.shape(), dim)?;
    if lines.numel() == 0 || lines.n == 1 {
        return Ok(x);
    }
    #[cfg(feature = "gpu")]
    if let Some(gpu) = x.device().as_gpu() {
        let walk = super::scan_gpu::Walk::of(gpu, lines);
        return super::scan_gpu::run(gpu, op, &x.dense()?, lines, walk).map(Value::from);
    }
    let state = (Plain((op, lines)), x.dense()?);
    perform(&state, |&(Plain((op, lines)), ref x)| match x.dtype() {
        DType::F64 => run_cpu::<f64>(op, x, lines),
        DType::I32 => run_cpu::<i32>(op, x, lines),
        DType::U32 => run_cpu::<u32>(op, x, lines),
        _ => run_cpu::<f32>(op, x, lines),
    })
    .map(Value::from)
}

/// Numbers that accumulate, in a type of their own.
trait Running: Pod + Send + Sync {
    type Total: Copy;
    fn first(op: Scan) -> Self::Total;
    fn next(op: Scan, total: Self::Total, x: Self) -> Self::Total;
    fn of(total: Self::Total) -> Self;
}
macro_rules! running {
    ($($t:ty, $total:ty, $one:expr, $zero:expr, $plus:expr, $times:expr;)*) => {$(
        impl Running for $t {
            type Total = $total;
            fn first(op: Scan) -> $total {
                if op == Scan::cumsum { $zero } else { $one }
            }
            #[inline(always)]
            fn next(op: Scan, total: $total, x: Self) -> $total {
                if op == Scan::cumsum {
                    $plus(total, <$total>::from(x))
                } else {
                    $times(total, <$total>::from(x))
                }
            }
            #[inline(always)]
            fn of(total: $total) -> Self {
                total as $t
            }
        }
    )*};
}
running! {
    f32, f64, 1.0, 0.0, |a, b| a + b, |a, b| a * b;
    f64, f64, 1.0, 0.0, |a, b| a + b, |a, b| a * b;
    i32, i32, 1, 0, i32::wrapping_add, i32::wrapping_mul;
    u32, u32, 1, 0, u32::wrapping_add, u32::wrapping_mul;
}

fn run_cpu<T: Running>(op: Scan, x: &Array, lines: Lines) -> Result<Array> {
    let mut out = Fresh::new(x.shape(), x.dtype())?;
    let values = host::<T>(x);
    if lines.inner == 1 {
        for_chunks(out.values(), lines.n, lines.numel(), |at, part| {
            for (i, out) in part.chunks_exact_mut(lines.n).enumerate() {
                let mut total = T::first(op);
                for (out, &x) in out.iter_mut().zip(&values[at + i * lines.n..]) {
                    total = T::next(op, total, x);
                    *out = T::of(total);
                }
            }
        });
    } else {
        let out = SendPtr::new(out.values::<T>().as_mut_ptr());
        for_blocks(lines, |block| columns(op, values, out, block, lines.n));
    }
    Ok(out.done())
}

vectorised! {
    /// Lines side by side.
    fn columns<T: Running>(op: Scan, x: &[T], out: SendPtr, block: Block, n: usize) {
        let mut totals = [T::first(op); WIDTH];
        for i in 0..n {
            // SAFETY: blocks own disjoint columns of the result.
            let out = unsafe { block.row_mut::<T>(out, i) };
            for ((out, &x), total) in out.iter_mut().zip(block.row(x, i)).zip(&mut totals) {
                *total = T::next(op, *total, x);
                *out = T::of(*total);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::lines::checks::{Dice, array, assert_close, scrambled, shapes, values};

    #[test]
    fn every_element_combines_those_before_it() {
        let mut dice = Dice(7);
        for (shape, dim) in shapes() {
            let (lines, _) = Lines::of("test", &shape, dim).expect("exists");
            for op in [Scan::cumsum, Scan::cumprod] {
                let data = dice.floats(shape.numel(), op == Scan::cumsum);
                let data: Vec<f32> = match op {
                    Scan::cumsum => data,
                    Scan::cumprod => data.iter().map(|x| 1.0 + x / 16.0).collect(),
                };
                let mut expected: Vec<f64> = data.iter().map(|&x| x.into()).collect();
                for line in 0..lines.count() {
                    let base = line / lines.inner * lines.n * lines.inner + line % lines.inner;
                    for i in 1..lines.n {
                        let (before, at) =
                            (expected[base + (i - 1) * lines.inner], base + i * lines.inner);
                        expected[at] = match op {
                            Scan::cumsum => before + expected[at],
                            Scan::cumprod => before * expected[at],
                        };
                    }
                }
                for x in [array(&data, &shape), scrambled(&data, &shape)] {
                    let y = scan(op, &x, dim).expect("computes");
                    let what = format!("{op:?} of {shape} along {dim}");
                    assert_close(&values(&y), &expected, 1e-6, &what);
                    let y = scan(op, &x.cast(DType::F64).expect("casts"), dim).expect("computes");
                    let y: Vec<f32> = values::<f64>(&y).iter().map(|&v| v as f32).collect();
                    assert_close(&y, &expected, 1e-6, &what);
                }
            }
        }
    }

    #[test]
    fn integers_wrap_and_bytes_widen() {
        let shape = [3].into();
        let x = array(&[i32::MAX, 1, 1], &shape);
        let y = scan(Scan::cumsum, &x, 0).expect("computes");
        assert_eq!(values::<i32>(&y), [i32::MAX, i32::MIN, i32::MIN + 1]);
        let y = scan(Scan::cumprod, &array(&[200u8, 2, 3], &shape), 0).expect("computes");
        assert_eq!(values::<i32>(&y), [200, 400, 1200]);
        let y = scan(Scan::cumsum, &array(&[true, false, true], &shape), 0).expect("computes");
        assert_eq!(values::<i32>(&y), [1, 1, 2]);
        let y = scan(Scan::cumprod, &array(&[u32::MAX, 3, 1], &shape), 0).expect("computes");
        assert_eq!(values::<u32>(&y), [u32::MAX, u32::MAX - 2, u32::MAX - 2]);
        let error = scan(Scan::cumprod, &x, 1).expect_err("no such dimension").to_string();
        assert_eq!(error, "cumprod: dimension 1 does not exist in 1 dimensions; x [3]");
    }
}
