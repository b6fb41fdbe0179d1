//! The vectors that products compute with, and the tile of results that registers hold.

use super::{Float, Matrix};

/// Rows of a tile. Of 16 registers, 6 rows of two vectors leave 4 for factors; of 32, 6 rows of
/// four leave 8.
pub(super) const ROWS: usize = 6;
/// Most columns of a tile.
pub(super) const COLUMNS: usize = 64;

/// A vector of some set of instructions.
pub(super) trait Vector: Copy {
    type Item: Float;
    const LANES: usize;
    /// Rows and columns that [`Vector::turn`] moves.
    const BLOCK: usize;

    /// # Safety
    /// The processor must have the instructions; so for all functions here.
    unsafe fn zero() -> Self;
    /// # Safety
    /// As [`Vector::zero`].
    unsafe fn splat(x: Self::Item) -> Self;
    /// # Safety
    /// `LANES` elements must be there.
    unsafe fn load(from: *const Self::Item) -> Self;
    /// # Safety
    /// There must be space for `LANES` elements.
    unsafe fn store(self, to: *mut Self::Item);
    /// # Safety
    /// As [`Vector::zero`].
    unsafe fn plus(self, x: Self) -> Self;
    /// `self + a · b`, rounded once where there is such an instruction.
    ///
    /// # Safety
    /// As [`Vector::zero`].
    unsafe fn plus_product(self, a: Self, b: Self) -> Self;
    /// Copies a square block; its rows, `row` apart, become columns, whose elements are `to_row`
    /// apart.
    ///
    /// # Safety
    /// The block must be there twice.
    unsafe fn turn(from: *const Self::Item, row: isize, to: *mut Self::Item, to_row: usize);
}

/// Four elements, for processors without an implementation of their own: compilers make vector
/// instructions of it.
#[derive(Clone, Copy)]
pub(super) struct Four<T>([T; 4]);

macro_rules! four {
    ($t:ident) => {
        impl Vector for Four<$t> {
            type Item = $t;
            const LANES: usize = 4;
            const BLOCK: usize = 4;

            #[inline(always)]
            unsafe fn zero() -> Self {
                Four([0.0; 4])
            }
            #[inline(always)]
            unsafe fn splat(x: $t) -> Self {
                Four([x; 4])
            }
            #[inline(always)]
            unsafe fn load(from: *const $t) -> Self {
                // SAFETY: promised by the caller.
                Four(unsafe { from.cast::<[$t; 4]>().read_unaligned() })
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $t) {
                // SAFETY: promised by the caller.
                unsafe { to.cast::<[$t; 4]>().write_unaligned(self.0) }
            }
            #[inline(always)]
            unsafe fn plus(self, x: Self) -> Self {
                Four(std::array::from_fn(|i| self.0[i] + x.0[i]))
            }
            #[inline(always)]
            unsafe fn plus_product(self, a: Self, b: Self) -> Self {
                Four(std::array::from_fn(|i| match cfg!(target_arch = "aarch64") {
                    true => a.0[i].mul_add(b.0[i], self.0[i]),
                    false => self.0[i] + a.0[i] * b.0[i],
                }))
            }
            #[inline(always)]
            unsafe fn turn(from: *const $t, row: isize, to: *mut $t, to_row: usize) {
                // SAFETY: promised by the caller.
                unsafe { turn_each::<$t>(Self::BLOCK, from, row, to, to_row) }
            }
        }
    };
}
four!(f32);
four!(f64);

/// [`Vector::turn`], element by element.
#[inline(always)]
unsafe fn turn_each<T: Copy>(block: usize, from: *const T, row: isize, to: *mut T, to_row: usize) {
    for i in 0..block {
        for j in 0..block {
            // SAFETY: promised by the caller.
            unsafe { *to.add(j * to_row + i) = *from.offset(i as isize * row).add(j) };
        }
    }
}

