//! Adding by index along one dimension: `scatter_add` (an index an element) and `index_add` (an
//! index a slice). They are the gradients of `gather` and `index_select`.

use bytemuck::Pod;
use gradus_cpu::{SendPtr, for_pieces};
use gradus_tensor::capture::{Arrays, Plain, perform};
use gradus_tensor::{Array, DType, Dim, Error, Kind, Problem, Result, Shape};

use super::gather::{lines_at, one_dimensional, region};
use super::index::{placed, words_in_range};
use super::lines::{Fresh, Lines, PIECE, host, resized};
use crate::expr::{Value, same_device};

/// `out[o, index[o·j₀ + i·j₁ + c·j₂], c] += src[o, i, c]` over the dense `src`
/// `[outer, count, inner]`, in the order of `i`; out is dense `[outer, size, inner]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ScatterGeometry {
    pub(super) src: Lines,
    pub(super) size: usize,
    pub(super) index: [usize; 3],
}

/// `x` with `out[index[i, j, k], j, k] += src[i, j, k]` for `dim` 0, and so on.
///
/// *Shapes*: index, src and x have one rank; index is nowhere larger than src and, except along
/// `dim`, nowhere larger than x. What lies outside the index's shape is not added.
///
/// Deterministic on every device: the additions to one element happen in the index's order.
///
/// *Source*: `torch.scatter_add`.
///
/// ```
/// use gradus_kernels::{Value, scatter_add};
/// use gradus_tensor::Array;
///
/// let x = Value::from(Array::from_vec(vec![1.0f32, 1.0, 1.0], [3])?);
/// let index = Value::from(Array::from_vec(vec![2i32, 2, 0], [3])?);
/// let src = Value::from(Array::from_vec(vec![10.0f32, 20.0, 30.0], [3])?);
/// let y = scatter_add(&x, 0, &index, &src)?;
/// assert_eq!(y.array()?.to_vec::<f32>()?, [31.0, 1.0, 31.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` when the shapes do not fit, `Kind::DType` unless x and src have one type and the
/// index holds integers, `Kind::Index` for an index out of range. Indices computed on a GPU are
/// not read back to be checked: there, what one that is out of range would add is dropped.
pub fn scatter_add(x: &Value, dim: Dim, index: &Value, src: &Value) -> Result<Value> {
    const OP: &str = "scatter_add";
    same_type(OP, x, src)?;
    let operands = [("index", index.shape()), ("src", src.shape())];
    let (view, d) = region(OP, x, dim, &operands)?;
    let fits = src.shape().rank() == index.shape().rank()
        && index.shape().iter().zip(src.shape().iter()).all(|(i, s)| i <= s);
    if !fits {
        let problem = Problem::Rule { rule: "index must not be larger than src" };
        let all = [("x", x.shape()), operands[0], operands[1]];
        return Err(Error::shape(OP, problem, &all));
    }
    let mut part = src.clone();
    for (i, &size) in index.shape().iter().enumerate() {
        part = part.narrow(i as Dim, 0, size)?;
    }
    let src = lines_at(index.shape(), d);
    let size = lines_at(x.shape(), d).n;
    let geometry = ScatterGeometry { src, size, index: [src.n * src.inner, src.inner, 1] };
    if view.shape() == x.shape() {
        return run(OP, geometry, x, index, &part);
    }
    // The index reaches a corner of x: that corner is computed, then put back.
    let corner = Value::from(x.array()?.with_layout(view));
    let corner = run(OP, geometry, &corner, index, &part)?;
    let rank = x.shape().rank();
    corner.placed(&vec![0; rank], &vec![1; rank], x)
}

/// `x` with the slices of `src` added at the positions `index` along `dim`. With `x` a constant
/// zero, this is the gradient of [`index_select`](crate::index_select).
///
/// *Shapes*: index `[K]`; src as x with `K` along `dim`.
///
/// Deterministic on every device: the additions to one slice happen in the index's order.
///
/// *Source*: `torch.index_add`.
///
/// # Errors
/// As [`scatter_add`].
pub fn index_add(x: &Value, dim: Dim, index: &Value, src: &Value) -> Result<Value> {
    const OP: &str = "index_add";
    same_type(OP, x, src)?;
    let (lines, d) = Lines::of(OP, x.shape(), dim)?;
    let count = one_dimensional(OP, x, index)?;
    let expected = resized(x.shape(), d, count);
    if *src.shape() != expected {
        let problem = Problem::Rule { rule: "src must be x with one slice an index along dim" };
        let all = [("x", x.shape()), ("index", index.shape()), ("src", src.shape())];
        return Err(Error::shape(OP, problem, &all));
    }
    let src_lines = Lines { n: count, ..lines };
    let geometry = ScatterGeometry { src: src_lines, size: lines.n, index: [0, 1, 0] };
    run(OP, geometry, x, index, src)
}

