//! Max pooling over one to three dimensions, and its gradient: where a window's maximum lies is
//! found once and kept.

use std::sync::Arc;

use gradus_cpu::{SendPtr, for_pieces};
use gradus_tensor::capture::{Arrays, Plain, perform};
use gradus_tensor::{Array, DType, Error, Kind, Problem, Result, Shape};

use super::lines::{Fresh, PIECE, Real, host, must_be_float, vectorised};
use super::resample::adaptive;
use super::sliding::{Sliding, spatial_dims};
use crate::expr::{Deferred, Value, must_be_index, same_device};

/// The windows of a max pooling: planes of `input` elements become planes of `output` windows.
/// Fewer than three pooled dimensions are preceded by dimensions of size 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaxPool {
    op: &'static str,
    shape: Shape,
    pooled: Shape,
    /// How many of the last dimensions are pooled.
    spatial: usize,
    pub(super) input: [usize; 3],
    pub(super) output: [usize; 3],
    pub(super) windows: Windows,
}

/// How windows lie over three dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Windows {
    /// They slide.
    Sliding([Sliding; 3]),
    /// They divide the elements as evenly as can be.
    Adaptive,
}

impl MaxPool {
    /// Windows that slide over the last `windows.len()` dimensions of `shape`, at most 3.
    ///
    /// *Shapes*: `[N, C, *]` or `[C, *]`.
    ///
    /// # Errors
    /// `Kind::Shape` for another rank, when not one window fits, and when one holds nothing but
    /// padding; `Kind::Argument` as [`Sliding::output`] says.
    pub fn sliding(op: &'static str, shape: &Shape, windows: &[Sliding]) -> Result<Self> {
        let input = planes(op, shape, windows.len())?;
        let (mut output, mut all) = ([1; 3], [Sliding::default(); 3]);
        for (d, window) in (3 - windows.len()..).zip(windows) {
            output[d] = window.output(op, input[d], shape)?;
            if (0..output[d]).any(|i| reached(*window, input[d], i).1 == 0) {
                let rule = "a dilated window would hold nothing but padding";
                return Err(Error::shape(op, Problem::Rule { rule }, &[("x", shape)]));
            }
            all[d] = *window;
        }
        Ok(MaxPool::of(op, shape, windows.len(), (input, output), Windows::Sliding(all)))
    }

    /// `output` windows that divide the last dimensions of `shape` as evenly as can be.
    ///
    /// *Shapes*: as [`MaxPool::sliding`].
    ///
    /// # Errors
    /// `Kind::Shape` for another rank or when there are no elements.
    pub fn adaptive(op: &'static str, shape: &Shape, output: &[usize]) -> Result<Self> {
        let input = planes(op, shape, output.len())?;
        if input.contains(&0) {
            return Err(Error::shape(op, Problem::Empty, &[("x", shape)]));
        }
        let mut sizes = [1; 3];
        sizes[3 - output.len()..].copy_from_slice(output);
        Ok(MaxPool::of(op, shape, output.len(), (input, sizes), Windows::Adaptive))
    }

    fn of(
        op: &'static str,
        shape: &Shape,
        spatial: usize,
        (input, output): ([usize; 3], [usize; 3]),
        windows: Windows,
    ) -> Self {
        let lead = &shape[..shape.rank() - spatial];
        let pooled = lead.iter().chain(&output[3 - spatial..]).copied().collect();
        MaxPool { op, shape: shape.clone(), pooled, spatial, input, output, windows }
    }

