//! Stable sorting along one dimension, and the k largest or smallest elements.

use bytemuck::Pod;
use gradus_cpu::{SendPtr, for_pieces};
use gradus_tensor::capture::{Plain, perform};
use gradus_tensor::{Array, DType, Dim, Error, Result, Shape};
use rayon::slice::ParallelSliceMut;

use super::arg_reduce::fits_index;
use super::lines::{Fresh, Lines, PIECE, host, resized};
use crate::expr::Value;

/// The elements along `dim` in order, and where each was, as int32. Stable: equal elements stay
/// in their order. NaN counts as larger than everything, -0 equals 0.
///
/// *Shapes*: both results have the shape of `x`.
///
/// *Source*: `torch.sort` with `stable=True`.
///
/// ```
/// use gradus_kernels::{Value, sort};
/// use gradus_tensor::Array;
///
/// let x = Value::from(Array::from_vec(vec![2.0f32, 1.0, 2.0], [3])?);
/// let (values, indices) = sort(&x, 0, true)?;
/// assert_eq!(values.array()?.to_vec::<f32>()?, [2.0, 2.0, 1.0]);
/// assert_eq!(indices.array()?.to_vec::<i32>()?, [0, 2, 1]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` when the dimension does not exist.
pub fn sort(x: &Value, dim: Dim, descending: bool) -> Result<(Value, Value)> {
    let (lines, d) = Lines::of("sort", x.shape(), dim)?;
    run("sort", x, lines, d, lines.n, descending)
}

/// The `k` largest (or smallest) elements along `dim` in order, and where each was, as int32. Of
/// equal elements the first ones are taken. NaN counts as larger than everything.
///
/// *Shapes*: both results have the shape of `x` with `k` along `dim`.
///
/// *Source*: `torch.topk` with `sorted=True`.
///
/// ```
/// use gradus_kernels::{Value, topk};
/// use gradus_tensor::Array;
///
/// let x = Value::from(Array::from_vec(vec![2.0f32, 1.0, 3.0], [3])?);
/// let (values, indices) = topk(&x, 2, 0, true)?;
/// assert_eq!(values.array()?.to_vec::<f32>()?, [3.0, 2.0]);
/// assert_eq!(indices.array()?.to_vec::<i32>()?, [2, 0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` when the dimension does not exist, `Kind::Argument` when it has fewer than `k`
/// elements.
pub fn topk(x: &Value, k: usize, dim: Dim, largest: bool) -> Result<(Value, Value)> {
    let (lines, d) = Lines::of("topk", x.shape(), dim)?;
    if k > lines.n {
        return Err(Error::argument("topk", "k", k, "at most the size of the dimension"));
    }
    run("topk", x, lines, d, k, largest)
}

fn run(
    op: &'static str,
    x: &Value,
    lines: Lines,
    d: usize,
    k: usize,
    descending: bool,
) -> Result<(Value, Value)> {
    fits_index(op, lines.n)?;
    let shape = resized(x.shape(), d, k);
    if shape.numel() == 0 {
        let none = |dtype| Value::constant(0.0, &shape, dtype, x.device());
        return Ok((none(x.dtype()), none(DType::I32)));
    }
    #[cfg(feature = "gpu")]
    if let Some(gpu) = x.device().as_gpu() {
        let steps = super::sort_gpu::Steps::of(gpu);
        let part = (lines, k, descending);
        let (values, at) = super::sort_gpu::run(gpu, &x.dense()?, part, &shape, steps)?;
        return Ok((Value::from(values), Value::from(at)));
    }
    let state = (Plain(((lines, k, descending), shape)), x.dense()?);
    let [values, indices] = perform(&state, |(Plain((part, shape)), x)| run_cpu(x, *part, shape))?;
    Ok((Value::from(values), Value::from(indices)))
}

fn run_cpu(x: &Array, part: (Lines, usize, bool), shape: &Shape) -> Result<[Array; 2]> {
    let mut values = Fresh::new(shape, x.dtype())?;
    let mut indices = Fresh::new(shape, DType::I32)?;
    let at = indices.values::<i32>();
    match x.dtype() {
        DType::F32 => typed::<f32>(host(x), values.values(), at, part),
        DType::F64 => typed::<f64>(host(x), values.values(), at, part),
        DType::I32 => typed::<i32>(host(x), values.values(), at, part),
        DType::U32 => typed::<u32>(host(x), values.values(), at, part),
        _ => typed::<u8>(host(x), values.values(), at, part),
    }
    Ok([values.done(), indices.done()])
}

/// Elements that become integers of the same order, joined with their position: all are distinct,
/// so that any sort is stable and has one result.
trait Sortable: Pod + Send + Sync {
    type Packed: Ord + Copy + Send;
    fn pack(self, position: u32, descending: bool) -> Self::Packed;
    fn position(packed: Self::Packed) -> usize;
}
macro_rules! sortable {
    ($($t:ty, $key:ty, $packed:ty, $of:expr;)*) => {$(impl Sortable for $t {
        type Packed = $packed;
        #[inline(always)]
        fn pack(self, position: u32, descending: bool) -> $packed {
            let key: $key = $of(self);
            let key = if descending { !key } else { key };
            (<$packed>::from(key) << 32) | <$packed>::from(position)
        }
        #[inline(always)]
        fn position(packed: $packed) -> usize {
            (packed as u32) as usize
        }
    })*};
}
sortable! {
    f32, u32, u64, |x: f32| if x.is_nan() { u32::MAX } else {
        // Adding zero makes 0 of -0. The order of the bits of negative numbers is reversed.
        let bits = (x + 0.0).to_bits();
        bits ^ (((bits as i32 >> 31) as u32) | 1 << 31)
    };
    f64, u64, u128, |x: f64| if x.is_nan() { u64::MAX } else {
        let bits = (x + 0.0).to_bits();
        bits ^ (((bits as i64 >> 63) as u64) | 1 << 63)
    };
    i32, u32, u64, |x: i32| x as u32 ^ 1 << 31;
    u32, u32, u64, |x: u32| x;
    u8, u32, u64, u32::from;
}

