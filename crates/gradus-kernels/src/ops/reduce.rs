//! Reductions over any dimensions: one row an op. What is reduced may be an expression; it is
//! evaluated tile by tile and never stored.

use std::sync::Arc;

use gradus_cpu::{SendPtr, for_pieces, has_avx2};
use gradus_tensor::capture::{Plain, perform};
use gradus_tensor::{Array, DType, Device, Dim, Result, Shape};
use smallvec::SmallVec;

use super::lines::{LANES, joined};
use crate::expr::{Deferred, Executor, Plan, Value};
use crate::table::{Compare, Unary};

/// A row of the reductions.
#[derive(Debug)]
pub struct ReduceDef {
    /// Name of the op.
    pub name: &'static str,
    /// The result over no elements; `None` where there is none.
    pub empty: Option<f64>,
    /// How two values combine: Rust and WGSL. NaN wins in the extremes.
    pub formula: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
}

/// Arithmetic that the rows' formulas need of an element type.
trait Number: Copy + Send + Sync + PartialOrd + 'static {
    const ZERO: Self;
    const ONE: Self;
    fn plus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    fn is_nan(self) -> bool;
}

macro_rules! float_number {
    ($($t:ty),*) => {$(impl Number for $t {
        const ZERO: Self = 0.0;
        const ONE: Self = 1.0;
        #[inline(always)]
        fn plus(self, other: Self) -> Self { self + other }
        #[inline(always)]
        fn times(self, other: Self) -> Self { self * other }
        #[inline(always)]
        fn is_nan(self) -> bool { self != self }
    })*};
}
macro_rules! int_number {
    ($($t:ty),*) => {$(impl Number for $t {
        const ZERO: Self = 0;
        const ONE: Self = 1;
        #[inline(always)]
        fn plus(self, other: Self) -> Self { self.wrapping_add(other) }
        #[inline(always)]
        fn times(self, other: Self) -> Self { self.wrapping_mul(other) }
        #[inline(always)]
        fn is_nan(self) -> bool { false }
    })*};
}
float_number!(f32, f64);
int_number!(i32, u32, u8);

macro_rules! define_reduce {
    ($($name:ident ($a:ident, $b:ident) = $rust:expr, $wgsl:literal; empty = $empty:expr;
        doc = $doc:literal;)*) => {
        /// Reductions; [`REDUCE`] describes them in this order.
        #[allow(non_camel_case_types, reason = "variants are the rows' names")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Reduce { $(#[doc = $doc] $name,)* }

        /// Every reduction.
        pub static REDUCE: &[ReduceDef] = &[$(ReduceDef {
            name: stringify!($name), empty: $empty, formula: $wgsl, doc: $doc,
        },)*];

        /// Runs `tile` with the row's combining function, for AVX2 or any processor.
        fn dispatch<T: Number>(op: Reduce, job: &Job<'_>, at: usize, tile: &[T], acc: &mut [T]) {
            match op {
                $(Reduce::$name => {
                    #[inline(always)]
                    fn combine<T: Number>($a: T, $b: T) -> T { $rust }
                    #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
                    unsafe fn fast<T: Number>(
                        job: &Job<'_>, at: usize, tile: &[T], acc: &mut [T],
                    ) {
                        job.tile(at, tile, acc, combine::<T>);
                    }
                    if has_avx2() {
                        // SAFETY: the processor has AVX2.
                        unsafe { fast(job, at, tile, acc) }
                    } else {
                        job.tile(at, tile, acc, combine::<T>);
                    }
                })*
            }
        }

        fn combine<T: Number>(op: Reduce, x: T, y: T) -> T {
            match op { $(Reduce::$name => { let ($a, $b) = (x, y); $rust })* }
        }
    };
}

define_reduce! {
    sum (a, b) = a.plus(b), "a + b"; empty = Some(0.0);
        doc = "Sum of the elements.";
    prod (a, b) = a.times(b), "a * b"; empty = Some(1.0);
        doc = "Product of the elements.";
    amax (a, b) = if b > a || b.is_nan() { b } else { a },
        "select(a, b, b > a || is_nan(b))"; empty = None;
        doc = "Largest element; NaN if there is one.";
    amin (a, b) = if b < a || b.is_nan() { b } else { a },
        "select(a, b, b < a || is_nan(b))"; empty = None;
        doc = "Smallest element; NaN if there is one.";
}

impl Reduce {
    /// The op's row.
    pub fn def(self) -> &'static ReduceDef {
        &REDUCE[self as usize]
    }
}

