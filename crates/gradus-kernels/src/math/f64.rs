//! The formula functions in f64: the reference for f32 and for the GPU, by the standard library.

/// WGSL built-ins and our own names that are one method of the standard library.
macro_rules! std_functions {
    ($($name:ident = $method:ident;)*) => {$(
        #[doc = concat!("`f64::", stringify!($method), "` by the name that formulas use.")]
        #[inline]
        pub fn $name(x: f64) -> f64 {
            x.$method()
        }
    )*};
}

std_functions! {
    abs = abs; floor = floor; ceil = ceil; round = round_ties_even; trunc = trunc; sqrt = sqrt;
    exp = exp; exp2 = exp2; expm1 = exp_m1; log = ln; log2 = log2; log1p = ln_1p;
    sin = sin; cos = cos; tan = tan; asin = asin; acos = acos; atan = atan;
    sine = sin; cosine = cos; tangent = tan; arcsin = asin; arccos = acos; arctan = atan;
    sinh = sinh; cosh = cosh; hyp_sin = sinh; hyp_cos = cosh; stable_tanh = tanh;
}

/// Whether x is NaN.
#[inline]
pub fn is_nan(x: f64) -> bool {
    x.is_nan()
}

/// Whether x is neither NaN nor infinite.
#[inline]
pub fn is_finite(x: f64) -> bool {
    x.is_finite()
}

/// -1, 0 or 1 by the sign of x; NaN stays NaN.
#[inline]
pub fn sgn(x: f64) -> f64 {
    if x == 0.0 || x.is_nan() { x } else { 1.0_f64.copysign(x) }
}

/// WGSL's name for [`sgn`].
#[inline]
pub fn sign(x: f64) -> f64 {
    sgn(x)
}

/// 1/√x.
#[allow(non_snake_case, reason = "WGSL spells this built-in so")]
#[inline]
pub fn inverseSqrt(x: f64) -> f64 {
    1.0 / x.sqrt()
}

/// `when_true` if the condition holds, else `when_false`: WGSL's order of arguments.
#[inline]
pub fn select(when_false: f64, when_true: f64, condition: bool) -> f64 {
    if condition { when_true } else { when_false }
}

/// The larger one. A NaN in `a` stays, one in `b` may be lost: [`nan_max`] keeps both.
#[inline]
pub fn max(a: f64, b: f64) -> f64 {
    if a < b { b } else { a }
}

/// The smaller one. A NaN in `a` stays, one in `b` may be lost: [`nan_min`] keeps both.
#[inline]
pub fn min(a: f64, b: f64) -> f64 {
    if b < a { b } else { a }
}

/// x limited to `low..=high`; NaN stays NaN, and `high` wins where the limits cross.
#[inline]
pub fn clip(x: f64, low: f64, high: f64) -> f64 {
    min(max(x, low), high)
}

/// WGSL's name for [`clip`].
#[inline]
pub fn clamp(x: f64, low: f64, high: f64) -> f64 {
    clip(x, low, high)
}

/// The larger one, or NaN if either is NaN.
#[inline]
pub fn nan_max(a: f64, b: f64) -> f64 {
    if b.is_nan() { b } else { max(a, b) }
}

/// The smaller one, or NaN if either is NaN.
#[inline]
pub fn nan_min(a: f64, b: f64) -> f64 {
    if b.is_nan() { b } else { min(a, b) }
}

/// The angle of the point (x, y) in [-π, π], with C's rules for zeros and infinities.
#[inline]
pub fn arctan2(y: f64, x: f64) -> f64 {
    y.atan2(x)
}

/// WGSL's name for [`arctan2`].
#[inline]
pub fn atan2(y: f64, x: f64) -> f64 {
    y.atan2(x)
}

/// x to the power y with the rules of C's `pow`.
#[inline]
pub fn power(x: f64, y: f64) -> f64 {
    x.powf(y)
}

