//! sin, cos and tan, exact to a few ulp for every finite argument.

use std::f64::consts::FRAC_PI_2;

/// Adding 1.5·2⁵² leaves the nearest whole number in the low bits of the sum.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// 2/π for an argument of size a, as 29 bits and the rest.
///
/// A large f32 is a multiple of a power of two. The bits of 2/π that multiply it to a multiple of
/// four turn the angle by whole circles, so each range leaves them out: the first part's product
/// stays below 2⁵¹ and is exact (Payne and Hanek 1983, with floats for the bits).
#[inline(always)]
fn frac_2_pi(a: f32) -> (f64, f64) {
    const TWO_50: f32 = (1_u64 << 50) as f32;
    const TWO_76: f32 = TWO_50 * (1 << 26) as f32;
    const TWO_102: f32 = TWO_76 * (1 << 26) as f32;
    let hi = if a < TWO_102 { 2.937_095_537_534_198e-16 } else { 6.074_026_479_468_182e-24 };
    let lo = if a < TWO_102 { 2.837_622_017_786_526_5e-25 } else { 1.018_166_438_749_971e-32 };
    let hi = if a < TWO_76 { 2.568_255_325_074_986_2e-8 } else { hi };
    let lo = if a < TWO_76 { 1.615_379_788_089_285_2e-17 } else { lo };
    let hi = if a < TWO_50 { 0.636_619_770_899_415 } else { hi };
    let lo = if a < TWO_50 { 1.468_166_326_901_218_6e-9 } else { lo };
    (hi, lo)
}

/// The argument less its whole quarter turns, and their number modulo four in the low bits.
#[inline(always)]
fn reduce(x: f32) -> (f32, u32) {
    let (hi, lo) = frac_2_pi(x.abs());
    let x = f64::from(x);
    let turns = x * hi;
    let first = turns + ROUNDER;
    let fraction = turns - (first - ROUNDER);
    let rest = x * lo;
    let second = (fraction + rest) + ROUNDER;
    let r = ((fraction - (second - ROUNDER)) + rest) * FRAC_PI_2;
    (r as f32, (first.to_bits() as u32).wrapping_add(second.to_bits() as u32))
}

/// sin(r) for |r| ≤ π/4: minimax, relative error 4e-9.
#[inline(always)]
fn sin_poly(r: f32) -> f32 {
    let z = r * r;
    let mut q = -0.000_195_146_32;
    q = q * z + 0.008_332_156;
    q = q * z - 0.166_666_55;
    r * z * q + r
}

/// cos(r) for |r| ≤ π/4: minimax, relative error 2e-10.
#[inline(always)]
fn cos_poly(r: f32) -> f32 {
    let z = r * r;
    let mut q = 2.443_241_3e-5;
    q = q * z - 0.001_388_731;
    q = q * z + 0.041_666_646;
    z * z * q + (1.0 - 0.5 * z)
}

/// sin(r + quarter·π/2).
#[inline(always)]
fn turned(r: f32, quarter: u32) -> f32 {
    let (s, c) = (sin_poly(r), cos_poly(r));
    let value = if quarter & 1 == 0 { s } else { c };
    f32::from_bits(value.to_bits() ^ ((quarter & 2) << 30))
}

/// The sine of x in radians.
#[inline(always)]
pub fn sine(x: f32) -> f32 {
    let (r, quarter) = reduce(x);
    // The sign of a zero.
    if x == 0.0 { x } else { turned(r, quarter) }
}

/// The cosine of x in radians.
#[inline(always)]
pub fn cosine(x: f32) -> f32 {
    let (r, quarter) = reduce(x);
    turned(r, quarter.wrapping_add(1))
}

/// The tangent of x in radians.
#[inline(always)]
pub fn tangent(x: f32) -> f32 {
    let (r, quarter) = reduce(x);
    let (s, c) = (sin_poly(r), cos_poly(r));
    let even = quarter & 1 == 0;
    let ratio = (if even { s } else { -c }) / (if even { c } else { s });
    if x == 0.0 { x } else { ratio }
}

/// WGSL's name for [`sine`].
#[inline(always)]
pub fn sin(x: f32) -> f32 {
    sine(x)
}

/// WGSL's name for [`cosine`].
#[inline(always)]
pub fn cos(x: f32) -> f32 {
    cosine(x)
}

/// WGSL's name for [`tangent`].
#[inline(always)]
pub fn tan(x: f32) -> f32 {
    tangent(x)
}
