//! Dense arrays seen as lines along one dimension, and the loops over them that softmax, scans,
//! sorts and index ops share on the CPU.

use std::ops::Sub;

use bytemuck::Pod;
use gradus_cpu::{Float, SendPtr, for_pieces};
use gradus_tensor::{Array, DType, Device, Dim, Kind, Result, Shape};

use crate::math;

/// Elements of a piece of work that one thread takes.
pub(crate) const PIECE: usize = 1 << 15;
/// Neighbouring columns that one thread walks together: their accumulators stay in registers and
/// the first cache.
pub(crate) const WIDTH: usize = 64;
/// Independent accumulators of a run, so that operations overlap.
pub(crate) const LANES: usize = 32;

/// A dense array as `[outer, n, inner]`: `outer * inner` lines of `n` elements, `inner` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) outer: usize,
    pub(crate) n: usize,
    pub(crate) inner: usize,
}

impl Lines {
    /// The lines of `shape` along `dim`, and the dimension's index. A scalar is one line of one.
    ///
    /// # Errors
    /// `Kind::Shape` when the dimension does not exist.
    pub(crate) fn of(op: &'static str, shape: &Shape, dim: Dim) -> Result<(Self, usize)> {
        if shape.rank() == 0 && (dim == 0 || dim == -1) {
            return Ok((Lines { outer: 1, n: 1, inner: 1 }, 0));
        }
        let d = shape.dim(op, dim)?;
        Ok((Lines::at(shape, d), d))
    }

    /// The lines along the dimension with index `d`, which exists.
    pub(crate) fn at(shape: &Shape, d: usize) -> Self {
        Lines {
            outer: shape[..d].iter().product(),
            n: shape[d],
            inner: shape[d + 1..].iter().product(),
        }
    }

    /// How many lines there are.
    pub(crate) fn count(self) -> usize {
        self.outer * self.inner
    }

    /// All elements.
    pub(crate) fn numel(self) -> usize {
        self.outer * self.n * self.inner
    }
}

/// `shape` with dimension `d` of another size; a scalar becomes `[size]` only if it must.
pub(crate) fn resized(shape: &Shape, d: usize, size: usize) -> Shape {
    match shape.rank() {
        0 if size == 1 => shape.clone(),
        0 => Shape::from(size),
        _ => shape.with(d, size),
    }
}

/// Arithmetic of the float types.
pub(crate) trait Real:
    Float + Pod + PartialOrd + Sub<Output = Self> + std::ops::Div<Output = Self>
{
    const ONE: Self;
    const NEG_INFINITY: Self;
    /// eˣ for x ≤ 0.
    fn exp_of_nonpositive(self) -> Self;
    fn log(self) -> Self;
    fn of(value: f64) -> Self;
}

macro_rules! real {
    ($t:ident) => {
        impl Real for $t {
            const ONE: Self = 1.0;
            const NEG_INFINITY: Self = $t::NEG_INFINITY;
            #[inline(always)]
            fn exp_of_nonpositive(self) -> Self {
                math::$t::exp_of_nonpositive(self)
            }
            #[inline(always)]
            fn log(self) -> Self {
                math::$t::log(self)
            }
            fn of(value: f64) -> Self {
                value as $t
            }
        }
    };
}
real!(f32);
real!(f64);

/// Accumulators as one value, by halves.
#[inline(always)]
pub(crate) fn joined<T: Copy>(mut lanes: [T; LANES], combine: impl Fn(T, T) -> T) -> T {
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            lanes[i] = combine(lanes[i], lanes[i + width]);
        }
    }
    lanes[0]
}