    /// The operation's name in messages.
    pub fn op(&self) -> &'static str {
        self.op
    }

    /// The shape that is pooled.
    pub fn input_shape(&self) -> &Shape {
        &self.shape
    }

    /// The shape of the maxima.
    pub fn output_shape(&self) -> &Shape {
        &self.pooled
    }

    /// Elements of an input plane.
    pub(super) fn plane(&self) -> usize {
        self.input.iter().product()
    }

    /// Windows of a plane.
    pub(super) fn count(&self) -> usize {
        self.output.iter().product()
    }

    /// The first element of window `i` of dimension `d`, and how many it reaches.
    fn span(&self, d: usize, i: usize) -> (usize, usize) {
        match &self.windows {
            Windows::Sliding(all) => reached(all[d], self.input[d], i),
            Windows::Adaptive => {
                let (start, end) = adaptive(i, self.input[d], self.output[d]);
                (start, end - start)
            }
        }
    }

    fn dilation(&self, d: usize) -> usize {
        match &self.windows {
            Windows::Sliding(all) => all[d].dilation,
            Windows::Adaptive => 1,
        }
    }

    /// Elements of the largest window.
    pub(super) fn largest(&self) -> usize {
        (0..3)
            .map(|d| match &self.windows {
                Windows::Sliding(all) => all[d].kernel_size,
                Windows::Adaptive => self.input[d].div_ceil(self.output[d].max(1)) + 1,
            })
            .fold(1, usize::saturating_mul)
    }

    /// # Errors
    /// `Kind::Shape` unless both have the shape of the maxima.
    fn must_fit(&self, g: &Value, indices: &Value) -> Result<()> {
        if *g.shape() == self.pooled && *indices.shape() == self.pooled {
            return Ok(());
        }
        let rule = "the gradient and the indices must have the shape of the maxima";
        let operands = [("g", g.shape()), ("indices", indices.shape()), ("maxima", &self.pooled)];
        Err(Error::shape(self.op, Problem::Rule { rule }, &operands))
    }
}

/// The sizes of the last `spatial` dimensions, preceded by ones.
fn planes(op: &'static str, shape: &Shape, spatial: usize) -> Result<[usize; 3]> {
    let first = spatial_dims(op, shape, spatial)?;
    let mut input = [1; 3];
    input[3 - spatial..].copy_from_slice(&shape[first..]);
    if input.iter().product::<usize>() > i32::MAX as usize {
        let rule = "a plane must have fewer than 2³¹ elements: int32 indices count them";
        return Err(Error::shape(op, Problem::Rule { rule }, &[("x", shape)]));
    }
    Ok(input)
}

/// The first element that window `i` reaches, and how many.
fn reached(w: Sliding, input: usize, i: usize) -> (usize, usize) {
    let at = i * w.stride;
    let before = w.padding.saturating_sub(at).div_ceil(w.dilation);
    let first = at + before * w.dilation - w.padding;
    let room = input.saturating_sub(first).div_ceil(w.dilation);
    (first, room.min(w.kernel_size.saturating_sub(before)))
}

/// The maximum of every window and where it lies: (values, int32 positions in the flattened
/// plane). Of equal maxima the first counts; NaN is larger than everything, and the last one
/// counts.
///
/// *Shapes*: both have [`MaxPool::output_shape`].
///
/// *Source*: `torch.nn.functional.max_pool2d(return_indices=True)`.
///
/// ```
/// use gradus_kernels::{MaxPool, Sliding, Value, max_pool};
/// use gradus_tensor::Array;
///
/// let x = Value::from(Array::from_vec(vec![1.0f32, 5.0, 5.0, 2.0], [1, 4])?);
/// let window = Sliding { kernel_size: 2, stride: 2, ..Sliding::default() };
/// let pool = MaxPool::sliding("max_pool1d", x.shape(), &[window])?;
/// let (y, at) = max_pool(&x, &pool)?;
/// assert_eq!(y.array()?.to_vec::<f32>()?, [5.0, 5.0]);
/// assert_eq!(at.array()?.to_vec::<i32>()?, [1, 2]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::DType` unless `x` is a float, `Kind::Shape` unless it has [`MaxPool::input_shape`].
pub fn max_pool(x: &Value, pool: &MaxPool) -> Result<(Value, Value)> {
    must_be_float(pool.op, x.dtype())?;
    if *x.shape() != pool.shape {
        let rule = "x must have the shape that the windows were laid over";
        let operands = [("x", x.shape()), ("windows", &pool.shape)];
        return Err(Error::shape(pool.op, Problem::Rule { rule }, &operands));
    }
    if pool.pooled.numel() == 0 {
        let none = |dtype| Value::constant(0.0, pool.pooled.clone(), dtype, x.device());
        return Ok((none(x.dtype()), none(DType::I32)));
    }
    let x = x.dense()?;
    #[cfg(feature = "gpu")]
    if let Some(gpu) = x.device().as_gpu() {
        let (values, indices) = super::max_pool_gpu::run(gpu, pool, &x)?;
        return Ok((values.into(), indices.into()));
    }
    let [values, indices] =
        perform(&(Plain(pool.clone()), x), |(Plain(pool), x)| match x.dtype() {
            DType::F64 => forward::<f64>(pool, x),
            _ => forward::<f32>(pool, x),
        })?;
    Ok((values.into(), indices.into()))
}