fn same_type(op: &'static str, x: &Value, src: &Value) -> Result<()> {
    same_device(op, x, src)?;
    if x.dtype() == src.dtype() && x.dtype() != DType::Bool {
        return Ok(());
    }
    let got = vec![x.dtype(), src.dtype()];
    Err(Kind::DType { op, got, expected: "x and src of one type of numbers" }.into())
}

fn run(
    op: &'static str,
    g: ScatterGeometry,
    x: &Value,
    index: &Value,
    src: &Value,
) -> Result<Value> {
    let index = placed(op, index, x, g.size)?;
    if g.src.numel() == 0 || x.shape().numel() == 0 {
        return Ok(x.clone());
    }
    let src = src.dense()?;
    #[cfg(feature = "gpu")]
    if let Some(gpu) = x.device().as_gpu() {
        let way = super::scatter_gpu::Way::of(gpu, g.src);
        return super::scatter_gpu::run(op, gpu, &g, (x, &index, &src), way).map(Value::from);
    }
    let base = match x.as_constant() {
        Some(value) => Base::Constant(value, x.shape().clone(), x.dtype()),
        None => Base::Array(x.dense()?),
    };
    let state = (Plain((op, g)), (base, [index, src]));
    perform(&state, |(Plain((op, g)), (base, [index, src]))| {
        let index = words_in_range(op, index, g.size)?;
        match src.dtype() {
            DType::F64 => run_cpu::<f64>(g, base, &index, src),
            DType::I32 => run_cpu::<i32>(g, base, &index, src),
            DType::U32 => run_cpu::<u32>(g, base, &index, src),
            DType::F32 => run_cpu::<f32>(g, base, &index, src),
            _ => run_cpu::<u8>(g, base, &index, src),
        }
    })
    .map(Value::from)
}

/// What is added to.
#[derive(Clone)]
enum Base {
    Array(Array),
    Constant(f64, Shape, DType),
}

impl Arrays for Base {
    fn each_array(&mut self, f: &mut dyn FnMut(&mut Array)) {
        if let Base::Array(array) = self {
            f(array);
        }
    }
}

/// Numbers that can be added; integers wrap.
trait Addend: Pod + Send + Sync {
    fn plus(self, other: Self) -> Self;
    fn of(value: f64) -> Self;
}
macro_rules! addend {
    ($($t:ty, $plus:expr;)*) => {$(impl Addend for $t {
        #[inline(always)]
        fn plus(self, other: Self) -> Self { $plus(self, other) }
        fn of(value: f64) -> Self { value as $t }
    })*};
}
addend! {
    f32, |a, b| a + b;
    f64, |a, b| a + b;
    i32, i32::wrapping_add;
    u32, u32::wrapping_add;
    u8, u8::wrapping_add;
}

fn run_cpu<T: Addend>(g: &ScatterGeometry, x: &Base, index: &[u32], src: &Array) -> Result<Array> {
    let mut out = match x {
        Base::Constant(value, shape, dtype) => {
            let mut out = Fresh::new(shape, *dtype)?;
            out.values().fill(T::of(*value));
            out
        }
        Base::Array(x) => Fresh::copy_of(x)?,
    };
    add(g, out.values::<T>(), index, host::<T>(src));
    Ok(out.done())
}