/// Defines functions that run as AVX2 or AVX-512 code where the processor has it.
macro_rules! vectorised {
    ($($(#[$doc:meta])* $vis:vis fn $name:ident<$t:ident: $bound:ident>(
        $($arg:ident: $ty:ty),* $(,)?
    ) $(-> $ret:ty)? $body:block)*) => {$(
        $(#[$doc])*
        $vis fn $name<$t: $bound>($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body<$t: $bound>($($arg: $ty),*) $(-> $ret)? $body
            #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
            unsafe fn fast<$t: $bound>($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
            #[cfg_attr(
                target_arch = "x86_64",
                target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma")
            )]
            unsafe fn wide<$t: $bound>($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
            match gradus_cpu::Simd::here() {
                // SAFETY: the processor has these instructions.
                gradus_cpu::Simd::Avx512 => unsafe { wide($($arg),*) },
                // SAFETY: as above.
                gradus_cpu::Simd::Avx2 => unsafe { fast($($arg),*) },
                gradus_cpu::Simd::Base => body($($arg),*),
            }
        }
    )*};
}
pub(crate) use vectorised;

/// The elements of a dense array in host memory.
pub(crate) fn host<T: Pod>(array: &Array) -> &[T] {
    debug_assert!(array.layout().is_dense(), "callers ask for dense operands");
    let bytes = array.cpu_buffer().map(|b| b.bytes()).unwrap_or_default();
    let start = array.layout().offset() * size_of::<T>();
    bytemuck::cast_slice(&bytes[start..start + array.shape().numel() * size_of::<T>()])
}

/// A dense array that nobody else has seen yet, to be written.
pub(crate) struct Fresh(Array);

impl Fresh {
    /// Memory on the CPU.
    ///
    /// # Errors
    /// `Kind::OutOfMemory` when the system refuses.
    pub(crate) fn new(shape: &Shape, dtype: DType) -> Result<Self> {
        Ok(Fresh(Array::alloc(&Device::cpu(), shape, dtype)?))
    }

    /// A copy, dense, on the CPU.
    ///
    /// # Errors
    /// As [`Fresh::new`].
    pub(crate) fn copy_of(dense: &Array) -> Result<Self> {
        let mut out = Fresh::new(dense.shape(), dense.dtype())?;
        match dense.dtype().size() {
            1 => out.values().copy_from_slice(host::<u8>(dense)),
            4 => out.values().copy_from_slice(host::<u32>(dense)),
            _ => out.values().copy_from_slice(host::<u64>(dense)),
        }
        Ok(out)
    }

    /// Its elements, to be written.
    pub(crate) fn values<T: Pod>(&mut self) -> &mut [T] {
        let Some(buffer) = self.0.cpu_buffer() else { return &mut [] };
        debug_assert_eq!(self.0.dtype().size(), size_of::<T>(), "the element type fits");
        // SAFETY: `new` allocated this many initialised elements, aligned for every type, and
        // no other handle exists until `done`.
        unsafe {
            std::slice::from_raw_parts_mut(buffer.as_ptr().cast::<T>(), self.0.shape().numel())
        }
    }

    /// The finished array.
    pub(crate) fn done(self) -> Array {
        self.0
    }
}

/// Runs `f(first element, part)` over parts of `values` that hold whole chunks of `chunk`
/// elements, on several threads when `cost` elements' worth of work exceeds a piece.
pub(crate) fn for_chunks<T: Send>(
    values: &mut [T],
    chunk: usize,
    cost: usize,
    f: impl Fn(usize, &mut [T]) + Sync,
) {
    if chunk == 0 || values.is_empty() {
        return;
    }
    let pointer = SendPtr::new(values.as_mut_ptr());
    let chunks = values.len() / chunk;
    let piece = (PIECE / (cost / chunks.max(1)).max(1)).max(1);
    for_pieces(chunks, piece, |first, count| {
        // SAFETY: pieces are disjoint runs of whole chunks inside `values`.
        let part = unsafe {
            let at = pointer.add(first * chunk * size_of::<T>()).cast::<T>();
            std::slice::from_raw_parts_mut(at, count * chunk)
        };
        f(first * chunk, part);
    });
}

/// Neighbouring lines that are walked together, element by element.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    /// First element of the first line.
    pub(crate) base: usize,
    /// Elements from one row of the block to the next.
    pub(crate) stride: usize,
    /// How many lines.
    pub(crate) width: usize,
    /// Number of the first line.
    pub(crate) line: usize,
}

impl Block {
    /// Row `i` of the block in an array of the lines' shape.
    #[inline(always)]
    pub(crate) fn row<T>(self, values: &[T], i: usize) -> &[T] {
        &values[self.base + i * self.stride..][..self.width]
    }

    /// Row `i` of the block in memory of the lines' shape.
    ///
    /// # Safety
    /// `values` must lead to the whole array and no other reference to the row may live.
    #[inline(always)]
    pub(crate) unsafe fn row_mut<'a, T>(self, values: SendPtr, i: usize) -> &'a mut [T] {
        // SAFETY: promised by the caller.
        unsafe {
            let at = values.add((self.base + i * self.stride) * size_of::<T>()).cast::<T>();
            std::slice::from_raw_parts_mut(at, self.width)
        }
    }

    /// The block's part of an array with one element a line.
    ///
    /// # Safety
    /// As [`Block::row_mut`].
    #[inline(always)]
    pub(crate) unsafe fn results<'a, T>(self, values: SendPtr) -> &'a mut [T] {
        // SAFETY: promised by the caller.
        unsafe {
            let at = values.add(self.line * size_of::<T>()).cast::<T>();
            std::slice::from_raw_parts_mut(at, self.width)
        }
    }
}