/// The adjoint of picking the maxima: each element of `g` goes where its maximum lay, zero
/// elsewhere. Sums of overlapping windows are in the windows' order.
///
/// *Shapes*: `g` and `indices` as the maxima; the result has [`MaxPool::input_shape`].
///
/// ```
/// use gradus_kernels::{MaxPool, Sliding, Value, max_pool_grad};
/// use gradus_tensor::Array;
///
/// let window = Sliding { kernel_size: 2, stride: 1, ..Sliding::default() };
/// let pool = MaxPool::sliding("max_pool1d", &[1, 3].into(), &[window])?;
/// let g = Value::from(Array::from_vec(vec![2.0f32, 3.0], [1, 2])?);
/// let at = Value::from(Array::from_vec(vec![1i32, 1], [1, 2])?);
/// assert_eq!(max_pool_grad(&g, &at, &pool)?.array()?.to_vec::<f32>()?, [0.0, 5.0, 0.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape`, `Kind::DType` and `Kind::Device` for operands that are not as said.
pub fn max_pool_grad(g: &Value, indices: &Value, pool: &MaxPool) -> Result<Value> {
    must_be_float(pool.op, g.dtype())?;
    must_be_index(pool.op, indices)?;
    if indices.dtype() != DType::I32 {
        let (op, got) = (pool.op, vec![indices.dtype()]);
        return Err(Kind::DType { op, got, expected: "int32 indices of max_pool" }.into());
    }
    pool.must_fit(g, indices)?;
    same_device(pool.op, g, indices)?;
    if pool.pooled.numel() == 0 || pool.shape.numel() == 0 {
        return Ok(Value::constant(0.0, pool.shape.clone(), g.dtype(), g.device()));
    }
    let op = MaxPoolGrad { pool: pool.clone(), g: g.dense()?, indices: indices.dense()? };
    let (shape, device) = (pool.shape.clone(), g.device().clone());
    let result = Value::deferred(Arc::new(op), shape, g.dtype(), device, 0);
    // Every element of g goes to one place of its plane.
    let rank = g.shape().rank();
    Ok(result.with_sums_of(g, rank - pool.spatial..rank))
}

/// A gradient that has not run yet. Its operands are dense.
#[derive(Clone)]
pub(super) struct MaxPoolGrad {
    pub(super) pool: MaxPool,
    pub(super) g: Array,
    pub(super) indices: Array,
}

impl Arrays for MaxPoolGrad {
    fn each_array(&mut self, f: &mut dyn FnMut(&mut Array)) {
        f(&mut self.g);
        f(&mut self.indices);
    }
}

impl MaxPoolGrad {
    fn run_cpu(&self) -> Result<Array> {
        match self.g.dtype() {
            DType::F64 => backward::<f64>(&self.pool, &self.g, &self.indices),
            _ => backward::<f32>(&self.pool, &self.g, &self.indices),
        }
    }
}

impl Deferred for MaxPoolGrad {
    fn run(&self) -> Result<Array> {
        #[cfg(feature = "gpu")]
        if let Some(gpu) = self.g.device().as_gpu() {
            return super::max_pool_gpu::run_grad(gpu, self, None);
        }
        perform(self, MaxPoolGrad::run_cpu)
    }

    #[cfg(feature = "gpu")]
    fn run_finished(&self, finish: &crate::expr::Plan) -> Result<Array> {
        match self.g.device().as_gpu() {
            Some(gpu) => super::max_pool_gpu::run_grad(gpu, self, Some(finish)),
            None => self.run_cpu(),
        }
    }
}

/// Everything about a plane that its rows share.
struct Plan<'a> {
    pool: &'a MaxPool,
    /// First element and count of every window, by dimension.
    spans: [Vec<(usize, usize)>; 3],
    /// Positions before the first column, and of a row with what windows reach on both sides.
    margin: usize,
    reach: usize,
    /// Taps of the last dimension that reach an element.
    taps: usize,
}

