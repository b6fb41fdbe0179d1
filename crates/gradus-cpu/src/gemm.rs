//! The CPU's dense matrix product, for both float types.
//!
//! A tile of results lives in registers ([`tile`]): a few rows of a meet a few vectors of b. a is
//! read where it lies, one element at a time. b is copied into panels as wide as a tile, so that
//! its vectors follow one another, unless it already lies in a cache in rows.
//!
//! Blocks as in Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008):
//! [`DEPTH_BYTES`] steps, so that a panel stays in the first or second cache while all rows of a
//! pass by, and [`BLOCK`] columns of b, which stay in the second.

mod tile;

use std::cell::Cell;
use std::ops::{Add, Mul};

use self::tile::{Four, Strip, Vector, column};
use crate::{SendPtr, Simd, for_pieces};

/// Products of a part that is worth handing over.
const PART: usize = 1 << 19;
/// Most parts: each copies what it needs of b again.
const MOST_PARTS: usize = 24;
/// Rows and columns of a part below which copying b, or narrow tiles, would show.
const PART_ROWS: usize = 48;
const PART_COLUMNS: usize = 48;
/// Columns of a part are a multiple of the widest vector.
const WIDEST: usize = 16;
/// Most rows of a at once: bounds what is copied of it.
const MOST_ROWS: usize = 2048;

/// Bytes of a column of a panel: steps between two visits of a result.
const DEPTH_BYTES: usize = 2048;
/// Columns of b that are copied at once.
const BLOCK: usize = 256;
/// Rows of a below which copying b takes longer than what it saves.
const FEW_ROWS: usize = 48;
/// Bytes of b that may be read where they lie, in rows that do not fall on the same cache lines.
const NEAR_BYTES: usize = 1 << 20;
/// Bytes between two steps along a from which its columns are copied.
const FAR_BYTES: usize = 2048;

/// A matrix in memory: its first element and the strides between rows and between columns.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<T> {
    /// The first element.
    pub first: *const T,
    /// Elements from a row to the next one.
    pub row: isize,
    /// Elements from a column to the next one.
    pub col: isize,
}

impl<T> Matrix<T> {
    /// A dense matrix with rows of `width` elements.
    pub fn rows(first: &[T], width: usize) -> Self {
        Matrix { first: first.as_ptr(), row: width as isize, col: 1 }
    }

    /// The transpose.
    pub fn t(self) -> Self {
        Matrix { row: self.col, col: self.row, ..self }
    }

    /// The part from row i and column j on.
    #[inline(always)]
    fn at(self, i: usize, j: usize) -> Self {
        let step = i as isize * self.row + j as isize * self.col;
        Matrix { first: self.first.wrapping_offset(step), ..self }
    }
}

/// `c = a · b`, or `c += a · b` with `add`: `[m, k] · [k, n]`; the elements of a row of c are
/// neighbours, rows are `c_row` apart.
#[derive(Clone, Copy)]
pub struct Job<T> {
    size: [usize; 3],
    c: SendPtr,
    c_row: usize,
    a: Matrix<T>,
    b: Matrix<T>,
    add: bool,
}
// SAFETY: the operands are only read; parts write their own rows and columns of c.
unsafe impl<T> Sync for Job<T> {}

impl<T: Float> Job<T> {
    /// The part of c from row i and column j on.
    fn part(&self, [i, j]: [usize; 2], [m, n]: [usize; 2]) -> Self {
        // SAFETY: inside c.
        let c = unsafe { self.c.add((i * self.c_row + j) * size_of::<T>()) };
        let size = [m, n, self.size[2]];
        Job { size, c: SendPtr::new(c), a: self.a.at(i, 0), b: self.b.at(0, j), ..*self }
    }