/// Rows of a that meet vectors of b for `k` steps: `c = a · b`, or `c += a · b` with `add`.
/// Neighbours in a row of b lie side by side; of the results, `width` columns are stored.
#[derive(Clone, Copy)]
pub(super) struct Strip<T> {
    pub(super) k: usize,
    pub(super) a: Matrix<T>,
    pub(super) b: Matrix<T>,
    pub(super) c: *mut T,
    pub(super) c_row: usize,
    pub(super) width: usize,
    pub(super) add: bool,
}

/// `R` rows of a strip and `N` vectors.
///
/// # Safety
/// The processor must have the vector's instructions, and the pointers must lead to memory that
/// covers the sizes: `R` by `k`, `k` by `N` vectors, `R` by `width`.
#[inline(always)]
unsafe fn tile<V: Vector, const R: usize, const N: usize>(strip: Strip<V::Item>) {
    let Strip { k, a, b, c, c_row, width, add } = strip;
    // SAFETY: promised by the caller.
    unsafe {
        let mut sums = [[V::zero(); N]; R];
        // Rows of their own, not steps from row to row, which would wait for one another.
        let rows: [_; R] = std::array::from_fn(|i| a.at(i, 0).first);
        let (mut at, mut vectors) = (0, b.first);
        for _ in 0..k {
            let lanes: [V; N] = std::array::from_fn(|j| V::load(vectors.add(j * V::LANES)));
            for (row, sums) in rows.iter().zip(&mut sums) {
                let factor = V::splat(*row.offset(at));
                for (sum, lanes) in sums.iter_mut().zip(lanes) {
                    *sum = sum.plus_product(factor, lanes);
                }
            }
            at += a.col;
            // After the last step this leads out of b.
            vectors = vectors.wrapping_offset(b.row);
        }
        if width == N * V::LANES {
            for (i, sums) in sums.into_iter().enumerate() {
                for (j, sum) in sums.into_iter().enumerate() {
                    let c = c.add(i * c_row + j * V::LANES);
                    if add { V::load(c).plus(sum) } else { sum }.store(c);
                }
            }
            return;
        }
        let mut line = [<V::Item as Float>::ZERO; COLUMNS];
        for (i, sums) in sums.into_iter().enumerate() {
            for (j, sum) in sums.into_iter().enumerate() {
                sum.store(line.as_mut_ptr().add(j * V::LANES));
            }
            put(&line[..width], c.add(i * c_row), add);
        }
    }
}

/// Stores or adds what does not fill a vector; not worth a copy in each tile.
///
/// # Safety
/// There must be space for the values.
#[inline(never)]
unsafe fn put<T: Float>(values: &[T], to: *mut T, add: bool) {
    for (j, &value) in values.iter().enumerate() {
        // SAFETY: promised by the caller.
        unsafe {
            let to = to.add(j);
            *to = if add { *to + value } else { value };
        }
    }
}