impl<'a> Plan<'a> {
    fn new(pool: &'a MaxPool) -> Self {
        let spans = [0, 1, 2].map(|d| (0..pool.output[d]).map(|i| pool.span(d, i)).collect());
        let (mut margin, mut reach, mut taps) = (0, pool.input[2], 0);
        if let Windows::Sliding([.., w]) = &pool.windows {
            margin = w.padding;
            taps = w.kernel_size.min((pool.input[2] + margin).div_ceil(w.dilation));
            // Whole vectors of results, so that no loop has a remainder.
            let last = (padded(pool.output[2]) - 1) * w.stride + (taps - 1) * w.dilation;
            reach = (pool.input[2] + margin).max(last + 1);
        }
        Plan { pool, spans, margin, reach, taps }
    }
}

/// A count of results in whole vectors.
fn padded(count: usize) -> usize {
    count.next_multiple_of(8)
}

fn forward<T: Real>(pool: &MaxPool, x: &Array) -> Result<[Array; 2]> {
    let plan = Plan::new(pool);
    let mut values = Fresh::new(&pool.pooled, x.dtype())?;
    let mut indices = Fresh::new(&pool.pooled, DType::I32)?;
    let columns = pool.output[2];
    let rows = pool.pooled.numel() / columns;
    let x = host::<T>(x);
    let out = SendPtr::new(values.values::<T>().as_mut_ptr());
    let at = SendPtr::new(indices.values::<i32>().as_mut_ptr());
    let cost = columns.saturating_mul(pool.largest()).max(1);
    for_pieces(rows, (PIECE / cost).max(1), |first, count| {
        // SAFETY: pieces are disjoint runs of whole rows inside both results.
        let (values, indices) = unsafe {
            let skip = first * columns;
            let out = out.add(skip * size_of::<T>()).cast::<T>();
            let at = at.add(skip * size_of::<i32>()).cast::<i32>();
            (
                std::slice::from_raw_parts_mut(out, count * columns),
                std::slice::from_raw_parts_mut(at, count * columns),
            )
        };
        forward_rows(&plan, x, values, indices, first);
    });
    Ok([values.done(), indices.done()])
}

/// Rows of results from row `first` on: first the maxima of columns, then those of neighbouring
/// columns. Of equal maxima the first position counts, of NaN the last, in whatever order they
/// are met.
fn forward_rows<T: Real>(
    plan: &Plan<'_>,
    x: &[T],
    values: &mut [T],
    indices: &mut [i32],
    first: usize,
) {
    let pool = plan.pool;
    let [_, height, width] = pool.input;
    let [depths, heights, columns] = pool.output;
    // What lies outside is smaller than everything, or behind it.
    let mut tops = vec![T::NEG_INFINITY; plan.reach];
    let mut places = vec![i32::MAX; plan.reach];
    let mut best = vec![T::NEG_INFINITY; padded(columns)];
    let mut best_places = vec![i32::MAX; padded(columns)];
    let rows = values.chunks_exact_mut(columns).zip(indices.chunks_exact_mut(columns));
    for (r, (values, indices)) in rows.enumerate() {
        let row = first + r;
        let x = &x[row / (depths * heights) * pool.plane()..][..pool.plane()];
        let (z, deep) = plan.spans[0][row / heights % depths];
        let (y, high) = plan.spans[1][row % heights];
        for k in 0..deep * high {
            let z = z + k / high * pool.dilation(0);
            let y = y + k % high * pool.dilation(1);
            let at = (z * height + y) * width;
            let inside = plan.margin..plan.margin + width;
            let (tops, places) = (&mut tops[inside.clone()], &mut places[inside]);
            let x = &x[at..at + width];
            if k == 0 {
                tops.copy_from_slice(x);
                places.iter_mut().zip(at as i32..).for_each(|(place, at)| *place = at);
            } else {
                taller(x, at as i32, tops, places);
            }
        }
        match &pool.windows {
            Windows::Sliding([.., w]) => {
                best.fill(T::NEG_INFINITY);
                best_places.fill(i32::MAX);
                for k in 0..plan.taps {
                    let from = k * w.dilation;
                    let (tops, places) = (&tops[from..], &places[from..]);
                    wider(tops, places, w.stride, &mut best, &mut best_places);
                }
                values.copy_from_slice(&best[..columns]);
                indices.copy_from_slice(&best_places[..columns]);
            }
            Windows::Adaptive => {
                let windows = plan.spans[2].iter().zip(values.iter_mut().zip(indices));
                for (&(start, count), (value, index)) in windows {
                    (*value, *index) = (tops[start], places[start]);
                    for i in start + 1..start + count {
                        if beats(tops[i], places[i], *value, *index) {
                            (*value, *index) = (tops[i], places[i]);
                        }
                    }
                }
            }
        }
    }
}