fn typed<T: Sortable>(
    x: &[T],
    values: &mut [T],
    indices: &mut [i32],
    (lines, k, descending): (Lines, usize, bool),
) {
    let Lines { n, inner, .. } = lines;
    let (values, indices) = (SendPtr::new(values.as_mut_ptr()), SendPtr::new(indices.as_mut_ptr()));
    let one = lines.count() == 1 && n > PIECE;
    for_pieces(lines.count(), (PIECE / 8 / n).max(1), |first, count| {
        let mut packed: Vec<T::Packed> = Vec::with_capacity(n);
        for line in first..first + count {
            let (o, c) = (line / inner, line % inner);
            let base = o * n * inner + c;
            packed.clear();
            packed.extend((0..n).map(|i| x[base + i * inner].pack(i as u32, descending)));
            let part = if k < n { packed.select_nth_unstable(k).0 } else { &mut packed[..] };
            // Keys are distinct: the parallel sort gives the same order.
            if one {
                part.par_sort_unstable();
            } else {
                part.sort_unstable();
            }
            for (i, &p) in part.iter().enumerate() {
                let (from, to) = (T::position(p), o * k * inner + c + i * inner);
                // SAFETY: this line's results are written by nobody else.
                unsafe {
                    let value = values.add(to * size_of::<T>()).cast::<T>();
                    value.write(x[base + from * inner]);
                    indices.add(to * size_of::<i32>()).cast::<i32>().write(from as i32);
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;
    use crate::ops::lines::checks::{Dice, array, bits, scrambled, shapes, values};

    /// A stable sort by comparison, NaN last.
    fn naive(line: &[f32], descending: bool) -> Vec<usize> {
        let mut order: Vec<usize> = (0..line.len()).collect();
        order.sort_by(|&i, &j| {
            let (a, b) = (line[i], line[j]);
            let by = match (a.is_nan(), b.is_nan()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                _ => a.partial_cmp(&b).expect("numbers"),
            };
            if descending { by.reverse() } else { by }
        });
        order
    }

    #[test]
    fn sorts_and_selects_like_a_stable_sort() {
        let mut dice = Dice(9);
        for (shape, dim) in shapes() {
            let (lines, d) = Lines::of("test", &shape, dim).expect("exists");
            for descending in [false, true] {
                let data = dice.floats(shape.numel(), true);
                for k in [lines.n, 0, 1, lines.n / 2] {
                    if k > lines.n || (shape.rank() == 0 && k == 0) {
                        continue;
                    }
                    let out = resized(&shape, d, k);
                    let (mut sorted, mut at) = (vec![0.0; out.numel()], vec![0; out.numel()]);
                    for line in 0..lines.count() {
                        let (o, c) = (line / lines.inner, line % lines.inner);
                        let from = |i: usize| o * lines.n * lines.inner + c + i * lines.inner;
                        let values: Vec<f32> = (0..lines.n).map(|i| data[from(i)]).collect();
                        for (i, &j) in naive(&values, descending)[..k].iter().enumerate() {
                            let to = o * k * lines.inner + c + i * lines.inner;
                            (sorted[to], at[to]) = (values[j], j as i32);
                        }
                    }
                    let expected = bits(&array(&sorted, &out));
                    for x in [array(&data, &shape), scrambled(&data, &shape)] {
                        let what = format!("{shape} along {dim}, k {k}, {descending}");
                        for x in [x.clone(), x.cast(DType::F64).expect("casts")] {
                            let (v, i) = if k == lines.n {
                                sort(&x, dim, descending).expect("computes")
                            } else {
                                topk(&x, k, dim, descending).expect("computes")
                            };
                            assert_eq!(values::<i32>(&i), at, "{what}");
                            let v = v.cast(DType::F32).expect("casts");
                            assert_eq!((v.shape(), bits(&v)), (&out, expected.clone()), "{what}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn long_lines_and_integers() {
        let n = PIECE + 17;
        let data = Dice(10).ints(n, 1000);
        let mut expected: Vec<i64> = data.iter().map(|&v| i64::from(v)).collect();
        expected.sort_unstable();
        for dtype in [DType::I32, DType::U32] {
            let x = array(&data, &[n].into()).cast(dtype).expect("casts");
            assert_eq!(values::<i64>(&sort(&x, 0, false).expect("computes").0), expected);
        }
        let x = array(&[-1i32, 5, i32::MIN, 0], &[4].into());
        assert_eq!(values::<i32>(&sort(&x, 0, true).expect("computes").0), [5, 0, -1, i32::MIN]);
        let x = array(&[7u8, 255, 0], &[3].into());
        assert_eq!(values::<u8>(&topk(&x, 2, 0, true).expect("computes").0), [255, 7]);
        let error = topk(&x, 4, 0, true).expect_err("too many").to_string();
        assert_eq!(error, "topk: k is 4, expected at most the size of the dimension");
    }
}
