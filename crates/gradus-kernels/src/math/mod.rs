//! The functions that a formula of the op tables may call, once for f32 and once for f64.
//!
//! A formula's tokens compile as Rust and are WGSL text, so a function has one name in three
//! places: [`f32`], [`f64`] and `shaders/common/math.wgsl`. A name that WGSL has built in (`exp`,
//! `floor`, `select` …) exists here with WGSL's meaning. Where a built-in is allowed too large an
//! error, or mistreats NaN, the formula calls a name of our own instead: `sine`, `cosine`,
//! `tangent`, `arcsin`, `arccos`, `arctan`, `arctan2`, `hyp_sin`, `hyp_cos`, `stable_tanh`,
//! `power`, `sgn`, `clip`, `nan_max`, `nan_min`.
//!
//! The f32 functions are straight-line arithmetic, so that a loop over a slice vectorises: no
//! call into a maths library, no table, no branch on data. They never use fused multiply-add, so
//! the bits do not depend on the processor. The f64 functions are the reference: the standard
//! library's, and an `erf` of its own.

#[allow(dead_code, unused_imports, reason = "the op tables choose which of the names they call")]
pub(crate) mod f32;
#[allow(dead_code, unused_imports, reason = "the op tables choose which of the names they call")]
pub(crate) mod f64;

#[cfg(test)]
mod tests;