/// eˣ for x ≤ 0.
#[inline(always)]
pub fn exp_of_nonpositive(x: f64) -> f64 {
    x.exp()
}

/// 1 / (1 + e⁻ˣ), by the exponential that cannot overflow.
#[inline]
pub fn sigmoid(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

/// log(sigmoid(x)) without overflow.
#[inline]
pub fn logsigmoid(x: f64) -> f64 {
    min(x, 0.0) - (-x.abs()).exp().ln_1p()
}

/// log(1 + eˣ) without overflow.
#[inline]
pub fn softplus1(x: f64) -> f64 {
    max(x, 0.0) + (-x.abs()).exp().ln_1p()
}

/// The value of a polynomial whose coefficients start at the highest power.
#[inline]
fn polynomial(x: f64, coefficients: &[f64]) -> f64 {
    coefficients.iter().fold(0.0, |sum, c| sum * x + c)
}

/// The error function 2/√π ∫₀ˣ e^(-t²) dt.
///
/// Source: W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23
/// (1969), with the coefficients of his later program for 18 digits.
pub fn erf(x: f64) -> f64 {
    const NEAR_P: [f64; 5] = [
        1.857_777_061_846_031_5e-1,
        3.161_123_743_870_565_6,
        1.138_641_541_510_501_6e2,
        3.774_852_376_853_02e2,
        3.209_377_589_138_469_5e3,
    ];
    const NEAR_Q: [f64; 5] = [
        1.0,
        2.360_129_095_234_412_1e1,
        2.440_246_379_344_441_7e2,
        1.282_616_526_077_372_3e3,
        2.844_236_833_439_171e3,
    ];
    const MIDDLE_P: [f64; 9] = [
        2.153_115_354_744_038_3e-8,
        5.641_884_969_886_701e-1,
        8.883_149_794_388_377,
        6.611_919_063_714_163e1,
        2.986_351_381_974_001e2,
        8.819_522_212_417_69e2,
        1.712_047_612_634_070_7e3,
        2.051_078_377_826_071_6e3,
        1.230_339_354_797_997_2e3,
    ];
    const MIDDLE_Q: [f64; 9] = [
        1.0,
        1.574_492_611_070_983_5e1,
        1.176_939_508_913_125e2,
        5.371_811_018_620_099e2,
        1.621_389_574_566_690_3e3,
        3.290_799_235_733_459_7e3,
        4.362_619_090_143_247e3,
        3.439_367_674_143_721_6e3,
        1.230_339_354_803_749_5e3,
    ];
    const FAR_P: [f64; 6] = [
        1.631_538_713_730_209_8e-2,
        3.053_266_349_612_323_4e-1,
        3.603_448_999_498_044_4e-1,
        1.257_817_261_112_292_5e-1,
        1.608_378_514_874_228e-2,
        6.587_491_615_298_378e-4,
    ];
    const FAR_Q: [f64; 6] = [
        1.0,
        2.568_520_192_289_822,
        1.872_952_849_923_467_2,
        5.279_051_029_514_284e-1,
        6.051_834_131_244_132e-2,
        2.335_204_976_268_691_8e-3,
    ];
    let a = x.abs();
    if a <= 0.468_75 {
        let z = x * x;
        return x * (polynomial(z, &NEAR_P) / polynomial(z, &NEAR_Q));
    }
    if a < 4.0 {
        let ratio = polynomial(a, &MIDDLE_P) / polynomial(a, &MIDDLE_Q);
        return (1.0 - (-a * a).exp() * ratio).copysign(x);
    }
    // NaN and infinity go through here.
    let z = 1.0 / (a * a);
    let ratio = z * (polynomial(z, &FAR_P) / polynomial(z, &FAR_Q));
    let tail = (-a * a).exp() / a * (std::f64::consts::FRAC_2_SQRT_PI * 0.5 - ratio);
    (1.0 - tail).copysign(x)
}