/// All `rows` of a strip, by `N` vectors.
///
/// # Safety
/// As for each tile of it: `rows` by `k`, `k` by `N` vectors, `rows` by `width`.
#[inline(always)]
pub(super) unsafe fn column<V: Vector, const N: usize>(rows: usize, strip: Strip<V::Item>) {
    let mut i = 0;
    while i < rows {
        // SAFETY: promised by the caller.
        unsafe {
            let strip = Strip { a: strip.a.at(i, 0), c: strip.c.add(i * strip.c_row), ..strip };
            i += match rows - i {
                ROWS.. => {
                    tile::<V, ROWS, N>(strip);
                    ROWS
                }
                4.. => {
                    tile::<V, 4, N>(strip);
                    4
                }
                2.. => {
                    tile::<V, 2, N>(strip);
                    2
                }
                _ => {
                    tile::<V, 1, N>(strip);
                    1
                }
            };
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Vector, turn_each};

    macro_rules! vector {
        ($vector:ident of $t:ident x $lanes:literal: $zero:ident, $splat:ident, $load:ident,
            $store:ident, $plus:ident, $plus_product:ident; $block:literal by $turn:path) => {
            impl Vector for $vector {
                type Item = $t;
                const LANES: usize = $lanes;
                const BLOCK: usize = $block;

                #[inline(always)]
                unsafe fn zero() -> Self {
                    // SAFETY: promised by the caller, here and below.
                    unsafe { $zero() }
                }
                #[inline(always)]
                unsafe fn splat(x: $t) -> Self {
                    // SAFETY: as above.
                    unsafe { $splat(x) }
                }
                #[inline(always)]
                unsafe fn load(from: *const $t) -> Self {
                    // SAFETY: as above.
                    unsafe { $load(from) }
                }
                #[inline(always)]
                unsafe fn store(self, to: *mut $t) {
                    // SAFETY: as above.
                    unsafe { $store(to, self) }
                }
                #[inline(always)]
                unsafe fn plus(self, x: Self) -> Self {
                    // SAFETY: as above.
                    unsafe { $plus(self, x) }
                }
                #[inline(always)]
                unsafe fn plus_product(self, a: Self, b: Self) -> Self {
                    // SAFETY: as above.
                    unsafe { $plus_product(a, b, self) }
                }
                #[inline(always)]
                unsafe fn turn(from: *const $t, row: isize, to: *mut $t, to_row: usize) {
                    // SAFETY: as above.
                    unsafe { $turn(from, row, to, to_row) }
                }
            }
        };
    }
    vector!(__m256 of f32 x 8: _mm256_setzero_ps, _mm256_set1_ps, _mm256_loadu_ps,
        _mm256_storeu_ps, _mm256_add_ps, _mm256_fmadd_ps; 8 by turn_eight);
    vector!(__m512 of f32 x 16: _mm512_setzero_ps, _mm512_set1_ps, _mm512_loadu_ps,
        _mm512_storeu_ps, _mm512_add_ps, _mm512_fmadd_ps; 8 by turn_eight);
    vector!(__m256d of f64 x 4: _mm256_setzero_pd, _mm256_set1_pd, _mm256_loadu_pd,
        _mm256_storeu_pd, _mm256_add_pd, _mm256_fmadd_pd; 4 by turn_four);
    vector!(__m512d of f64 x 8: _mm512_setzero_pd, _mm512_set1_pd, _mm512_loadu_pd,
        _mm512_storeu_pd, _mm512_add_pd, _mm512_fmadd_pd; 4 by turn_four);

    #[inline(always)]
    unsafe fn turn_four(from: *const f64, row: isize, to: *mut f64, to_row: usize) {
        // SAFETY: promised by the caller.
        unsafe { turn_each(4, from, row, to, to_row) }
    }

    /// [`Vector::turn`] for eight by eight.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn turn_eight(from: *const f32, row: isize, to: *mut f32, to_row: usize) {
        // SAFETY: promised by the caller.
        unsafe {
            let [a, b, c, d, e, f, g, h] =
                std::array::from_fn(|i| _mm256_loadu_ps(from.offset(i as isize * row)));
            // Pairs, then fours, then halves.
            let (ab, ab2) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let (cd, cd2) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            let (ef, ef2) = (_mm256_unpacklo_ps(e, f), _mm256_unpackhi_ps(e, f));
            let (gh, gh2) = (_mm256_unpacklo_ps(g, h), _mm256_unpackhi_ps(g, h));
            let low = |x, y| _mm256_shuffle_ps::<0x44>(x, y);
            let high = |x, y| _mm256_shuffle_ps::<0xee>(x, y);
            let front = [low(ab, cd), high(ab, cd), low(ab2, cd2), high(ab2, cd2)];
            let back = [low(ef, gh), high(ef, gh), low(ef2, gh2), high(ef2, gh2)];
            for (i, (front, back)) in front.into_iter().zip(back).enumerate() {
                let halves = _mm256_permute2f128_ps::<0x20>(front, back);
                _mm256_storeu_ps(to.add(i * to_row), halves);
                let halves = _mm256_permute2f128_ps::<0x31>(front, back);
                _mm256_storeu_ps(to.add((i + 4) * to_row), halves);
            }
        }
    }
}