    /// Rows and columns of the parts that threads share, of at least one element; they depend on
    /// the sizes alone.
    fn parts(&self) -> [usize; 2] {
        let [m, n, k] = self.size;
        let count = (m * n * k / PART).clamp(2, MOST_PARTS);
        let across = (n / BLOCK).clamp(1, count);
        let down = count.div_ceil(across).min(m / PART_ROWS).max(1);
        let across = count.div_ceil(down).min(n / PART_COLUMNS).max(1);
        let rows = m.div_ceil(down).next_multiple_of(tile::ROWS);
        [rows, n.div_ceil(across).next_multiple_of(WIDEST)]
    }

    /// # Safety
    /// The pointers must lead to memory that covers the sizes, and nobody else may use c.
    unsafe fn run(self, parallel: bool) {
        let block = T::BLOCKS[Simd::here() as usize];
        let [m, n, _] = self.size;
        // SAFETY: the processor has the instructions; the rest is promised by the caller.
        unsafe {
            if m * n == 0 {
                return;
            }
            let [rows, columns] = if parallel { self.parts() } else { [m, n] };
            // Equal blocks: each copies b again.
            let most = m.div_ceil(m.div_ceil(MOST_ROWS)).next_multiple_of(tile::ROWS);
            let rows = rows.min(most);
            let across = n.div_ceil(columns);
            let count = m.div_ceil(rows) * across;
            for_pieces(count, if parallel { 1 } else { count }, |first, len| {
                for part in first..first + len {
                    let at = [part / across * rows, part % across * columns];
                    block(&self.part(at, [rows.min(m - at[0]), columns.min(n - at[1])]));
                }
            });
        }
    }
}

mod sealed {
    use super::Job;

    /// What [`Float`](super::Float) knows and does not tell.
    pub trait Blocks: Sized {
        /// [`blocks`](super::blocks) for each set of instructions of [`Simd`](crate::Simd).
        const BLOCKS: [unsafe fn(&Job<Self>); 3];
    }
}
use sealed::Blocks;

/// The float types that have matrix products: f32 and f64.
pub trait Float:
    Copy + Send + Sync + Add<Output = Self> + Mul<Output = Self> + Blocks + 'static
{
    /// 0.
    const ZERO: Self;
}

/// `c = a · b`, or `c += a · b` with `add`: `[m, k] · [k, n]`; the elements of a row of c are
/// neighbours, rows are `c_row` apart. Several threads share the work if `parallel`; the result
/// does not depend on their number. Products are fused with sums where the processor can.
///
/// # Safety
/// The pointers must lead to memory that covers the sizes, and nobody else may use c.
pub unsafe fn gemm<T: Float>(
    size: [usize; 3],
    (c, c_row): (*mut T, usize),
    a: Matrix<T>,
    b: Matrix<T>,
    add: bool,
    parallel: bool,
) {
    let job = Job { size, c: SendPtr::new(c), c_row, a, b, add };
    // SAFETY: promised by the caller.
    unsafe { job.run(parallel) }
}

macro_rules! float {
    ($t:ident: $avx2:ident $avx512:ident) => {
        impl Float for $t {
            const ZERO: Self = 0.0;
        }
        impl Blocks for $t {
            #[cfg(not(target_arch = "x86_64"))]
            const BLOCKS: [unsafe fn(&Job<Self>); 3] = {
                unsafe fn base(job: &Job<$t>) {
                    // SAFETY: forwarded.
                    unsafe { blocks::<Four<$t>, 4>(job) }
                }
                [base; 3]
            };
            #[cfg(target_arch = "x86_64")]
            const BLOCKS: [unsafe fn(&Job<Self>); 3] = {
                use std::arch::x86_64::{$avx2, $avx512};
                // Not the generic function itself, which each crate that calls it would compile.
                unsafe fn base(job: &Job<$t>) {
                    // SAFETY: forwarded.
                    unsafe { blocks::<Four<$t>, 2>(job) }
                }
                #[target_feature(enable = "avx2,fma")]
                unsafe fn avx2(job: &Job<$t>) {
                    // SAFETY: forwarded.
                    unsafe { blocks::<$avx2, 2>(job) }
                }
                #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma")]
                unsafe fn avx512(job: &Job<$t>) {
                    // SAFETY: forwarded.
                    unsafe { blocks::<$avx512, 4>(job) }
                }
                [base, avx2, avx512]
            };
        }
    };
}
float!(f32: __m256 __m512);
float!(f64: __m256d __m512d);

