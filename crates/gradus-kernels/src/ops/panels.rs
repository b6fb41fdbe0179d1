//! f32 products of matrices that stay in the caches, for processors with AVX2.
//!
//! `a · bᵀ` with rows that lie along k, as a linear layer has them, asks for one of them to be
//! transposed. The `gemm` crate transposes b, the weights. Here it is the smaller operand, 16 rows
//! at a time, and the other one is read where it lies: 17 % faster for 64 rows and 256 × 256
//! weights. Where nothing has to be transposed, both are equally fast.

#![cfg(target_arch = "x86_64")]

use std::arch::x86_64::*;
use std::cell::Cell;

use super::gemm::Matrix;
use crate::cpu::{SendPtr, for_pieces, has_avx2};

/// Rows of a panel: two vectors.
const LANES: usize = 16;
/// Rows of the other operand that meet a panel at once: 12 sums, 2 + 1 factors, 16 registers.
const TALL: usize = 6;
/// Steps along k between two visits of a sum: a panel then takes half of the first cache.
const DEPTH: usize = 256;
/// Elements of the operand that is read again for each panel: half of the second cache.
const MOST: usize = 1 << 16;

thread_local! {
    static PANEL: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// Rows of neighbours along k: the first element, and the stride from row to row.
#[derive(Clone, Copy)]
struct Side {
    first: *const f32,
    row: isize,
}

impl Side {
    /// # Safety
    /// The element must be there.
    unsafe fn at(self, row: usize, k: usize) -> *const f32 {
        // SAFETY: promised by the caller.
        unsafe { self.first.offset(row as isize * self.row).add(k) }
    }
}

/// A product as panels see it: `c[i, l] = Σ_k tall[i, k] · wide[l, k]`.
#[derive(Clone, Copy)]
struct Job {
    /// What becomes panels: `lanes` rows.
    wide: Side,
    lanes: usize,
    /// What meets them.
    tall: Side,
    rows: usize,
    k: usize,
    c: SendPtr,
    /// Strides of c along `rows` and `lanes`; one of them is 1.
    c_row: usize,
    c_lane: usize,
}
// SAFETY: the operands are only read; each panel writes its own part of c.
unsafe impl Sync for Job {}

/// Computes the dense `c = a · b`, `[m, k] · [k, n]`, if this is the faster way.
///
/// # Safety
/// The pointers must lead to memory that covers the sizes, and nobody else may use c.
pub(super) unsafe fn product(
    [m, n, k]: [usize; 3],
    c: *mut f32,
    a: Matrix<f32>,
    b: Matrix<f32>,
    parallel: bool,
) -> bool {
    if a.col != 1 || b.row != 1 || !has_avx2() {
        return false;
    }
    let (a, b) = (Side { first: a.first, row: a.row }, Side { first: b.first, row: b.col });
    let (wide, lanes, tall, rows) = if m < n { (a, m, b, n) } else { (b, n, a, m) };
    let (c_row, c_lane) = if m < n { (1, n) } else { (n, 1) };
    if lanes < LANES || k < LANES || rows * k.min(DEPTH) > MOST {
        return false;
    }
    let job = Job { wide, lanes, tall, rows, k, c: SendPtr::new(c), c_row, c_lane };
    let count = lanes.div_ceil(LANES);
    let piece = if parallel { 1 } else { count };
    for_pieces(count, piece, |first, count| {
        let mut panel = PANEL.take();
        panel.resize(DEPTH * LANES, 0.0);
        for i in first..first + count {
            // SAFETY: the processor has AVX2 and FMA; the rest is promised by the caller.
            unsafe { job.panel(i * LANES, panel.as_mut_ptr()) };
        }
        PANEL.set(panel);
    });
    true
}

impl Job {
    /// The results of the lanes from `lane` on.
    ///
    /// # Safety
    /// Needs AVX2 and FMA, and a panel of `DEPTH * LANES`.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn panel(&self, lane: usize, panel: *mut f32) {
        let width = LANES.min(self.lanes - lane);
        let parts = self.k.div_ceil(DEPTH);
        for part in 0..parts {
            let (from, to) = (self.k * part / parts, self.k * (part + 1) / parts);
            // SAFETY: within the operands and the panel.
            unsafe {
                self.pack(lane, width, from, to, panel);
                for first in (0..self.rows).step_by(TALL) {
                    let height = TALL.min(self.rows - first);
                    let meet = match height {
                        1 => Self::meet::<1>,
                        2 => Self::meet::<2>,
                        3 => Self::meet::<3>,
                        4 => Self::meet::<4>,
                        5 => Self::meet::<5>,
                        _ => Self::meet::<TALL>,
                    };
                    meet(self, [lane, width], first, from, to, panel);
                }
            }
        }
    }

    /// Fills a panel, `[k, LANES]`, with zeros in lanes that are not there.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn pack(&self, lane: usize, width: usize, from: usize, to: usize, panel: *mut f32) {
        // SAFETY: within the operand and the panel.
        unsafe {
            let whole = to - (to - from) % 8;
            for k in (from..whole).step_by(8) {
                for half in [0, 8] {
                    let row = |l: usize| match half + l < width {
                        true => _mm256_loadu_ps(self.wide.at(lane + half + l, k)),
                        false => _mm256_setzero_ps(),
                    };
                    let mut rows = [0, 1, 2, 3, 4, 5, 6, 7].map(row);
                    transpose(&mut rows);
                    for (l, row) in rows.into_iter().enumerate() {
                        _mm256_storeu_ps(panel.add((k - from + l) * LANES + half), row);
                    }
                }
            }
            for k in whole..to {
                for l in 0..LANES {
                    let value = if l < width { *self.wide.at(lane + l, k) } else { 0.0 };
                    *panel.add((k - from) * LANES + l) = value;
                }
            }
        }
    }

    /// `R` rows from `first` on meet a panel of the steps `from..to` along k.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn meet<const R: usize>(
        &self,
        [lane, width]: [usize; 2],
        first: usize,
        from: usize,
        to: usize,
        panel: *const f32,
    ) {
        let mut sums = [[_mm256_setzero_ps(); 2]; R];
        // SAFETY: within the operands, the panel and c.
        unsafe {
            let (mut x, mut y) = (self.tall.at(first, from), panel);
            for _ in from..to {
                let lanes = [_mm256_loadu_ps(y), _mm256_loadu_ps(y.add(8))];
                for (i, sums) in sums.iter_mut().enumerate() {
                    let factor = _mm256_broadcast_ss(&*x.offset(i as isize * self.tall.row));
                    sums[0] = _mm256_fmadd_ps(lanes[0], factor, sums[0]);
                    sums[1] = _mm256_fmadd_ps(lanes[1], factor, sums[1]);
                }
                y = y.add(LANES);
                x = x.add(1);
            }
            let c = self.c.add(0).cast::<f32>().add(first * self.c_row + lane * self.c_lane);
            if self.c_lane == 1 && width == LANES {
                for (i, sums) in sums.into_iter().enumerate() {
                    for (half, sum) in sums.into_iter().enumerate() {
                        let c = c.add(i * self.c_row + half * 8);
                        let old = if from > 0 { _mm256_loadu_ps(c) } else { _mm256_setzero_ps() };
                        _mm256_storeu_ps(c, _mm256_add_ps(old, sum));
                    }
                }
                return;
            }
            for half in 0..2 {
                let mut columns = [_mm256_setzero_ps(); 8];
                for (column, sums) in columns.iter_mut().zip(&sums) {
                    *column = sums[half];
                }
                transpose(&mut columns);
                for (l, column) in columns.into_iter().enumerate() {
                    let l = half * 8 + l;
                    if l < width {
                        put::<R>(c.add(l * self.c_lane), self.c_row, column, from > 0);
                    }
                }
            }
        }
    }
}

