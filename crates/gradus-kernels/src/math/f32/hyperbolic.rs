//! sinh, cosh, tanh and erf.

use super::exponential::{exp_shifted, expm1_of_nonpositive};

/// tanh(x), from expm1 of a negative argument: it cannot overflow.
#[inline(always)]
pub fn stable_tanh(x: f32) -> f32 {
    let t = expm1_of_nonpositive(-2.0 * x.abs());
    (-t / (t + 2.0)).copysign(x)
}

/// sinh(x), finite as long as the result is.
#[inline(always)]
pub fn hyp_sin(x: f32) -> f32 {
    let a = x.abs();
    // Minimax on [0, 1], relative error 5e-11.
    let z = a * a;
    let mut q = 2.816_951e-6;
    q = q * z + 0.000_198_361_6;
    q = q * z + 0.008_333_35;
    q = q * z + 0.166_666_67;
    let near = a * z * q + a;
    let half = exp_shifted(a, -1);
    let far = half - 0.25 / half;
    (if a < 1.0 { near } else { far }).copysign(x)
}

/// WGSL's name for [`hyp_sin`]; the built-in cancels near zero.
#[inline(always)]
pub fn sinh(x: f32) -> f32 {
    hyp_sin(x)
}

/// cosh(x), finite as long as the result is.
#[inline(always)]
pub fn hyp_cos(x: f32) -> f32 {
    let half = exp_shifted(x.abs(), -1);
    half + 0.25 / half
}

/// WGSL's name for [`hyp_cos`].
#[inline(always)]
pub fn cosh(x: f32) -> f32 {
    hyp_cos(x)
}

/// The error function 2/√π ∫₀ˣ e^(-t²) dt.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    // Below 1.2: erf(t)/t - 1 as a polynomial in t², minimax, error 1.4e-8. Above: the eighth root
    // of 1/(1 - erf(t)) as a polynomial in t, minimax to 3.93, where erf has become 1 in f32, for
    // an error of 4e-8 in erf. One chain computes either: it selects the coefficients.
    let a = x.abs();
    let near = a < 1.2;
    let pick = |n: f32, f: f32| if near { n } else { f };
    let t = super::min(a, 3.93);
    let v = pick(t * t, t);
    let w = v * v;
    let mut even = pick(6.527_600_6e-5, 0.002_864_575);
    even = even * w + pick(0.005_131_291, 0.073_979_41);
    even = even * w + pick(0.112_826_86, 0.238_877_01);
    even = even * w + pick(0.128_379_15, 1.021_799_1);
    let mut odd = pick(-0.000_756_228_87, -0.018_876_845);
    odd = odd * w + pick(-0.026_820_187, -0.111_298_01);
    odd = odd * w + pick(-0.376_125_37, 0.052_788_28);
    let q = odd * v + even;
    let q2 = q * q;
    let q4 = q2 * q2;
    let y = pick(t * q + t, 1.0 - 1.0 / (q4 * q4));
    (if a > 3.93 { 1.0 } else { y }).copysign(x)
}
