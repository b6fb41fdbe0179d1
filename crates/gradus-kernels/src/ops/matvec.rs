//! Products of a vector on the CPU: batch-1 networks live here, and packing panels for a matrix
//! product would cost more than the product.

use super::lines::{Real, vectorised};
use super::matmul::MatmulGeometry;

/// Accumulators of a dot product, so that additions overlap.
const LANES: usize = 16;
/// Vectors that are taken together: dot products of as many rows, or as many rows that are added
/// up while the sum stays in registers.
const TOGETHER: usize = 4;
/// Products above which the packed, threaded matrix product wins over reading b once.
const LARGE: usize = 1 << 20;

/// Computes `c` if this is a product with a single row, column or inner element.
///
/// # Safety
/// The pointers must lead to memory that covers the geometry, and nobody else may use c.
pub(super) unsafe fn product<T: Real>(
    g: &MatmulGeometry,
    a: *const T,
    b: *const T,
    c: *mut T,
) -> bool {
    let ([.., a_row, a_col], [.., b_row, b_col]) = (g.a, g.b);
    let &MatmulGeometry { m, n, k, .. } = g;
    if (m > 1 && n > 1 && k > 1) || m * n * k > LARGE {
        return false;
    }
    // SAFETY: promised by the caller.
    let out = unsafe { std::slice::from_raw_parts_mut(c, m * n) };
    if k > 1 && a_col == 1 && b_row == 1 {
        let (vector, rows) = match n {
            1 => (b, Rows { first: a, stride: a_row, len: k }),
            _ => (a, Rows { first: b, stride: b_col, len: k }),
        };
        // SAFETY: the vector has k elements.
        dots(unsafe { std::slice::from_raw_parts(vector, k) }, rows, out);
    } else if n == 1 && a_row == 1 {
        let rows = Rows { first: a, stride: a_col, len: m };
        combinations(Factors { first: b, row: 0, col: b_row }, k, rows, out);
    } else if n > 1 && b_col == 1 {
        let rows = Rows { first: b, stride: b_row, len: n };
        combinations(Factors { first: a, row: a_row, col: a_col }, k, rows, out);
    } else {
        return false;
    }
    true
}

/// Rows of `len` neighbouring elements that somebody vouches for.
#[derive(Clone, Copy)]
struct Rows<T> {
    first: *const T,
    stride: isize,
    len: usize,
}

impl<T> Rows<T> {
    /// `N` rows from number `at` on.
    #[inline(always)]
    fn together<const N: usize>(&self, at: usize) -> [&[T]; N] {
        // SAFETY: only `product` makes rows, and its callers vouch for the geometry.
        std::array::from_fn(|i| unsafe {
            let first = self.first.offset((at + i) as isize * self.stride);
            std::slice::from_raw_parts(first, self.len)
        })
    }
}

/// The factors of rows, for each row of the result.
#[derive(Clone, Copy)]
struct Factors<T> {
    first: *const T,
    row: isize,
    col: isize,
}

impl<T: Copy> Factors<T> {
    #[inline(always)]
    fn together<const N: usize>(&self, row: usize, at: usize) -> [T; N] {
        // SAFETY: as for `Rows`.
        std::array::from_fn(|i| unsafe {
            *self.first.offset(row as isize * self.row + (at + i) as isize * self.col)
        })
    }
}

vectorised! {
    /// The dot products of a vector and rows.
    fn dots<T: Real>(x: &[T], rows: Rows<T>, out: &mut [T]) {
        let mut groups = out.chunks_exact_mut(TOGETHER);
        let mut at = 0;
        for group in &mut groups {
            group.copy_from_slice(&dots_of::<T, TOGETHER>(x, rows.together(at)));
            at += TOGETHER;
        }
        for (i, out) in groups.into_remainder().iter_mut().enumerate() {
            [*out] = dots_of(x, rows.together(at + i));
        }
    }

    /// For each row of the result, the sum of `k` rows times their factors.
    fn combinations<T: Real>(factors: Factors<T>, k: usize, rows: Rows<T>, out: &mut [T]) {
        for (i, out) in out.chunks_exact_mut(rows.len.max(1)).enumerate() {
            let mut at = TOGETHER.min(k);
            if at == TOGETHER {
                add::<T, TOGETHER>(factors.together(i, 0), rows.together(0), out, true);
            } else {
                at = at.min(1);
                add::<T, 1>(factors.together(i, 0), rows.together(0), out, true);
            }
            while at + TOGETHER <= k {
                add::<T, TOGETHER>(factors.together(i, at), rows.together(at), out, false);
                at += TOGETHER;
            }
            for at in at..k {
                add::<T, 1>(factors.together(i, at), rows.together(at), out, false);
            }
        }
    }
}

/// The accumulators of one dot product, in one cache line where they fit.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Lanes<T>([T; LANES]);

/// The same sums, however many rows are taken together.
#[inline(always)]
fn dots_of<T: Real, const N: usize>(x: &[T], rows: [&[T]; N]) -> [T; N] {
    let mut lanes = [Lanes([T::ZERO; LANES]); N];
    for (lanes, row) in lanes.iter_mut().zip(rows) {
        *lanes = lanes_of(x, row);
    }
    // Without this border the compiler takes the lanes of one row in pairs, as what follows does.
    std::hint::black_box(&mut lanes);
    let rest = x.len() - x.len() % LANES;
    if rest < x.len() {
        for (Lanes(lanes), row) in lanes.iter_mut().zip(rows) {
            for (lane, (&x, &row)) in lanes.iter_mut().zip(x[rest..].iter().zip(&row[rest..])) {
                *lane = *lane + x * row;
            }
        }
    }
    let mut quarters = [[T::ZERO; LANES / 4]; N];
    for (quarter, Lanes(lanes)) in quarters.iter_mut().zip(&lanes) {
        let (low, high) = lanes.split_at(LANES / 2);
        for (i, sum) in quarter.iter_mut().enumerate() {
            let (j, k) = (i, i + LANES / 4);
            *sum = (low[j] + high[j]) + (low[k] + high[k]);
        }
    }
    let mut sums = [T::ZERO; N];
    for (sum, quarter) in sums.iter_mut().zip(&quarters) {
        *sum = (quarter[0] + quarter[2]) + (quarter[1] + quarter[3]);
    }
    sums
}

/// Sums over all elements but those after the last whole set of lanes.
#[inline(always)]
fn lanes_of<T: Real>(x: &[T], row: &[T]) -> Lanes<T> {
    let mut lanes = [T::ZERO; LANES];
    for (x, row) in x.chunks_exact(LANES).zip(row.chunks_exact(LANES)) {
        for i in 0..LANES {
            lanes[i] = lanes[i] + x[i] * row[i];
        }
    }
    Lanes(lanes)
}

/// `out += Σ factor · row`, or `=` with `first`, one row after the other.
#[inline(always)]
fn add<T: Real, const N: usize>(factors: [T; N], rows: [&[T]; N], out: &mut [T], first: bool) {
    let rows = rows.map(|row| &row[..out.len()]);
    for i in 0..out.len() {
        let mut sum = if first { T::ZERO } else { out[i] };
        for (&factor, row) in factors.iter().zip(rows) {
            sum = sum + factor * row[i];
        }
        out[i] = sum;
    }
}
