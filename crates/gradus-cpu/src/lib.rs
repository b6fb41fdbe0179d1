//! What the CPU kernels stand on: vector instructions chosen at run time ([`Simd`]), threads
//! ([`for_pieces`]) and matrix products ([`gemm`]). It knows nothing of tensors.
//!
//! ```
//! use gradus_cpu::{Matrix, gemm};
//!
//! let (a, b) = ([1.0f32, 2.0, 3.0, 4.0], [5.0f32, 6.0]);
//! let mut c = [0.0f32; 2];
//! // SAFETY: two rows of two elements, times two rows of one, are two rows of one.
//! unsafe {
//!     let (a, b) = (Matrix::rows(&a, 2), Matrix::rows(&b, 1));
//!     gemm([2, 1, 2], (c.as_mut_ptr(), 1), a, b, false, false);
//! }
//! assert_eq!(c, [17.0, 39.0]);
//! ```

mod gemm;
mod simd;
mod threads;

pub use gemm::{Float, Matrix, gemm};
pub use simd::{LINE, Simd, has_avx2, prefetch};
pub use threads::{SendPtr, for_pieces};
