//! The op tables: a pointwise op is one row, and everything about it is derived from that row.
//!
//! A row's formula is written in the common subset of Rust and WGSL (free functions, arithmetic,
//! comparisons, literals): the same tokens compile as the f32 and the f64 function of the CPU and
//! are the text of the GPU's function. Its derivative is written with tensor operations, so that
//! a gradient can be differentiated again.
//!
//! `unary_ops!` and `binary_ops!` hand their rows to a callback macro: this crate derives the
//! kernels from them, `gradus-autodiff` the methods, gradients and documentation, the tests and
//! tools their lists.

mod binary;
pub(crate) mod define;
mod unary;

pub use define::{BINARY, Binary, BinaryDef, COMPARE, Compare, CompareDef, UNARY, Unary, UnaryDef};
pub(crate) use define::{Erased, Loop, compare_fn, operand, tile_loop, versions};

/// The functions that a formula may call, by the type it computes with.
pub(crate) mod prelude {
    pub(crate) use crate::math::{f32, f64};
    /// Integers need none.
    pub(crate) mod none {}
}
