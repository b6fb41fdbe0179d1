//! The CPU's dense matrix product, by the `gemm` crate, for both float types.

use super::lines::Real;

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
}

macro_rules! float {
    ($t:ident) => {
        impl Float for $t {
            unsafe fn gemm(
                [m, n, k]: [usize; 3],
                (c, c_row): (*mut Self, usize),
                a: Matrix<Self>,
                b: Matrix<Self>,
                add: bool,
                parallel: bool,
            ) {
                use gemm::Parallelism;
                let threads = if parallel { Parallelism::Rayon(0) } else { Parallelism::None };
                let (keep, flag) = (if add { 1.0 } else { 0.0 }, false);
                // SAFETY: promised by the caller.
                unsafe {
                    gemm::gemm(
                        m,
                        n,
                        k,
                        c,
                        1,
                        c_row as isize,
                        add,
                        a.first,
                        a.col,
                        a.row,
                        b.first,
                        b.col,
                        b.row,
                        keep,
                        1.0,
                        flag,
                        flag,
                        flag,
                        threads,
                    );
                }
            }
        }
    };
}
float!(f32);
float!(f64);
