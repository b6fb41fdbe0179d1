//! asin, acos, atan and atan2.

use std::f32::consts::{FRAC_PI_2, PI};

/// π/2 minus its f32 value.
const FRAC_PI_2_LO: f32 = -4.371_139e-8;

/// atan(t) for 0 ≤ t ≤ 1: minimax, relative error 3e-9.
#[inline(always)]
fn atan_poly(t: f32) -> f32 {
    let z = t * t;
    let w = z * z;
    let even = (0.001_793_626_7 * w + 0.031_177_89) * w + 0.084_034_53;
    let even = (even * w + 0.142_642_42) * w + 0.333_333;
    let odd = ((0.010_914_63 * w + 0.057_957_64) * w + 0.109_521_87) * w + 0.199_985_49;
    t * z * (odd * z - even) + t
}

/// asin(s) for 0 ≤ s ≤ 0.5 and z = s²: minimax, relative error 5e-9.
#[inline(always)]
fn asin_poly(s: f32, z: f32) -> f32 {
    let w = z * z;
    let even = (0.042_166_308 * w + 0.045_470_376) * w + 0.166_667_52;
    let odd = 0.024_179_516 * w + 0.074_952_975;
    s * z * (odd * z + even) + s
}

/// For a = |x|: asin of a, or of √((1 - a)/2) where a > ½, which is half of acos(a).
#[inline(always)]
fn asin_part(a: f32) -> f32 {
    let z = if a > 0.5 { (1.0 - a) * 0.5 } else { a * a };
    let s = if a > 0.5 { z.sqrt() } else { a };
    asin_poly(s, z)
}

/// The angle in [-π/2, π/2] whose sine is x; NaN outside [-1, 1].
#[inline(always)]
pub fn arcsin(x: f32) -> f32 {
    let a = x.abs();
    let p = asin_part(a);
    let far = FRAC_PI_2 - (2.0 * p - FRAC_PI_2_LO);
    (if a > 0.5 { far } else { p }).copysign(x)
}

/// The angle in [0, π] whose cosine is x; NaN outside [-1, 1].
#[inline(always)]
pub fn arccos(x: f32) -> f32 {
    let a = x.abs();
    let p = asin_part(a);
    let near = FRAC_PI_2 - (p.copysign(x) - FRAC_PI_2_LO);
    let far = if x < 0.0 { PI - 2.0 * p } else { 2.0 * p };
    if a > 0.5 { far } else { near }
}

/// The angle in [-π/2, π/2] whose tangent is x.
#[inline(always)]
pub fn arctan(x: f32) -> f32 {
    let a = x.abs();
    let steep = a > 1.0;
    let p = atan_poly(if steep { 1.0 / a } else { a });
    let far = FRAC_PI_2 - (p - FRAC_PI_2_LO);
    (if steep { far } else { p }).copysign(x)
}

/// The angle of the point (x, y) in [-π, π], with C's rules for zeros and infinities.
#[inline(always)]
pub fn arctan2(y: f32, x: f32) -> f32 {
    let (ay, ax) = (y.abs(), x.abs());
    let steep = ay > ax;
    let small = if steep { ax } else { ay };
    let large = if steep { ay } else { ax };
    let ratio = small / large;
    // Two zeros count as the axis, two infinities as the diagonal.
    let ratio = if large == 0.0 { 0.0 } else { ratio };
    let ratio = if small == f32::INFINITY { 1.0 } else { ratio };
    let p = atan_poly(ratio);
    let p = if steep { FRAC_PI_2 - (p - FRAC_PI_2_LO) } else { p };
    let angle = if x.is_sign_negative() { PI - (p - 2.0 * FRAC_PI_2_LO) } else { p };
    if x.is_nan() || y.is_nan() { f32::NAN } else { angle.copysign(y) }
}

/// WGSL's name for [`arcsin`].
#[inline(always)]
pub fn asin(x: f32) -> f32 {
    arcsin(x)
}

/// WGSL's name for [`arccos`].
#[inline(always)]
pub fn acos(x: f32) -> f32 {
    arccos(x)
}

/// WGSL's name for [`arctan`].
#[inline(always)]
pub fn atan(x: f32) -> f32 {
    arctan(x)
}

/// WGSL's name for [`arctan2`].
#[inline(always)]
pub fn atan2(y: f32, x: f32) -> f32 {
    arctan2(y, x)
}