/// Memory that starts on a cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u64; 8]);

/// Copies of parts of a and b.
#[derive(Default)]
struct Scratch {
    a: Vec<Line>,
    b: Vec<Line>,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = const { Cell::new(Scratch { a: Vec::new(), b: Vec::new() }) };
}

/// Space for `len` elements.
fn space<T>(memory: &mut Vec<Line>, len: usize) -> *mut T {
    let lines = (len * size_of::<T>()).div_ceil(size_of::<Line>());
    if memory.len() < lines {
        memory.resize(lines, Line([0; 8]));
    }
    memory.as_mut_ptr().cast()
}

/// The product on one thread, by tiles of `N` vectors.
///
/// # Safety
/// The processor must have the vector's instructions; else as [`gemm`].
#[inline(always)]
unsafe fn blocks<V: Vector, const N: usize>(job: &Job<V::Item>) {
    let &Job { size: [m, n, k], c_row, a, b, add, .. } = job;
    let size = size_of::<V::Item>();
    let steps = k.div_ceil(DEPTH_BYTES / size).max(1);
    let depth = k.div_ceil(steps);
    let tile = N * V::LANES;
    // SAFETY: tiles lie inside the operands, copies inside the scratch.
    unsafe {
        let c = job.c.add(0).cast::<V::Item>();
        let mut scratch = SCRATCH.take();
        let near = k * b.row.unsigned_abs() * size <= NEAR_BYTES && b.row % 256 != 0;
        let copy_b = b.col != 1 || !(near || m <= FEW_ROWS);
        let far = a.col.unsigned_abs() * size >= FAR_BYTES;
        let copy_a = a.col != 1 && n > 2 * tile && (a.row != 1 || far);
        let panels = space::<V::Item>(&mut scratch.b, depth * BLOCK);
        let columns = space::<V::Item>(&mut scratch.a, if copy_a { depth * m } else { 0 });
        for step in 0..steps {
            let (from, to) = (k * step / steps, k * (step + 1) / steps);
            let (depth, add) = (to - from, add || from > 0);
            let (mut a, b) = (a.at(0, from), b.at(from, 0));
            if copy_a {
                copy(a.t(), [depth, m], columns, m);
                a = Matrix { first: columns, row: 1, col: m as isize };
            }
            for j in (0..n).step_by(BLOCK) {
                let width = BLOCK.min(n - j);
                let b = b.at(0, j);
                if copy_b {
                    pack::<V>(b, [depth, width], panels, tile);
                }
                for i in (0..width).step_by(tile) {
                    let narrow = tile.min(width - i);
                    let wide = narrow.next_multiple_of(V::LANES);
                    let mut b = b.at(0, i);
                    if copy_b {
                        b = Matrix { first: panels.add(i * depth), row: wide as isize, col: 1 };
                    } else if wide != narrow {
                        pack::<V>(b, [depth, narrow], panels, tile);
                        b = Matrix { first: panels, row: wide as isize, col: 1 };
                    }
                    let strip =
                        Strip { k: depth, a, b, c: c.add(j + i), c_row, width: narrow, add };
                    match wide / V::LANES {
                        1 => column::<V, 1>(m, strip),
                        2 => column::<V, 2>(m, strip),
                        3 if N > 3 => column::<V, 3>(m, strip),
                        _ => column::<V, N>(m, strip),
                    }
                }
            }
        }
        SCRATCH.set(scratch);
    }
}

/// Copies `[rows, width]` of a matrix, into rows `to_row` apart.
///
/// # Safety
/// The memory must be there.
#[inline(always)]
unsafe fn copy<T: Float>(from: Matrix<T>, [rows, width]: [usize; 2], to: *mut T, to_row: usize) {
    for i in 0..rows {
        // SAFETY: promised by the caller.
        unsafe {
            let (from, to) = (from.at(i, 0), to.add(i * to_row));
            if from.col == 1 {
                from.first.copy_to_nonoverlapping(to, width);
                continue;
            }
            for j in 0..width {
                *to.add(j) = *from.at(0, j).first;
            }
        }
    }
}

