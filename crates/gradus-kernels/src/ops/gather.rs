//! Reading by index along one dimension: `gather` (an index an element) and `index_select` (an
//! index a slice, which is also an embedding's look-up).

use bytemuck::Pod;
use gradus_tensor::capture::{Plain, perform};
use gradus_tensor::{Array, Dim, Error, Layout, Problem, Result, Shape};

use super::index::{placed, words_in_range};
use super::lines::{Fresh, Lines, for_chunks, resized};
use crate::expr::Value;

/// `out[o, i, c] = x[offset + o·x₀ + index[o·j₀ + i·j₁ + c·j₂]·x₁ + c·x₂]` over the dense result
/// `[outer, count, inner]`; strides in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GatherGeometry {
    pub(super) out: Lines,
    /// Valid indices are below it.
    pub(super) size: usize,
    pub(super) x: [isize; 3],
    pub(super) offset: usize,
    pub(super) index: [usize; 3],
}

/// `out[i, j, k] = x[index[i, j, k], j, k]` for `dim` 0, and so on.
///
/// *Shapes*: index has the rank of x and, except along `dim`, no larger sizes; the result has the
/// shape of index and the type of x.
///
/// *Source*: `torch.gather`.
///
/// ```
/// use gradus_kernels::{Value, gather};
/// use gradus_tensor::Array;
///
/// let x = Value::from(Array::from_vec(vec![1.0f32, 2.0, 3.0, 4.0], [2, 2])?);
/// let action = Value::from(Array::from_vec(vec![1i32, 0], [2, 1])?);
/// assert_eq!(gather(&x, 1, &action)?.array()?.to_vec::<f32>()?, [2.0, 3.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` when the shapes do not fit, `Kind::DType` unless the index holds integers,
/// `Kind::Index` for an index out of range. Indices computed on a GPU are not read back to be
/// checked: there, one that is out of range reads NaN from floats and 0 from integers.
pub fn gather(x: &Value, dim: Dim, index: &Value) -> Result<Value> {
    let (view, d) = region("gather", x, dim, &[("index", index.shape())])?;
    let size = if x.shape().rank() == 0 { 1 } else { x.shape()[d] };
    let out = lines_at(index.shape(), d);
    let strides = [out.n * out.inner, out.inner, 1];
    let part = GatherGeometry { out, size, x: [0; 3], offset: 0, index: strides };
    run("gather", (x, view, d), index, index.shape().clone(), part)
}

/// The slices of `x` at the positions `index` along `dim`, in the index's order.
///
/// *Shapes*: index `[K]`; the result has the shape of x with `K` along `dim`.
///
/// *Source*: `torch.index_select`; with `dim` 0 also `torch.nn.functional.embedding`.
///
/// ```
/// use gradus_kernels::{Value, index_select};
/// use gradus_tensor::Array;
///
/// let x = Value::from(Array::from_vec(vec![1.0f32, 2.0, 3.0, 4.0], [2, 2])?);
/// let rows = Value::from(Array::from_vec(vec![1i32, 1, 0], [3])?);
/// let y = index_select(&x, 0, &rows)?;
/// assert_eq!(y.array()?.to_vec::<f32>()?, [3.0, 4.0, 3.0, 4.0, 1.0, 2.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// As [`gather`].
pub fn index_select(x: &Value, dim: Dim, index: &Value) -> Result<Value> {
    let (source, d) = Lines::of("index_select", x.shape(), dim)?;
    let count = one_dimensional("index_select", x, index)?;
    let out = Lines { n: count, ..source };
    let shape = resized(x.shape(), d, count);
    let view = x.array()?.layout().clone();
    let part = GatherGeometry { out, size: source.n, x: [0; 3], offset: 0, index: [0, 1, 0] };
    run("index_select", (x, view, d), index, shape, part)
}

/// The length of an index vector; a scalar counts as one.
///
/// # Errors
/// `Kind::Shape` for more dimensions.
pub(super) fn one_dimensional(op: &'static str, x: &Value, index: &Value) -> Result<usize> {
    if index.shape().rank() > 1 {
        let got = index.shape().rank();
        let problem = Problem::Rank { name: "index", got, expected: "1" };
        return Err(Error::shape(op, problem, &[("x", x.shape()), ("index", index.shape())]));
    }
    Ok(index.shape().numel())
}

/// The lines of a shape along a dimension's index; a scalar is one line of one.
pub(super) fn lines_at(shape: &Shape, d: usize) -> Lines {
    match shape.rank() {
        0 => Lines { outer: 1, n: 1, inner: 1 },
        _ => Lines::at(shape, d),
    }
}