/// Stores or adds the first `R` elements, `stride` apart.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn put<const R: usize>(to: *mut f32, stride: usize, values: __m256, add: bool) {
    // SAFETY: promised by the caller.
    unsafe {
        if stride == 1 && R == TALL && !add {
            _mm_storeu_ps(to, _mm256_castps256_ps128(values));
            let rest = _mm_castps_pd(_mm256_extractf128_ps::<1>(values));
            _mm_store_sd(to.add(4).cast(), rest);
            return;
        }
        let mut all = [0.0f32; 8];
        _mm256_storeu_ps(all.as_mut_ptr(), values);
        for (i, value) in all.into_iter().take(R).enumerate() {
            let to = to.add(i * stride);
            *to = if add { *to + value } else { value };
        }
    }
}

/// Rows become columns.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn transpose(rows: &mut [__m256; 8]) {
    let [a, b, c, d, e, f, g, h] = *rows;
    // Pairs, then fours, then halves.
    let (ab, ab2) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
    let (cd, cd2) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
    let (ef, ef2) = (_mm256_unpacklo_ps(e, f), _mm256_unpackhi_ps(e, f));
    let (gh, gh2) = (_mm256_unpacklo_ps(g, h), _mm256_unpackhi_ps(g, h));
    let low = |x, y| _mm256_shuffle_ps::<0x44>(x, y);
    let high = |x, y| _mm256_shuffle_ps::<0xee>(x, y);
    let front = [low(ab, cd), high(ab, cd), low(ab2, cd2), high(ab2, cd2)];
    let back = [low(ef, gh), high(ef, gh), low(ef2, gh2), high(ef2, gh2)];
    for i in 0..4 {
        rows[i] = _mm256_permute2f128_ps::<0x20>(front[i], back[i]);
        rows[i + 4] = _mm256_permute2f128_ps::<0x31>(front[i], back[i]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lanes that do not fill a panel, tiles that are not full, several depths, rows apart.
    #[test]
    fn products_have_the_sums_of_their_rows() {
        let sizes = [(16, 16, 16), (17, 65, 33), (64, 256, 256), (65, 31, 300), (40, 16, 700)];
        for (m, n, k) in sizes.into_iter().chain([(16, 101, 17), (19, 1, 20), (2, 50, 64)]) {
            let (wide, more) = (k + 3, |i: usize| (i * 7919 % 1009) as f32 / 1009.0 - 0.5);
            let a: Vec<f32> = (0..m * wide).map(more).collect();
            let b: Vec<f32> = (0..n * wide).map(|i| more(i + 13)).collect();
            for parallel in [false, true] {
                let mut c = vec![f32::NAN; m * n];
                let (x, y) = (Matrix::rows(&a, wide), Matrix::rows(&b, wide).t());
                // SAFETY: the vectors have these sizes.
                let done = unsafe { product([m, n, k], c.as_mut_ptr(), x, y, parallel) };
                assert_eq!(done, has_avx2() && m.min(n) >= LANES, "{m} {n} {k}");
                for (i, c) in c.iter().enumerate().filter(|_| done) {
                    let (x, y) = (&a[i / n * wide..], &b[i % n * wide..]);
                    let sum: f64 = (0..k).map(|k| f64::from(x[k]) * f64::from(y[k])).sum();
                    assert!((f64::from(*c) - sum).abs() < 2e-5, "{m} {n} {k}: {c} for {sum}");
                }
            }
        }
    }
}