/// Runs `f` for every block of at most [`WIDTH`] neighbouring lines; blocks are disjoint.
pub(crate) fn for_blocks(lines: Lines, f: impl Fn(Block) + Sync) {
    if lines.count() == 0 {
        return;
    }
    let across = lines.inner.div_ceil(WIDTH);
    let piece = (PIECE / (lines.n * WIDTH.min(lines.inner)).max(1)).max(1);
    for_pieces(lines.outer * across, piece, |first, count| {
        for i in first..first + count {
            let (o, column) = (i / across, i % across * WIDTH);
            f(Block {
                base: o * lines.n * lines.inner + column,
                stride: lines.inner,
                width: WIDTH.min(lines.inner - column),
                line: o * lines.inner + column,
            });
        }
    });
}

/// # Errors
/// `Kind::DType` unless the type is a float.
pub(crate) fn must_be_float(op: &'static str, dtype: DType) -> Result<()> {
    if dtype.is_float() {
        return Ok(());
    }
    Err(Kind::DType { op, got: vec![dtype], expected: "a float type; cast with `to_dtype`" }.into())
}

#[cfg(test)]
pub(crate) mod checks {
    //! What the tests of these ops share.

    use gradus_tensor::{Array, DType, Shape};

    use crate::Value;

    /// A cheap generator of test data.
    pub(crate) struct Dice(pub(crate) u64);

    impl Dice {
        pub(crate) fn below(&mut self, n: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888);
            ((self.0 >> 33) as usize) % n.max(1)
        }

        /// Few distinct values, so that ties occur; with `odd`, NaN, infinities and -0 too.
        pub(crate) fn floats(&mut self, n: usize, odd: bool) -> Vec<f32> {
            (0..n)
                .map(|_| match self.below(if odd { 24 } else { 1 }) {
                    1 => f32::NAN,
                    2 => f32::INFINITY,
                    3 => f32::NEG_INFINITY,
                    4 => -0.0,
                    _ => self.below(41) as f32 / 4.0 - 5.0,
                })
                .collect()
        }

        pub(crate) fn ints(&mut self, n: usize, below: usize) -> Vec<i32> {
            (0..n).map(|_| self.below(below) as i32).collect()
        }
    }

    /// The values as a view of the shape whose memory lies in another order.
    pub(crate) fn scrambled<T: gradus_tensor::Element>(values: &[T], shape: &Shape) -> Value {
        let dense = array(values, shape);
        let rank = shape.rank() as i64;
        if rank < 2 {
            return dense;
        }
        let back: Vec<i64> = (0..rank).rev().collect();
        let turned = Value::copy_of(&dense.permute(&back).expect("a permutation"));
        turned.permute(&back).expect("a permutation")
    }

    pub(crate) fn array<T: gradus_tensor::Element>(values: &[T], shape: &Shape) -> Value {
        Value::from(Array::from_slice(values, shape.clone()).expect("values fill the shape"))
    }

    pub(crate) fn values<T: gradus_tensor::Element>(x: &Value) -> Vec<T> {
        x.array().expect("computes").to_vec().expect("the type holds")
    }

    /// Bits, all NaN alike.
    pub(crate) fn bits(x: &Value) -> Vec<u64> {
        let bits = |v: f64| if v.is_nan() { u64::MAX } else { v.to_bits() };
        match x.dtype() {
            DType::F32 => values::<f32>(x).into_iter().map(|v| bits(v.into())).collect(),
            DType::F64 => values::<f64>(x).into_iter().map(bits).collect(),
            _ => values::<i64>(x).into_iter().map(|v| v as u64).collect(),
        }
    }

    pub(crate) fn assert_close(got: &[f32], expected: &[f64], tolerance: f64, what: &str) {
        assert_eq!(got.len(), expected.len(), "{what}");
        for (i, (&g, &e)) in got.iter().zip(expected).enumerate() {
            let g = f64::from(g);
            let same = g == e || (g.is_nan() && e.is_nan());
            let near = (g - e).abs() <= tolerance * (1.0 + e.abs());
            assert!(same || near, "{what}: element {i} is {g}, expected {e}");
        }
    }

    /// Shapes with a dimension each: sizes 0, 1, primes; first, middle and last dimension; lines
    /// longer than the lanes and the blocks of columns.
    pub(crate) fn shapes() -> Vec<(Shape, i64)> {
        let list: &[(&[usize], i64)] = &[
            (&[], 0),
            (&[0], 0),
            (&[1], 0),
            (&[7], -1),
            (&[3, 0, 2], 0),
            (&[3, 0, 2], 2),
            (&[2, 3, 5], 0),
            (&[2, 3, 5], 1),
            (&[2, 3, 5], -1),
            (&[1, 67], 0),
            (&[67, 1], 0),
            (&[5, 101], 1),
            (&[31, 131], 0),
            (&[2, 37, 71], 1),
        ];
        list.iter().map(|&(s, d)| (Shape::from(s), d)).collect()
    }
}