/// Copies `[depth, width]` of b into panels of `tile` columns, one after another; the last one has
/// as many vectors as it needs, filled up with zeros.
///
/// # Safety
/// The processor must have the vector's instructions; the memory must be there.
#[inline(always)]
unsafe fn pack<V: Vector>(
    b: Matrix<V::Item>,
    [depth, width]: [usize; 2],
    panels: *mut V::Item,
    tile: usize,
) {
    let whole = width - width % tile;
    let rest = (width - whole).next_multiple_of(V::LANES);
    // SAFETY: promised by the caller.
    unsafe {
        if b.col == 1 {
            for k in 0..depth {
                // Whole rows: what lies side by side is fetched at once.
                let row = b.at(k, 0).first;
                for j in (0..whole).step_by(tile) {
                    row.add(j).copy_to_nonoverlapping(panels.add(j * depth + k * tile), tile);
                }
                let to = panels.add(whole * depth + k * rest);
                row.add(whole).copy_to_nonoverlapping(to, width - whole);
            }
        } else {
            for j in (0..width).step_by(tile) {
                let wide = tile.min(width - j);
                let to_row = if wide == tile { tile } else { rest };
                turn::<V>(b.at(0, j), [depth, wide], panels.add(j * depth), to_row);
            }
        }
        for k in 0..depth {
            let row = panels.add(whole * depth + k * rest);
            for j in width - whole..rest {
                *row.add(j) = <V::Item as Float>::ZERO;
            }
        }
    }
}

