//! xʸ with C's rules. The logarithm is taken in f64, since its error is multiplied by y.

use std::f64::consts::LN_2;

use super::exponential::{expm1_poly, scale};

/// Adding 1.5·2⁵² leaves the nearest whole number in the low bits of the sum.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// Bits of √½ and 1 in f64.
const SQRT_HALF_BITS: u64 = 0x3fe6_a09e_667f_3bcd;

/// The logarithm to base 2 of a positive finite f32, relative error 1e-15.
#[inline(always)]
fn log2_wide(a: f32) -> f64 {
    // Every f32, subnormals too, is a normal f64.
    let bits = f64::from(a).to_bits();
    let offset = bits.wrapping_sub(SQRT_HALF_BITS);
    // An f32's exponent fits in 9 bits: an arithmetic shift of the high half is one instruction.
    let n = ((offset >> 32) as u32 as i32) >> 20;
    let m = f64::from_bits(bits.wrapping_sub(offset & 0xfff0_0000_0000_0000));
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    // log₂((1 + s)/(1 - s))/s, minimax.
    let w = z * z;
    let even = (0.242_933_431_758_567_46 * w + 0.320_616_436_665_463_24) * w;
    let even = (even + 0.577_078_017_251_205) * w + 2.885_390_081_777_927;
    let odd = (0.261_442_750_584_324_15 * w + 0.412_198_401_324_390_45) * w;
    let odd = odd + 0.961_796_693_924_322_5;
    f64::from(n) + s * (odd * z + even)
}

/// 2ᵗ rounded to f32. NaN goes through.
#[inline(always)]
fn exp2_wide(t: f64) -> f32 {
    // Beyond these the result is zero or infinite already.
    let t = if t < -160.0 { -160.0 } else { t };
    let t = if t > 140.0 { 140.0 } else { t };
    let shifted = t + ROUNDER;
    let r = (t - (shifted - ROUNDER)) * LN_2;
    scale(expm1_poly(r as f32) + 1.0, shifted.to_bits() as u32 as i32)
}

/// x to the power y: 1 for y = 0 or x = 1, the sign of an odd power of a negative number, NaN for
/// a fractional power of a negative number; zeros and infinities as C's `pow`.
#[inline(always)]
pub fn power(x: f32, y: f32) -> f32 {
    let a = x.abs();
    let log = if a == 0.0 { f64::NEG_INFINITY } else { log2_wide(a) };
    let log = if a == f32::INFINITY { f64::INFINITY } else { log };
    let size = exp2_wide(log * f64::from(y));
    // 0·∞ is NaN above, but 1 to any power is 1.
    let size = if a == 1.0 { 1.0 } else { size };

    // From 2²⁴ on every f32 is an even whole number; infinity counts as one.
    let half = 0.5 * y;
    let whole = y.trunc() == y;
    let odd = whole && half.trunc() != half;
    let signed = if odd && x.is_sign_negative() { -size } else { size };
    let fractional = x < 0.0 && a < f32::INFINITY && !whole;
    let result = if fractional || x.is_nan() || y.is_nan() { f32::NAN } else { signed };
    if x == 1.0 || y == 0.0 { 1.0 } else { result }
}