/// Reduces `x` over `dims` (all of them when empty). Sums and products of bools and bytes are
/// int32.
///
/// # Errors
/// `Kind::Shape` when a dimension does not exist, or an extreme is asked of no elements.
pub fn reduce(op: Reduce, x: &Value, dims: &[Dim], keepdim: bool) -> Result<Value> {
    let def = op.def();
    let extreme = matches!(op, Reduce::amax | Reduce::amin);
    let x = match x.dtype() {
        DType::Bool | DType::U8 if !extreme => x.cast(DType::I32)?,
        _ => x.clone(),
    };
    if extreme && x.dtype().size() == 1 && !x.device().is_cpu() {
        // Bytes are packed on the GPU; a word a result keeps the kernel simple.
        return reduce(op, &x.cast(DType::I32)?, dims, keepdim)?.cast(x.dtype());
    }
    let dims = x.shape().dims_of(def.name, dims)?;
    let kept: SmallVec<[bool; 6]> = (0..x.shape().rank()).map(|d| !dims.contains(&d)).collect();
    let wide: Shape = x.shape().iter().zip(&kept).map(|(&s, &k)| if k { s } else { 1 }).collect();
    let narrow: Shape = if keepdim {
        wide.clone()
    } else {
        x.shape().iter().zip(&kept).filter(|(_, k)| **k).map(|(&s, _)| s).collect()
    };
    let count: usize = dims.iter().map(|&d| x.shape()[d]).product();
    if count == 0 && narrow.numel() > 0 {
        let Some(value) = def.empty else {
            crate::expr::must_have_elements(def.name, x.shape(), count)?;
            return Ok(x);
        };
        return Ok(Value::constant(value, narrow, x.dtype(), x.device()));
    }
    if count == 1 {
        return x.reshaped(&narrow);
    }
    if let (Some(value), Reduce::sum) = (x.as_constant(), op) {
        return Ok(Value::constant(value * count as f64, narrow, x.dtype(), x.device()));
    }
    let how = Reduction { op, kept, out: narrow.clone() };
    if op == Reduce::sum {
        if x.sums_to_zero(&dims) {
            return Ok(Value::constant(0.0, narrow, x.dtype(), x.device()));
        }
        if let Some(complement) = x.with_complement(&dims)? {
            return nearer_to_zero(&deferred(how.clone(), x)?, &deferred(how, complement)?);
        }
    }
    deferred(how, x)
}

fn deferred(how: Reduction, x: Value) -> Result<Value> {
    if x.cost().depth >= 8 {
        x.array()?;
    }
    let (dtype, device, depth) = (x.dtype(), x.device().clone(), x.cost().depth);
    let narrow = how.out.clone();
    Ok(Value::deferred(Arc::new(ReduceOp { how, input: x }), narrow, dtype, device, depth))
}

/// Of two sums that are equal but for rounding, element by element the smaller one: where one is
/// exactly zero, so is this.
fn nearer_to_zero(a: &Value, b: &Value) -> Result<Value> {
    let size = |x: &Value| Value::unary(Unary::abs, x, [0.0; 2]);
    Value::select(&Value::compare(Compare::lt, &size(b)?, &size(a)?)?, b, a)
}

/// A reduction that has not run yet.
struct ReduceOp {
    how: Reduction,
    input: Value,
}

/// What is reduced how.
#[derive(Clone)]
pub(crate) struct Reduction {
    pub(crate) op: Reduce,
    /// Whether each dimension is kept.
    pub(crate) kept: SmallVec<[bool; 6]>,
    pub(crate) out: Shape,
}

impl ReduceOp {
    /// The plan that evaluates the operand: its expression if nobody else will want its elements,
    /// else the stored elements.
    fn operand(&self) -> Result<Plan> {
        if !self.input.is_computed() && self.input.holders() == 1 {
            let (plan, deferred) = Plan::of(&[&self.input])?;
            if deferred.is_none() {
                return Ok(plan);
            }
        }
        Ok(Plan::of_array(&self.input.array()?))
    }
}

impl Reduction {
    /// Sizes of the operand's dimensions, neighbours that are both kept or both reduced merged.
    pub(crate) fn groups(&self, shape: &Shape) -> SmallVec<[(usize, bool); 6]> {
        let mut groups: SmallVec<[(usize, bool); 6]> = SmallVec::new();
        for (&size, &kept) in shape.iter().zip(&self.kept) {
            match groups.last_mut() {
                _ if size == 1 => {}
                Some(last) if last.1 == kept => last.0 *= size,
                _ => groups.push((size, kept)),
            }
        }
        groups
    }

    fn run_cpu(&self, plan: &Plan) -> Result<Array> {
        let dtype = plan.dtype(plan.roots[0]);
        let out = Array::alloc(&Device::cpu(), &self.out, dtype)?;
        let groups = self.groups(&plan.shape);
        match dtype {
            DType::F32 => self.typed::<f32>(plan, &groups, &out),
            DType::F64 => self.typed::<f64>(plan, &groups, &out),
            DType::I32 => self.typed::<i32>(plan, &groups, &out),
            DType::U32 => self.typed::<u32>(plan, &groups, &out),
            _ => self.typed::<u8>(plan, &groups, &out),
        }
        Ok(out)
    }