/// The part of `x` that an index can reach, and the dimension's index; the operands after x are
/// named for messages, the index first.
///
/// # Errors
/// `Kind::Shape` unless the ranks agree and `index` is no larger except along `dim`.
pub(super) fn region(
    op: &'static str,
    x: &Value,
    dim: Dim,
    operands: &[(&'static str, &Shape)],
) -> Result<(Layout, usize)> {
    let (_, d) = Lines::of(op, x.shape(), dim)?;
    let index = operands[0].1;
    let wrong = |problem| {
        let mut all = vec![("x", x.shape())];
        all.extend_from_slice(operands);
        Err(Error::shape(op, problem, &all))
    };
    if index.rank() != x.shape().rank() {
        return wrong(Problem::Rule { rule: "index must have as many dimensions as x" });
    }
    let fits = (0..index.rank()).all(|i| i == d || index[i] <= x.shape()[i]);
    if !fits {
        return wrong(Problem::Rule { rule: "index must not be larger than x, except along dim" });
    }
    let mut layout = x.array()?.layout().clone();
    for i in 0..index.rank() {
        if i != d {
            layout = layout.slice(i, 0, index[i], 1);
        }
    }
    Ok((layout, d))
}

/// Fills in where x lies, and runs. Copies x only if its view is no `[outer, n, inner]`.
fn run(
    op: &'static str,
    (x, view, d): (&Value, Layout, usize),
    index: &Value,
    shape: Shape,
    part: GatherGeometry,
) -> Result<Value> {
    let index = placed(op, index, x, part.size)?;
    if shape.numel() == 0 {
        return Ok(Value::constant(0.0, shape, x.dtype(), x.device()));
    }
    let x = x.array()?.with_layout(view);
    let (x, strides) = match collapsed(x.layout(), d) {
        Some(strides) => (x, strides),
        None => {
            let dense = Value::copy_of(&Value::from(x)).array()?;
            let lines = lines_at(dense.shape(), d);
            (dense, [(lines.n * lines.inner) as isize, lines.inner as isize, 1])
        }
    };
    let geometry = GatherGeometry { x: strides, offset: x.layout().offset(), ..part };
    #[cfg(feature = "gpu")]
    if let Some(gpu) = x.device().as_gpu() {
        return super::gather_gpu::run(gpu, &geometry, &x, &index, &shape).map(Value::from);
    }
    let state = (Plain((op, geometry, shape)), [x, index]);
    perform(&state, |(Plain((op, g, shape)), [x, index])| run_cpu(op, g, x, index, shape))
        .map(Value::from)
}

/// The strides of a layout seen as `[outer, n, inner]`, if it can be.
pub(super) fn collapsed(layout: &Layout, d: usize) -> Option<[isize; 3]> {
    let rank = layout.shape().rank();
    let group = |from: usize, to: usize| -> Option<isize> {
        let mut found: Option<(isize, isize)> = None;
        for i in (from..to).rev().filter(|&i| layout.shape()[i] != 1) {
            let (size, stride) = (layout.shape()[i] as isize, layout.strides()[i]);
            found = match found {
                None => Some((stride, stride * size)),
                Some((least, next)) if next == stride => Some((least, next * size)),
                Some(_) => return None,
            };
        }
        Some(found.map_or(0, |(least, _)| least))
    };
    if rank == 0 {
        return Some([0, 0, 0]);
    }
    Some([group(0, d)?, layout.strides()[d], group(d + 1, rank)?])
}

fn run_cpu(
    op: &'static str,
    g: &GatherGeometry,
    x: &Array,
    index: &Array,
    shape: &Shape,
) -> Result<Array> {
    let index = words_in_range(op, index, g.size)?;
    let mut out = Fresh::new(shape, x.dtype())?;
    match x.dtype().size() {
        1 => typed::<u8>(g, x, &index, out.values()),
        4 => typed::<u32>(g, x, &index, out.values()),
        _ => typed::<u64>(g, x, &index, out.values()),
    }
    Ok(out.done())
}

/// Elements only move: what they mean is of no interest.
fn typed<T: Pod + Send + Sync>(g: &GatherGeometry, x: &Array, index: &[u32], out: &mut [T]) {
    let bytes = x.cpu_buffer().map(|b| b.bytes()).unwrap_or_default();
    let whole = bytes.len() / size_of::<T>() * size_of::<T>();
    let x: &[T] = bytemuck::cast_slice(&bytes[..whole]);
    let Lines { n, inner, .. } = g.out;
    // Copies are cheap: a piece is larger than usual.
    let cost = size_of_val(out) / 4;
    if inner == 1 {
        for_chunks(out, 1, cost, |at, part| elements(g, x, index, at, part));
        return;
    }
    for_chunks(out, inner, cost, |at, part| {
        for (row, out) in part.chunks_exact_mut(inner).enumerate() {
            let row = at / inner + row;
            let (o, i) = (row / n, row % n);
            let base = g.offset as isize + o as isize * g.x[0];
            let from = o * g.index[0] + i * g.index[1];
            let start = |j: u32| base + j as isize * g.x[1];
            if g.index[2] == 0 && g.x[2] == 1 {
                out.copy_from_slice(&x[start(index[from]) as usize..][..inner]);
                continue;
            }
            for (c, out) in out.iter_mut().enumerate() {
                let position = start(index[from + c * g.index[2]]) + c as isize * g.x[2];
                *out = x[position as usize];
            }
        }
    });
}

/// Lines without neighbours: `part` is the result from element `at` on.
fn elements<T: Pod>(g: &GatherGeometry, x: &[T], index: &[u32], at: usize, part: &mut [T]) {
    let n = g.out.n;
    let (mut o, mut i, mut done) = (at / n, at % n, 0);
    while done < part.len() {
        let run = (n - i).min(part.len() - done);
        let base = g.offset as isize + o as isize * g.x[0];
        let index = &index[o * g.index[0] + i * g.index[1]..];
        for (out, &j) in part[done..done + run].iter_mut().zip(index) {
            *out = x[(base + j as isize * g.x[1]) as usize];
        }
        done += run;
        (o, i) = (o + 1, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::lines::checks::{Dice, array, bits, scrambled, shapes, values};

    #[test]
    fn gather_walks_like_its_definition() {
        let mut dice = Dice(3);
        for (shape, dim) in shapes() {
            let (lines, d) = Lines::of("test", &shape, dim).expect("exists");
            let data = dice.floats(shape.numel(), true);
            for count in [0, 1, 3, 40] {
                if lines.n == 0 && count > 0 {
                    continue;
                }
                // One time as large as x, one time smaller in every dimension.
                for cut in [0, 1] {
                    let sizes = shape.iter().map(|&s| s - cut.min(s / 2));
                    let out =
                        resized(&sizes.collect(), d, if shape.rank() == 0 { 1 } else { count });
                    let index = dice.ints(out.numel(), lines.n);
                    let dense = array(&data, &shape);
                    let steps = Layout::dense(&shape);
                    let mut expected = Vec::new();
                    for (at, &i) in index.iter().enumerate() {
                        let mut rest = at;
                        let mut position = 0;
                        for k in (0..out.rank()).rev() {
                            let j = if k == d { i as usize } else { rest % out[k] };
                            rest /= out[k];
                            position += j * steps.strides()[k] as usize;
                        }
                        expected.push(data[position]);
                    }
                    let expected = bits(&array(&expected, &out));
                    for x in [dense, scrambled(&data, &shape)] {
                        for index in [array(&index, &out), scrambled(&index, &out)] {
                            let y = gather(&x, dim, &index).expect("computes");
                            assert_eq!(y.shape(), &out);
                            assert_eq!(bits(&y), expected, "{shape} at {out} along {dim}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn index_select_takes_slices_of_any_type() {
        let mut dice = Dice(4);
        for (shape, dim) in shapes() {
            let (lines, _) = Lines::of("test", &shape, dim).expect("exists");
            let data = dice.ints(shape.numel(), 200);
            for count in [0, 1, 5, 300] {
                if (lines.n == 0 && count > 0) || (shape.rank() == 0 && count != 1) {
                    continue;
                }
                let index: Vec<u8> = (0..count).map(|_| dice.below(lines.n) as u8).collect();
                let mut expected = Vec::new();
                for o in 0..lines.outer {
                    for &i in &index {
                        let start = (o * lines.n + i as usize) * lines.inner;
                        expected.extend(data[start..start + lines.inner].iter().map(|&v| v as i64));
                    }
                }
                let index = array(&index, &[count].into());
                for dtype in [gradus_tensor::DType::I32, gradus_tensor::DType::U8] {
                    for x in [array(&data, &shape), scrambled(&data, &shape)] {
                        let x = x.cast(dtype).expect("casts");
                        let y = index_select(&x, dim, &index).expect("computes");
                        assert_eq!(values::<i64>(&y), expected, "{shape} along {dim}, {count}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_flipped_narrowed_view_is_read_in_place() {
        let x = array(&(0..24).map(|i| i as f32).collect::<Vec<_>>(), &[2, 3, 4].into());
        let x = x.flip(&[0, 2]).and_then(|x| x.narrow(2, 1, 2)).expect("a view");
        let y = index_select(&x, 1, &array(&[2i32, 0], &[2].into())).expect("computes");
        assert_eq!(values::<f32>(&y), [22.0, 21.0, 14.0, 13.0, 10.0, 9.0, 2.0, 1.0]);
    }

    #[test]
    fn mistakes_are_named() {
        let x = array(&[0.0f32; 6], &[2, 3].into());
        let say = |r: Result<Value>| r.expect_err("a mistake").to_string();
        let index = array(&[0i32, 3], &[2, 1].into());
        assert_eq!(say(gather(&x, 1, &index)), "gather: index 3 at position 1 is outside 0..3");
        let index = array(&[-1i32], &[1].into());
        assert_eq!(
            say(index_select(&x, 0, &index)),
            "index_select: index -1 at position 0 is outside 0..2"
        );
        assert_eq!(
            say(gather(&x, 1, &index)),
            "gather: index must have as many dimensions as x; x [2, 3], index [1]"
        );
        let tall = array(&[0i32; 3], &[3, 1].into());
        assert!(say(gather(&x, 1, &tall)).contains("must not be larger than x, except along dim"));
        assert!(say(index_select(&x, 1, &tall)).contains("index has 2 dimensions, expected 1"));
        let float = array(&[0.0f32], &[1].into());
        assert!(say(index_select(&x, 1, &float)).contains("an integer type for indices"));
    }
}
