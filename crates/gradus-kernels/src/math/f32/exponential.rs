//! exp, exp2, expm1 and sigmoid: x = n·ln 2 + r, a polynomial in r, then the scale 2ⁿ.
//!
//! Here and in the sibling files long polynomials are split in even and odd powers: the two halves
//! run side by side, and it is the length of the chain that limits these loops.

use std::f32::consts::{LN_2, LOG2_E};

use super::fma;

/// Adding 1.5·2²³ leaves the nearest whole number in the low bits of the sum.
const ROUNDER: f32 = 12_582_912.0;
/// ln 2 in two parts. The first has 15 bits, so its product with any |n| < 512 is exact.
pub(super) const LN_2_HI: f32 = 0.693_145_75;
pub(super) const LN_2_LO: f32 = 1.428_606_8e-6;
/// Above it even exp(x)/2 is infinite; below the other exp(x) rounds to zero.
const EXP_MAX: f32 = 89.5;
const EXP_MIN: f32 = -104.0;

/// 2ⁿ for -126 ≤ n ≤ 127.
#[inline(always)]
const fn pow2(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) << 23) as u32)
}

/// p·2ⁿ in two steps, so that results overflow to infinity and underflow through the subnormals.
#[inline(always)]
pub(super) fn scale(p: f32, n: i32) -> f32 {
    let half = n >> 1;
    p * pow2(half) * pow2(n.wrapping_sub(half))
}

/// The whole number nearest to x·by, as float and as integer; |x·by| < 2²².
#[inline(always)]
fn nearest(x: f32, by: f32) -> (f32, i32) {
    let shifted = fma(x, by, ROUNDER);
    (shifted - ROUNDER, shifted.to_bits().wrapping_sub(ROUNDER.to_bits()) as i32)
}

/// exp(r) - 1 for |r| ≤ ln 2 / 2, relative error 1.4e-8: minimax (Lawson iteration).
#[inline(always)]
pub(super) fn expm1_poly(r: f32) -> f32 {
    let z = r * r;
    let even = fma(fma(0.001_388_248_6, z, 0.041_667_204), z, 0.499_999_97);
    let odd = fma(0.008_366_692, z, 0.166_665_42);
    fma(z, fma(odd, r, even), r)
}

/// exp(r) - 1 and n with x = n·ln 2 + r. NaN goes through r.
#[inline(always)]
fn split(x: f32) -> (f32, i32) {
    let (whole, n) = nearest(x, LOG2_E);
    let r = fma(whole, -LN_2_LO, fma(whole, -LN_2_HI, x));
    (expm1_poly(r), n)
}

/// eˣ·2^shift without overflow in between.
#[inline(always)]
pub(super) fn exp_shifted(x: f32, shift: i32) -> f32 {
    let (p, n) = split(super::clip(x, EXP_MIN, EXP_MAX));
    scale(p + 1.0, n.wrapping_add(shift))
}

/// eˣ.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    exp_shifted(x, 0)
}

/// eˣ for x ≤ 0, the same bits in fewer steps: the first product is exact, so that results
/// underflow through the subnormals with one rounding.
#[inline(always)]
pub fn exp_of_nonpositive(x: f32) -> f32 {
    let (p, n) = split(super::max(x, EXP_MIN));
    const UP: i32 = 64;
    let unit = pow2(n.wrapping_add(UP));
    fma(p, unit, unit) * const { pow2(-UP) }
}

/// eˣ - 1 for x ≤ 0; below -20 it is -1 in f32.
#[inline(always)]
pub(super) fn expm1_of_nonpositive(x: f32) -> f32 {
    let (p, n) = split(super::max(x, -20.0));
    p * pow2(n) + (pow2(n) - 1.0)
}

/// 2ˣ.
#[inline(always)]
pub fn exp2(x: f32) -> f32 {
    // Beyond these the result is zero or infinite already.
    let (whole, n) = nearest(super::clip(x, -151.0, 129.0), 1.0);
    let r = super::clip(x, -151.0, 129.0) - whole;
    scale(expm1_poly(r * LN_2) + 1.0, n)
}

/// eˣ - 1, exact to a few ulp near zero.
#[inline(always)]
pub fn expm1(x: f32) -> f32 {
    // Below -20 the result is -1 in f32.
    let (p, n) = split(super::clip(x, -20.0, EXP_MAX));
    let first = n >> 1;
    let second = n.wrapping_sub(first);
    // (1 + p)·2ⁿ - 1, with the second half of the scale taken out so that 2¹²⁸ does not occur.
    let inner = p * pow2(first) + (pow2(first) - pow2(second.wrapping_neg()));
    (inner * pow2(second)).copysign(x)
}

/// 1 / (1 + e⁻ˣ), by the exponential that cannot overflow.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let e = exp_of_nonpositive(-x.abs());
    let numerator = if x < 0.0 { e } else { 1.0 };
    numerator / (1.0 + e)
}
