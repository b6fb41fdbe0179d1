//! log, log2, log1p and their stable compositions: x = 2ⁿ·(1 + f), a polynomial in f.

use std::f32::consts::{LN_2, LOG2_E};

use super::exponential::{LN_2_HI, LN_2_LO, exp_of_nonpositive};

/// Bits of √½: the mantissa part is taken from [√½, √2), so f is centred on zero.
const SQRT_HALF_BITS: u32 = 0x3f35_04f3;
/// 2²³ lifts a subnormal into the normal range.
const LIFT: f32 = 8_388_608.0;

/// n and f with x = 2ⁿ·(1 + f), √½ ≤ 1 + f < √2, for positive finite x.
#[inline(always)]
fn split(x: f32) -> (f32, f32) {
    let subnormal = x < f32::MIN_POSITIVE;
    let bits = (if subnormal { x * LIFT } else { x }).to_bits();
    let n = (bits.wrapping_sub(SQRT_HALF_BITS) as i32) >> 23;
    let m = f32::from_bits(bits.wrapping_sub((n << 23) as u32));
    let n = n as f32;
    (if subnormal { n - 23.0 } else { n }, m - 1.0)
}

/// log(1 + f) - f for √½ ≤ 1 + f ≤ √2, error 6e-9 of the logarithm: minimax (Lawson iteration).
#[inline(always)]
fn tail(f: f32) -> f32 {
    let z = f * f;
    let even = ((0.127_619_36 * z + 0.142_017_23) * z + 0.200_012_28) * z + 0.333_333_3;
    let odd = ((0.076_344_21 * z + 0.131_603_78) * z + 0.166_233_35) * z + 0.250_008_23;
    f * z * (even - odd * f) - 0.5 * z
}

/// n·ln 2 + log(1 + f), small terms first.
#[inline(always)]
fn join(n: f32, f: f32) -> f32 {
    n * LN_2_HI + (f + (tail(f) + n * LN_2_LO))
}

/// The result for arguments that have no split: 0, negative, infinite, NaN.
#[inline(always)]
fn with_limits(x: f32, regular: f32) -> f32 {
    let edge = if x == 0.0 { f32::NEG_INFINITY } else { f32::NAN };
    let edge = if x > 0.0 { x } else { edge };
    if x > 0.0 && x < f32::INFINITY { regular } else { edge }
}

/// The natural logarithm; -∞ at zero, NaN below.
#[inline(always)]
pub fn log(x: f32) -> f32 {
    let (n, f) = split(x);
    with_limits(x, join(n, f))
}

/// The logarithm to base 2; -∞ at zero, NaN below.
#[inline(always)]
pub fn log2(x: f32) -> f32 {
    let (n, f) = split(x);
    with_limits(x, n + (f + tail(f)) * LOG2_E)
}

/// log(1 + x), exact to a few ulp near zero.
#[inline(always)]
pub fn log1p(x: f32) -> f32 {
    let sum = 1.0 + x;
    let (n, f) = split(sum);
    // Where the polynomial reaches, x itself is the f that 1 + x would have rounded. Outside, the
    // rounding of 1 + x costs less than two ulp.
    let near = x > -0.29 && x < 0.41;
    let f = if near { x } else { f };
    let n = if near { 0.0 } else { n };
    let result = with_limits(sum, join(n, f));
    if x == 0.0 { x } else { result }
}

/// log(1 + e) for 0 ≤ e ≤ 1.
#[inline(always)]
fn log1p_of_unit(e: f32) -> f32 {
    // (1 + e)/2 - 1 is computed without rounding.
    let upper = e > 0.41;
    let f = if upper { (e - 1.0) * 0.5 } else { e };
    let log = f + tail(f);
    if upper { log + LN_2 } else { log }
}

/// log(sigmoid(x)) without overflow.
#[inline(always)]
pub fn logsigmoid(x: f32) -> f32 {
    super::min(x, 0.0) - log1p_of_unit(exp_of_nonpositive(-x.abs()))
}

/// log(1 + eˣ) without overflow.
#[inline(always)]
pub fn softplus1(x: f32) -> f32 {
    super::max(x, 0.0) + log1p_of_unit(exp_of_nonpositive(-x.abs()))
}
