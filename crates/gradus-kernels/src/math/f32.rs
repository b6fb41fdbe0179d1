//! The formula functions in f32: rounding, comparison and NaN handling; the rest by family.

mod exponential;
mod hyperbolic;
mod inverse;
mod logarithm;
mod power;
mod trigonometric;

pub use exponential::{exp, exp_of_nonpositive, exp2, expm1, sigmoid};
pub use hyperbolic::{cosh, erf, hyp_cos, hyp_sin, sinh, stable_tanh};
pub use inverse::{acos, arccos, arcsin, arctan, arctan2, asin, atan, atan2};
pub use logarithm::{log, log1p, log2, logsigmoid, softplus1};
pub use power::power;
pub use trigonometric::{cos, cosine, sin, sine, tan, tangent};

/// a·b + c, rounded once, for loops that wait for arithmetic. A processor without the instruction
/// takes some 20 ns for the same bits; WebAssembly has none at all and rounds twice.
#[inline(always)]
fn fma(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(target_family = "wasm") { a * b + c } else { a.mul_add(b, c) }
}

/// |x|.
#[inline(always)]
pub fn abs(x: f32) -> f32 {
    x.abs()
}

/// Whether x is NaN.
#[inline(always)]
pub fn is_nan(x: f32) -> bool {
    x.is_nan()
}

/// Whether x is neither NaN nor infinite.
#[inline(always)]
pub fn is_finite(x: f32) -> bool {
    x.is_finite()
}

/// -1, 0 or 1 by the sign of x; NaN stays NaN.
#[inline(always)]
pub fn sgn(x: f32) -> f32 {
    let unit = 1.0_f32.copysign(x);
    if x == 0.0 || x.is_nan() { x } else { unit }
}

/// WGSL's name for [`sgn`]; the built-in may lose NaN, so formulas call `sgn`.
#[inline(always)]
pub fn sign(x: f32) -> f32 {
    sgn(x)
}

/// The largest whole number not above x.
#[inline(always)]
pub fn floor(x: f32) -> f32 {
    x.floor()
}

/// The smallest whole number not below x.
#[inline(always)]
pub fn ceil(x: f32) -> f32 {
    x.ceil()
}

/// The nearest whole number; halves go to the even one.
#[inline(always)]
pub fn round(x: f32) -> f32 {
    x.round_ties_even()
}

/// x without its fraction.
#[inline(always)]
pub fn trunc(x: f32) -> f32 {
    x.trunc()
}

/// √x; NaN below zero.
#[inline(always)]
pub fn sqrt(x: f32) -> f32 {
    x.sqrt()
}

/// 1/√x.
#[allow(non_snake_case, reason = "WGSL spells this built-in so")]
#[inline(always)]
pub fn inverseSqrt(x: f32) -> f32 {
    1.0 / x.sqrt()
}

/// `when_true` if the condition holds, else `when_false`: WGSL's order of arguments.
#[inline(always)]
pub fn select(when_false: f32, when_true: f32, condition: bool) -> f32 {
    if condition { when_true } else { when_false }
}

/// The larger one. A NaN in `a` stays, one in `b` may be lost: [`nan_max`] keeps both.
#[inline(always)]
pub fn max(a: f32, b: f32) -> f32 {
    if a < b { b } else { a }
}

/// The smaller one. A NaN in `a` stays, one in `b` may be lost: [`nan_min`] keeps both.
#[inline(always)]
pub fn min(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

/// x limited to `low..=high`; NaN stays NaN, and `high` wins where the limits cross.
#[inline(always)]
pub fn clip(x: f32, low: f32, high: f32) -> f32 {
    min(max(x, low), high)
}

/// WGSL's name for [`clip`]; the built-in may lose NaN, so formulas call `clip`.
#[inline(always)]
pub fn clamp(x: f32, low: f32, high: f32) -> f32 {
    clip(x, low, high)
}

/// The larger one, or NaN if either is NaN.
#[inline(always)]
pub fn nan_max(a: f32, b: f32) -> f32 {
    if b.is_nan() { b } else { max(a, b) }
}

/// The smaller one, or NaN if either is NaN.
#[inline(always)]
pub fn nan_min(a: f32, b: f32) -> f32 {
    if b.is_nan() { b } else { min(a, b) }
}