    fn typed<T: Number>(&self, plan: &Plan, groups: &[(usize, bool)], out: &Array) {
        let (n, results) = (plan.shape.numel(), self.out.numel());
        let Some(buffer) = out.cpu_buffer().filter(|_| n > 0 && results > 0) else { return };
        let base = SendPtr::new(buffer.as_ptr());
        let executor = Executor::new(plan);
        let job = Job { groups };
        let (lead, lead_kept) = groups.first().copied().unwrap_or((1, true));
        let row = n / lead;
        let rows = (PIECE / row.max(1)).max(1);
        let size = size_of::<T>();
        let run = |start: usize, len: usize, acc: &mut [T], skipped: usize| {
            executor.stream(start, len, |at, bytes| {
                // SAFETY: the plan's root is of type T; tiles are aligned for every type.
                let tile = unsafe {
                    std::slice::from_raw_parts(bytes.as_ptr().cast::<T>(), bytes.len() / size)
                };
                dispatch(self.op, &job, at - skipped, tile, acc);
            });
        };
        if lead_kept {
            let per_row = results / lead;
            for_pieces(lead, rows, |first, count| {
                // SAFETY: pieces own disjoint rows of the result.
                let acc = unsafe {
                    let at = base.add(first * per_row * size).cast::<T>();
                    std::slice::from_raw_parts_mut(at, count * per_row)
                };
                acc.fill(self.identity());
                run(first * row, count * row, acc, first * row);
            });
            return;
        }
        // Parts of the leading dimension get accumulators of their own, combined in order: the
        // result does not depend on the number of threads.
        let parts = (n / PIECE).min(MAX_PARTS).min(lead).max(1);
        let span = lead.div_ceil(parts);
        let mut partial = vec![self.identity::<T>(); results * lead.div_ceil(span)];
        let partials = SendPtr::new(partial.as_mut_ptr());
        for_pieces(lead, span, |first, count| {
            // SAFETY: parts own disjoint accumulators.
            let acc = unsafe {
                let at = partials.add(first / span * results * size).cast::<T>();
                std::slice::from_raw_parts_mut(at, results)
            };
            run(first * row, count * row, acc, first * row);
        });
        // SAFETY: the result's memory, written by this thread alone.
        let acc = unsafe { std::slice::from_raw_parts_mut(base.add(0).cast::<T>(), results) };
        acc.copy_from_slice(&partial[..results]);
        for part in partial[results..].chunks_exact(results) {
            for (a, &b) in acc.iter_mut().zip(part) {
                *a = combine(self.op, *a, b);
            }
        }
    }

    /// The value that combines with any first element to that element; NaN marks "none yet" for
    /// the extremes of floats, which `Job` handles.
    fn identity<T: Number>(&self) -> T {
        match self.op {
            Reduce::sum => T::ZERO,
            Reduce::prod => T::ONE,
            Reduce::amax | Reduce::amin => T::ZERO,
        }
    }
}

/// Elements of a piece of work that one thread takes.
const PIECE: usize = 1 << 16;
/// Parts of a leading reduced dimension: bounds the memory of partial results.
const MAX_PARTS: usize = 32;
/// Elements of a run that is read from several places, and how many places.
const BLOCK: usize = 1 << 18;
const STREAMS: usize = 4;
/// Elements of a layer of a block in each of them.
const DEPTH: usize = 1 << 11;

/// How a stream of row-major elements falls into results.
struct Job<'a> {
    groups: &'a [(usize, bool)],
}

impl Job<'_> {
    /// Combines a tile that starts at element `at` into the accumulators.
    #[inline(always)]
    fn tile<T: Number>(&self, at: usize, tile: &[T], acc: &mut [T], combine: fn(T, T) -> T) {
        let Some((&(last, last_kept), outer)) = self.groups.split_last() else {
            acc[0] = tile[0];
            return;
        };
        let (mut column, mut row) = (at % last, at / last);
        let mut done = 0;
        while done < tile.len() {
            let run = (last - column).min(tile.len() - done);
            let part = &tile[done..done + run];
            let (result, first) = locate(outer, row);
            if last_kept {
                let into = &mut acc[result * last + column..][..run];
                if first {
                    into.copy_from_slice(part);
                } else {
                    for (a, &b) in into.iter_mut().zip(part) {
                        *a = combine(*a, b);
                    }
                }
            } else {
                let value = horizontal(part, combine);
                let fresh = first && column == 0;
                acc[result] = if fresh { value } else { combine(acc[result], value) };
            }
            done += run;
            column = 0;
            row += 1;
        }
    }
}