/// Copies `[depth, width]` of b, whose columns lie along k, into rows `to_row` apart.
///
/// # Safety
/// As [`pack`].
#[inline(always)]
unsafe fn turn<V: Vector>(
    b: Matrix<V::Item>,
    [depth, width]: [usize; 2],
    to: *mut V::Item,
    to_row: usize,
) {
    let square = |x: usize| if b.row == 1 { x - x % V::BLOCK } else { 0 };
    let (deep, across) = (square(depth), square(width));
    // SAFETY: promised by the caller.
    unsafe {
        for j in (0..across).step_by(V::BLOCK) {
            for k in (0..deep).step_by(V::BLOCK) {
                V::turn(b.at(k, j).first, b.col, to.add(k * to_row + j), to_row);
            }
        }
        copy(b.at(deep, 0), [depth - deep, across], to.add(deep * to_row), to_row);
        copy(b.at(0, across), [depth, width - across], to.add(across), to_row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cheap generator of test data.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, n: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888);
            (self.0 >> 33) % n
        }
    }

    /// A matrix of small numbers in memory of another shape, which the product must not leave.
    fn matrix(dice: &mut Dice, [rows, cols]: [usize; 2], how: usize) -> (Vec<f64>, isize, isize) {
        let (row, col) = match how {
            0 => (cols + 3, 1),
            1 => (1, rows + 5),
            2 => (2 * cols, 2),
            _ => (3, 3 * rows),
        };
        let len = rows.saturating_sub(1) * row + cols.saturating_sub(1) * col + 1;
        let values = (0..len).map(|_| dice.below(17) as f64 - 8.0).collect();
        (values, row as isize, col as isize)
    }

    fn check<T: Float>(of: impl Fn(f64) -> T + Copy, to: impl Fn(T) -> f64) {
        let mut dice = Dice(5);
        let sizes = [
            [1, 1, 1],
            [2, 3, 0],
            [7, 5, 9],
            [6, 64, 64],
            [13, 70, 3],
            [50, 300, 17],
            [49, 33, 600],
            [64, 256, 256],
            [3, 129, 1100],
        ];
        for ([m, n, k], layout) in sizes.into_iter().flat_map(|s| (0..16).map(move |l| (s, l))) {
            let (a, a_row, a_col) = matrix(&mut dice, [m, k], layout % 4);
            let (b, b_row, b_col) = matrix(&mut dice, [k, n], layout / 4);
            let c_row = n + layout % 3;
            let start: Vec<f64> = (0..m * c_row).map(|i| (i % 5) as f64).collect();
            for (simd, add) in
                [Simd::Base, Simd::Avx2, Simd::Avx512].into_iter().zip([true, false, true])
            {
                if simd > Simd::here() {
                    continue;
                }
                let [a, b] = [&a, &b].map(|x| x.iter().copied().map(of).collect::<Vec<T>>());
                let mut c: Vec<T> = start.iter().copied().map(of).collect();
                let job = Job {
                    size: [m, n, k],
                    c: SendPtr::new(c.as_mut_ptr()),
                    c_row,
                    a: Matrix { first: a.as_ptr(), row: a_row, col: a_col },
                    b: Matrix { first: b.as_ptr(), row: b_row, col: b_col },
                    add,
                };
                // SAFETY: the sizes fit the memory, and the processor has the instructions.
                unsafe { T::BLOCKS[simd as usize](&job) };
                for i in 0..m {
                    for j in 0..c_row {
                        let old = start[i * c_row + j];
                        let at = |l: usize| {
                            let a = a[i * a_row as usize + l * a_col as usize];
                            to(a) * to(b[l * b_row as usize + j * b_col as usize])
                        };
                        // Whole numbers: every order of additions gives the same.
                        let sum = || (0..k).map(at).sum::<f64>() + if add { old } else { 0.0 };
                        let expected = if j < n { sum() } else { old };
                        let what = format!("{m} {n} {k}, layout {layout}, {simd:?}: {i}, {j}");
                        assert_eq!(to(c[i * c_row + j]), expected, "{what}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_version_multiplies_every_layout() {
        check::<f32>(|x| x as f32, f64::from);
        check::<f64>(|x| x, |x| x);
    }

    #[test]
    fn wider_vectors_and_threads_give_the_same_bits() {
        let mut dice = Dice(9);
        let [m, n, k] = [31, 77, 1300];
        let mut values =
            |len| -> Vec<f32> { (0..len).map(|_| dice.below(1 << 20) as f32 / 7.0).collect() };
        let (a, b) = (values(m * k), values(k * n));
        let product = |simd: Simd| {
            let mut c = vec![0.0f32; m * n];
            let job = Job {
                size: [m, n, k],
                c: SendPtr::new(c.as_mut_ptr()),
                c_row: n,
                a: Matrix::rows(&a, k),
                b: Matrix::rows(&b, n),
                add: false,
            };
            // SAFETY: the sizes fit the memory, and the processor has the instructions.
            unsafe { f32::BLOCKS[simd as usize](&job) };
            c
        };
        let one = product(Simd::here());
        if Simd::here() == Simd::Avx512 {
            assert_eq!(one, product(Simd::Avx2));
        }
        let mut c = vec![0.0f32; m * n];
        let (a, b) = (Matrix::rows(&a, k), Matrix::rows(&b, n));
        // SAFETY: the sizes fit the memory.
        unsafe { gemm([m, n, k], (c.as_mut_ptr(), n), a, b, false, true) };
        assert_eq!(one, c);
    }

    #[test]
    fn parts_cover_the_product_once() {
        for size in
            [[0, 5, 3], [1, 1, 1], [5, 4000, 300], [4000, 5, 300], [1030, 530, 70], [64, 100, 784]]
        {
            let [m, n, k] = size;
            let (a, b) = (vec![1.0f32; m * k], vec![1.0f32; k * n]);
            let mut c = vec![0.5f32; m * n];
            let (a, b) = (Matrix::rows(&a, k), Matrix::rows(&b, n));
            // SAFETY: the sizes fit the memory.
            unsafe { gemm(size, (c.as_mut_ptr(), n), a, b, true, true) };
            assert!(c.iter().all(|&x| x == k as f32 + 0.5), "{size:?}");
        }
    }
}