/// A thread owns some columns of one outer position and adds to them in order: the sums do not
/// depend on how the work is shared.
fn add<T: Addend>(g: &ScatterGeometry, out: &mut [T], index: &[u32], src: &[T]) {
    /// Columns that share a cache line stay together.
    const NARROWEST: usize = 16;
    /// Blocks of columns that keep several threads busy.
    const BLOCKS: usize = 8;
    let Lines { outer, n, inner } = g.src;
    let wanted = (g.src.numel() / PIECE).clamp(1, BLOCKS).div_ceil(outer);
    let width = inner.div_ceil(wanted).max(NARROWEST).min(inner);
    let across = inner.div_ceil(width);
    let target = SendPtr::new(out.as_mut_ptr());
    for_pieces(outer * across, PIECE / (n * width), |first, count| {
        for block in first..first + count {
            let (o, column) = (block / across, block % across * width);
            let width = width.min(inner - column);
            for i in 0..n {
                let from = &src[(o * n + i) * inner + column..][..width];
                let at = o * g.index[0] + i * g.index[1] + column * g.index[2];
                for (c, &value) in from.iter().enumerate() {
                    let row = index[at + c * g.index[2]] as usize;
                    let position = (o * g.size + row) * inner + column + c;
                    // SAFETY: indices are below `size`, so the position lies inside the result;
                    // its column belongs to this block.
                    unsafe {
                        let into = target.add(position * size_of::<T>()).cast::<T>();
                        into.write((*into).plus(value));
                    }
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use gradus_tensor::Shape;

    use super::*;
    use crate::ops::lines::checks::{Dice, array, bits, scrambled, shapes, values};

    /// By definition: every position of the index in row-major order.
    fn naive(
        x: &[f32],
        shape: &Shape,
        d: usize,
        index: &[i32],
        at: &Shape,
        src: &[f32],
    ) -> Vec<f32> {
        let mut out = x.to_vec();
        let steps = shape.dense_strides();
        for (position, (&i, &value)) in index.iter().zip(src).enumerate() {
            let (mut rest, mut target) = (position, 0);
            for k in (0..at.rank()).rev() {
                let j = if k == d { i as usize } else { rest % at[k] };
                rest /= at[k];
                target += j * steps[k] as usize;
            }
            out[target] += value;
        }
        out
    }

    #[test]
    fn scatter_add_walks_like_its_definition() {
        let mut dice = Dice(5);
        for (shape, dim) in shapes() {
            let (lines, d) = Lines::of("test", &shape, dim).expect("exists");
            let x = dice.floats(shape.numel(), false);
            for (count, cut) in [(0, 0), (1, 1), (3, 0), (40, 1)] {
                if lines.n == 0 && count > 0 {
                    continue;
                }
                let sizes = shape.iter().map(|&s| s - cut.min(s / 2)).collect();
                let at = resized(&sizes, d, if shape.rank() == 0 { 1 } else { count });
                let index = dice.ints(at.numel(), lines.n);
                let src = dice.floats(at.numel(), false);
                let expected = bits(&array(&naive(&x, &shape, d, &index, &at, &src), &shape));
                // A source that is larger than the index: the rest is not seen.
                let zeros = Value::constant(
                    99.0,
                    at.iter().map(|s| s + 2).collect::<Shape>(),
                    DType::F32,
                    &gradus_tensor::Device::cpu(),
                );
                let rank = at.rank();
                let large =
                    array(&src, &at).placed(&vec![0; rank], &vec![1; rank], &zeros).expect("pads");
                for src in [array(&src, &at), large, scrambled(&src, &at)] {
                    for x in [array(&x, &shape), scrambled(&x, &shape)] {
                        let index = scrambled(&index, &at);
                        let y = scatter_add(&x, dim, &index, &src).expect("computes");
                        assert_eq!(y.shape(), &shape);
                        assert_eq!(bits(&y), expected, "{shape} at {at} along {dim}");
                    }
                }
            }
        }
    }

    #[test]
    fn index_add_is_the_adjoint_of_index_select() {
        let mut dice = Dice(6);
        for (shape, dim) in shapes() {
            let (lines, d) = Lines::of("test", &shape, dim).expect("exists");
            for count in [0, 1, 7, 1000] {
                if (lines.n == 0 && count > 0) || (shape.rank() == 0 && count != 1) {
                    continue;
                }
                let index = array(&dice.ints(count, lines.n), &[count].into());
                let picked = resized(&shape, d, count);
                // Quarters of small numbers: sums are exact.
                let x = array(&dice.floats(shape.numel(), false), &shape);
                let g = array(&dice.floats(picked.numel(), false), &picked);
                let zero = Value::constant(0.0, &shape, DType::F32, x.device());
                let forward: Vec<f32> =
                    values(&crate::index_select(&x, dim, &index).expect("computes"));
                let backward: Vec<f32> =
                    values(&index_add(&zero, dim, &index, &g).expect("computes"));
                let dot = |a: &[f32], b: &[f32]| -> f64 {
                    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
                };
                assert_eq!(
                    dot(&forward, &values(&g)),
                    dot(&backward, &values(&x)),
                    "{shape} {dim}"
                );
            }
        }
    }

    #[test]
    fn integers_wrap_and_mistakes_are_named() {
        let bytes = array(&[250u8, 1], &[2].into());
        let y = index_add(&bytes, 0, &array(&[0i32], &[1].into()), &array(&[10u8], &[1].into()));
        assert_eq!(values::<u8>(&y.expect("computes")), [4, 1]);
        let x = array(&[0.0f32; 6], &[2, 3].into());
        let index = array(&[0i32, 2], &[2].into());
        let say = |r: Result<Value>| r.expect_err("a mistake").to_string();
        let src = array(&[0.0f32; 6], &[2, 3].into());
        assert_eq!(
            say(index_add(&x, 0, &index, &src)),
            "index_add: index 2 at position 1 is outside 0..2"
        );
        assert_eq!(
            say(index_add(&x, 1, &index, &src)),
            "index_add: src must be x with one slice an index along dim; \
             x [2, 3], index [2], src [2, 3]"
        );
        assert!(say(scatter_add(&x, 0, &index, &src)).contains("as many dimensions as x"));
        let wide = array(&[0i32; 8], &[2, 4].into());
        assert!(say(scatter_add(&x, 1, &wide, &src)).contains("must not be larger than src"));
        assert!(say(scatter_add(&x, 1, &wide, &bytes)).contains("of one type of numbers"));
    }
}