/// The result that a row belongs to, and whether it is the first row of that result.
#[inline(always)]
fn locate(outer: &[(usize, bool)], row: usize) -> (usize, bool) {
    let (mut rest, mut result, mut step, mut first) = (row, 0, 1, true);
    for (i, &(size, kept)) in outer.iter().enumerate().rev() {
        // The leading dimension may be a part of itself: its index is what is left.
        let index = if i == 0 { rest } else { rest % size };
        rest /= size;
        if kept {
            result += index * step;
            step *= size;
        } else {
            first &= index == 0;
        }
    }
    (result, first)
}

/// Combines a run to one value. A long one is read from several places in turn, because the
/// processor fetches ahead in each of them: memory comes a fifth faster.
#[inline(always)]
fn horizontal<T: Number>(values: &[T], combine: fn(T, T) -> T) -> T {
    if values.len() < LANES {
        return one_by_one(values, combine);
    }
    let (mut acc, mut at) = (values[0], 0);
    loop {
        let end = values.len().min(at + BLOCK);
        let part = &values[at..end];
        let value = if end - at == BLOCK { block(part, combine) } else { short(part, combine) };
        acc = if at == 0 { value } else { combine(acc, value) };
        if end == values.len() {
            return acc;
        }
        at = end;
    }
}

/// A block of a long run, in layers that reach into each of its parts: sums of sums lose fewer
/// digits than one long sum.
#[inline(always)]
fn block<T: Number>(values: &[T], combine: fn(T, T) -> T) -> T {
    let span = values.len() / STREAMS;
    let mut lanes = [values[0]; LANES];
    for at in (0..span).step_by(DEPTH) {
        let more = layer(values, span, at, combine);
        for i in 0..LANES {
            lanes[i] = if at == 0 { more[i] } else { combine(lanes[i], more[i]) };
        }
    }
    joined(lanes, combine)
}

/// `DEPTH` elements from `at` on of each part.
#[inline(always)]
fn layer<T: Number>(values: &[T], span: usize, at: usize, combine: fn(T, T) -> T) -> [T; LANES] {
    let mut lanes = [values[at]; LANES];
    lanes.copy_from_slice(&values[at..][..LANES]);
    for stream in 1..STREAMS {
        let part = &values[stream * span + at..][..LANES];
        for i in 0..LANES {
            lanes[i] = combine(lanes[i], part[i]);
        }
    }
    for at in (at + LANES..at + DEPTH).step_by(LANES) {
        for stream in 0..STREAMS {
            let part = &values[stream * span + at..][..LANES];
            for i in 0..LANES {
                lanes[i] = combine(lanes[i], part[i]);
            }
        }
    }
    settled(lanes)
}

/// The lanes as they are. Without this border the compiler cuts whole vectors into pairs, because
/// that is how [`joined`] takes them: a sum took twice as long.
#[inline(always)]
fn settled<T: Number>(lanes: [T; LANES]) -> [T; LANES] {
    std::hint::black_box(lanes)
}

#[inline(always)]
fn one_by_one<T: Number>(values: &[T], combine: fn(T, T) -> T) -> T {
    let mut acc = values[0];
    for &v in &values[1..] {
        acc = combine(acc, v);
    }
    acc
}

#[inline(always)]
fn short<T: Number>(values: &[T], combine: fn(T, T) -> T) -> T {
    let mut chunks = values.chunks_exact(LANES);
    let Some(head) = chunks.next() else { return one_by_one(values, combine) };
    let mut lanes = [head[0]; LANES];
    lanes.copy_from_slice(head);
    for chunk in &mut chunks {
        for (lane, &v) in lanes.iter_mut().zip(chunk) {
            *lane = combine(*lane, v);
        }
    }
    for (lane, &v) in lanes.iter_mut().zip(chunks.remainder()) {
        *lane = combine(*lane, v);
    }
    joined(settled(lanes), combine)
}

impl ReduceOp {
    fn run_cpu(&self, plan: Plan) -> Result<Array> {
        perform(&(Plain(self.how.clone()), plan), |(Plain(how), plan)| how.run_cpu(plan))
    }
}

impl Deferred for ReduceOp {
    fn run(&self) -> Result<Array> {
        let plan = self.operand()?;
        #[cfg(feature = "gpu")]
        if let Some(gpu) = plan.device.as_gpu() {
            return super::reduce_gpu::run(gpu, &self.how, &plan, None);
        }
        self.run_cpu(plan)
    }

    #[cfg(feature = "gpu")]
    fn run_finished(&self, finish: &Plan) -> Result<Array> {
        let plan = self.operand()?;
        match plan.device.as_gpu() {
            Some(gpu) => super::reduce_gpu::run(gpu, &self.how, &plan, Some(finish)),
            None => self.run_cpu(plan),
        }
    }
}
