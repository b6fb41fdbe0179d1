//! The CPU's dense matrix product, by the `gemm` crate, for both float types.

use super::lines::Real;
use crate::cpu::{SendPtr, for_pieces};

/// Products of a part that is worth handing over.
const PART: usize = 1 << 19;
/// Most parts: each packs what it needs of the shorter side again.
const MOST_PARTS: usize = 24;
/// Rows and columns that the crate computes at once.
const TILE: [usize; 2] = [6, 16];

/// A matrix in memory: its first element and the strides between rows and between columns.
#[derive(Clone, Copy)]
pub(super) struct Matrix<T> {
    pub(super) first: *const T,
    pub(super) row: isize,
    pub(super) col: isize,
}

impl<T> Matrix<T> {
    /// A dense matrix with rows of `width` elements.
    pub(super) fn rows(first: &[T], width: usize) -> Self {
        Matrix { first: first.as_ptr(), row: width as isize, col: 1 }
    }

    /// The transpose.
    pub(super) fn t(self) -> Self {
        Matrix { row: self.col, col: self.row, ..self }
    }
}

/// The float types that have matrix products.
pub(super) trait Float: Real {
    /// `c = a · b`, or `c += a · b` with `add`: `[m, k] · [k, n]`; the elements of a row of c are
    /// neighbours, rows are `c_row` apart. Several threads share the work if `parallel`.
    ///
    /// # Safety
    /// The pointers must lead to memory that covers the sizes, and nobody else may use c.
    unsafe fn gemm(
        size: [usize; 3],
        c: (*mut Self, usize),
        a: Matrix<Self>,
        b: Matrix<Self>,
        add: bool,
        parallel: bool,
    );

    /// `c = a · b`, dense, where a way without packing both operands is the faster one; whether
    /// it was.
    ///
    /// # Safety
    /// As [`Float::gemm`].
    unsafe fn panels(
        size: [usize; 3],
        c: *mut Self,
        a: Matrix<Self>,
        b: Matrix<Self>,
        parallel: bool,
    ) -> bool {
        let _ = (size, c, a, b, parallel);
        false
    }
}

/// A product in parts of its longer side, which the calling thread and its helpers take one after
/// another; they depend on the sizes alone. Two cores take five sixths of the time for 1024³ that
/// they take by the crate's own way, which hands all of the work to the pool and sleeps meanwhile,
/// and two thirds for 512³. A grid of parts packs less, and is no faster up to 2048³.
///
/// # Safety
/// As [`Float::gemm`].
unsafe fn parts<T: Float>(
    [m, n, k]: [usize; 3],
    (c, c_row): (*mut T, usize),
    a: Matrix<T>,
    b: Matrix<T>,
    add: bool,
) {
    let count = (m * n * k / PART).clamp(2, MOST_PARTS);
    let piece = |size: usize, tile: usize| size.div_ceil(count).next_multiple_of(tile);
    let c = SendPtr::new(c);
    let [a, b] = [a, b].map(|x| (SendPtr::new(x.first.cast_mut()), x.row, x.col));
    let at = |(first, row, col): (SendPtr, isize, isize), i: usize, j: usize| {
        // SAFETY: an element of the operand.
        let first = unsafe { first.add(0) }.cast::<T>();
        let step = i as isize * row + j as isize * col;
        Matrix { first: first.wrapping_offset(step).cast_const(), row, col }
    };
    let part = |[i, j]: [usize; 2], [m, n]: [usize; 2]| {
        // SAFETY: each part writes its own rows or columns.
        unsafe {
            let c = c.add(0).cast::<T>().add(i * c_row + j);
            T::gemm([m, n, k], (c, c_row), at(a, i, 0), at(b, 0, j), add, false);
        }
    };
    if m > n {
        for_pieces(m, piece(m, TILE[0]), |i, m| part([i, 0], [m, n]));
    } else {
        for_pieces(n, piece(n, TILE[1]), |j, n| part([0, j], [m, n]));
    }
}

macro_rules! float {
    ($t:ident, $module:ident $(, $panels:path)?) => {
        impl Float for $t {
            unsafe fn gemm(
                [m, n, k]: [usize; 3],
                (c, c_row): (*mut Self, usize),
                mut a: Matrix<Self>,
                mut b: Matrix<Self>,
                add: bool,
                parallel: bool,
            ) {
                if parallel {
                    // SAFETY: promised by the caller.
                    return unsafe { parts([m, n, k], (c, c_row), a, b, add) };
                }
                let (keep, flag) = (if add { 1.0 } else { 0.0 }, false);
                // The kernels want b's steps along k to be forwards.
                if b.row < 0 && k > 0 {
                    let last = k as isize - 1;
                    b = Matrix { first: b.first.wrapping_offset(last * b.row), row: -b.row, ..b };
                    a = Matrix { first: a.first.wrapping_offset(last * a.col), col: -a.col, ..a };
                }
                // SAFETY: promised by the caller. The kernels write columns: cᵀ = bᵀ · aᵀ.
                unsafe {
                    $module::gemm::$t::get_gemm_fn()(
                        n,
                        m,
                        k,
                        c,
                        c_row as isize,
                        1,
                        add,
                        b.first,
                        b.row,
                        b.col,
                        a.first,
                        a.row,
                        a.col,
                        keep,
                        1.0,
                        flag,
                        flag,
                        flag,
                        gemm_common::Parallelism::None,
                    );
                }
            }
$(
            #[cfg(target_arch = "x86_64")]
            unsafe fn panels(
                size: [usize; 3],
                c: *mut Self,
                a: Matrix<Self>,
                b: Matrix<Self>,
                parallel: bool,
            ) -> bool {
                // SAFETY: promised by the caller.
                unsafe { $panels(size, c, a, b, parallel) }
            }
)?
        }
    };
}
float!(f32, gemm_f32, super::panels::product);
float!(f64, gemm_f64);