vectorised! {
    /// A further row of elements below columns.
    fn taller<T: Real>(x: &[T], at: i32, tops: &mut [T], places: &mut [i32]) {
        for (i, ((&new, top), place)) in x.iter().zip(tops).zip(places).enumerate() {
            let take = (new > *top) | is_nan(new);
            *top = if take { new } else { *top };
            *place = if take { at + i as i32 } else { *place };
        }
    }

    /// A further column of every window; windows are `stride` apart.
    fn wider<T: Real>(
        tops: &[T],
        places: &[i32],
        stride: usize,
        values: &mut [T],
        indices: &mut [i32],
    ) {
        match stride {
            1 => strided(tops, places, 1, values, indices),
            2 => strided(tops, places, 2, values, indices),
            _ => strided(tops, places, stride, values, indices),
        }
    }

    /// Every element to where its maximum lay, plane by plane.
    fn backward_planes<T: Real>(pool: &MaxPool, g: &[T], indices: &[i32], out: &mut [T]) {
        let windows = g.chunks_exact(pool.count()).zip(indices.chunks_exact(pool.count()));
        for (out, (g, indices)) in out.chunks_exact_mut(pool.plane()).zip(windows) {
            out.fill(T::ZERO);
            for (&g, &index) in g.iter().zip(indices) {
                // A negative index is too large as well.
                if let Some(out) = out.get_mut(index as u32 as usize) {
                    *out = *out + g;
                }
            }
        }
    }
}

#[inline(always)]
fn strided<T: Real>(
    tops: &[T],
    places: &[i32],
    stride: usize,
    values: &mut [T],
    indices: &mut [i32],
) {
    let all = (values.len() - 1) * stride + 1;
    let (tops, places) = (&tops[..all], &places[..all]);
    for (i, (value, index)) in values.iter_mut().zip(indices).enumerate() {
        // SAFETY: both were just cut to hold the element of the last value.
        let (new, at) =
            unsafe { (*tops.get_unchecked(i * stride), *places.get_unchecked(i * stride)) };
        let (old, place) = (*value, *index);
        let take = beats(new, at, old, place);
        *value = if take { new } else { old };
        *index = if take { at } else { place };
    }
}

/// Whether an element goes before another: the larger, NaN being the largest; of equal ones the
/// first, of NaN the last.
#[inline(always)]
fn beats<T: Real>(new: T, at: i32, old: T, place: i32) -> bool {
    let equal = (new == old) & (at < place);
    let nan = is_nan(new) & (!is_nan(old) | (at > place));
    (new > old) | equal | nan
}

#[inline(always)]
#[allow(clippy::eq_op, reason = "only NaN differs from itself")]
fn is_nan<T: Real>(x: T) -> bool {
    x != x
}

fn backward<T: Real>(pool: &MaxPool, g: &Array, indices: &Array) -> Result<Array> {
    let mut out = Fresh::new(&pool.shape, g.dtype())?;
    let (g, indices) = (host::<T>(g), host::<i32>(indices));
    let (plane, count) = (pool.plane(), pool.count());
    let planes = pool.pooled.numel() / count;
    let to = SendPtr::new(out.values::<T>().as_mut_ptr());
    for_pieces(planes, (PIECE / (plane + count)).max(1), |first, some| {
        // SAFETY: pieces are disjoint runs of whole planes.
        let out = unsafe {
            let at = to.add(first * plane * size_of::<T>()).cast::<T>();
            std::slice::from_raw_parts_mut(at, some * plane)
        };
        let windows = first * count..(first + some) * count;
        backward_planes(pool, &g[windows.clone()], &indices[windows], out);
    });
    Ok(out.done())
}

#[cfg(test)]
#[path = "max_pool_tests.rs"]
pub(super) mod tests;
