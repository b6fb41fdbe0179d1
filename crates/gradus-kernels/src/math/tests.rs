//! The f32 functions against the f64 ones: error in ulp over all magnitudes, and special values.

use super::{f32 as narrow, f64 as wide};

/// One bit pattern in so many is tried: a prime, about 300,000 values of every size and sign.
const STRIDE: usize = 14_407;

/// The distance of `got` from `want` in units of the last place of `want` as f32.
fn ulps(got: f32, want: f64) -> f64 {
    if want.is_nan() || got.is_nan() {
        return if want.is_nan() && got.is_nan() { 0.0 } else { f64::INFINITY };
    }
    let rounded = want as f32;
    if got == rounded {
        return 0.0;
    }
    // An infinity counts as 2¹²⁸, one step beyond the largest number.
    let beyond = |v: f64| if v.is_infinite() { 2.0_f64.powi(128).copysign(v) } else { v };
    let clipped = beyond(f64::from(rounded).clamp(-f64::from(f32::MAX), f64::from(f32::MAX)));
    let exponent = ((clipped.to_bits() >> 52) & 0x7ff) as i32 - 1023;
    let unit = 2.0_f64.powi(exponent.max(-126) - 23);
    let want = if rounded.is_infinite() { beyond(f64::from(rounded)) } else { want };
    (beyond(f64::from(got)) - want).abs() / unit
}

type Pair = (&'static str, fn(f32) -> f32, fn(f64) -> f64, f64);

/// Name, both functions, and the allowed error in ulp.
const UNARY: &[Pair] = &[
    ("exp", narrow::exp, wide::exp, 1.2),
    ("exp2", narrow::exp2, wide::exp2, 1.2),
    ("expm1", narrow::expm1, wide::expm1, 2.0),
    ("sigmoid", narrow::sigmoid, wide::sigmoid, 2.5),
    ("log", narrow::log, wide::log, 1.5),
    ("log2", narrow::log2, wide::log2, 3.0),
    ("log1p", narrow::log1p, wide::log1p, 3.0),
    ("logsigmoid", narrow::logsigmoid, wide::logsigmoid, 4.0),
    ("softplus1", narrow::softplus1, wide::softplus1, 4.0),
    ("stable_tanh", narrow::stable_tanh, wide::stable_tanh, 4.0),
    ("hyp_sin", narrow::hyp_sin, wide::hyp_sin, 2.0),
    ("hyp_cos", narrow::hyp_cos, wide::hyp_cos, 2.0),
    ("erf", narrow::erf, wide::erf, 3.0),
    ("sine", narrow::sine, wide::sine, 2.0),
    ("cosine", narrow::cosine, wide::cosine, 2.0),
    ("tangent", narrow::tangent, wide::tangent, 4.0),
    ("arcsin", narrow::arcsin, wide::arcsin, 3.0),
    ("arccos", narrow::arccos, wide::arccos, 3.0),
    ("arctan", narrow::arctan, wide::arctan, 3.0),
    ("inverseSqrt", narrow::inverseSqrt, wide::inverseSqrt, 1.5),
    ("sqrt", narrow::sqrt, wide::sqrt, 0.5),
    ("abs", narrow::abs, wide::abs, 0.0),
    ("sgn", narrow::sgn, wide::sgn, 0.0),
    ("floor", narrow::floor, wide::floor, 0.0),
    ("ceil", narrow::ceil, wide::ceil, 0.0),
    ("round", narrow::round, wide::round, 0.0),
    ("trunc", narrow::trunc, wide::trunc, 0.0),
];

/// Zeros, infinities, NaN, the ends of the f32 range and of the functions' domains.
const SPECIAL: &[f32] = &[
    0.0,
    f32::from_bits(1),
    1.0e-39,
    f32::MIN_POSITIVE,
    1.0e-20,
    1.0e-5,
    0.25,
    0.5,
    1.0,
    1.5,
    2.0,
    2.5,
    3.0,
    4.0,
    17.0,
    87.0,
    88.722_83,
    88.722_84,
    89.415_985,
    103.9,
    104.1,
    128.0,
    149.5,
    1.0e4,
    8_388_609.0,
    16_777_215.0,
    16_777_216.0,
    1.0e10,
    1.125_9e15,
    1.0e20,
    7.6e22,
    5.1e30,
    f32::MAX,
    f32::INFINITY,
    f32::NAN,
];

fn specials() -> impl Iterator<Item = f32> + Clone {
    SPECIAL.iter().flat_map(|&x| [x, -x])
}

fn patterns() -> impl Iterator<Item = f32> {
    (0..=u32::MAX).step_by(STRIDE).map(f32::from_bits)
}

/// The largest error in ulp over the arguments, and where.
fn worst(f: fn(f32) -> f32, g: fn(f64) -> f64, xs: impl Iterator<Item = f32>) -> (f64, f32) {
    let errors = xs.map(|x| (ulps(f(x), g(f64::from(x))), x));
    errors.fold((0.0, 0.0), |a, b| if b.0 > a.0 { b } else { a })
}

/// Zeros, infinities and NaN must be the same, sign included; a result that only rounds to zero
/// may lose its sign (`0 - 0` in logsigmoid, as in PyTorch).
fn assert_same_kind(name: &str, arguments: &[f32], got: f32, want: f64) {
    let rounded = want as f32;
    let exact = rounded == 0.0 || rounded.is_infinite();
    let signless = rounded.is_nan() || (rounded == 0.0 && want != 0.0);
    let same_sign = signless || got.is_sign_negative() == rounded.is_sign_negative();
    assert!(
        got.is_nan() == rounded.is_nan() && same_sign && (!exact || got == rounded),
        "{name}({arguments:?}) = {got}, expected {want}"
    );
}

/// Up to here the trigonometric functions keep their relative error.
const LARGEST_ANGLE: f32 = 33_554_432.0;

#[test]
fn the_exponential_of_nonpositive_numbers_has_the_bits_of_exp() {
    let xs = specials().chain(patterns()).filter(|x| *x <= 0.0 || x.is_nan());
    for x in xs {
        let (got, want) = (narrow::exp_of_nonpositive(x), narrow::exp(x));
        let same = got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan());
        assert!(same, "exp({x:e}) = {got:e}, expected {want:e}");
    }
}

#[test]
fn unary_functions_stay_within_their_ulp() {
    for &(name, f, g, limit) in UNARY {
        let angle = matches!(name, "sine" | "cosine" | "tangent");
        let xs = patterns().chain(specials());
        let xs = xs.filter(|x| !angle || x.is_nan() || x.abs() <= LARGEST_ANGLE);
        let (error, x) = worst(f, g, xs);
        println!("{name:12} {error:.3} ulp at {x:e}");
        assert!(error <= limit, "{name}: {error} ulp at {x:e}, allowed {limit}");
    }
}

#[test]
fn unary_functions_keep_zeros_infinities_and_nan() {
    for &(name, f, g, _) in UNARY {
        for x in specials() {
            assert_same_kind(name, &[x], f(x), g(f64::from(x)));
        }
    }
}

#[test]
fn dense_ranges_of_common_arguments_stay_within_their_ulp() {
    for &(name, f, g, limit) in UNARY {
        let xs = (-200_000..=200_000).map(|i| i as f32 * 5.003e-5);
        let (error, x) = worst(f, g, xs);
        assert!(error <= limit, "{name}: {error} ulp at {x:e}, allowed {limit}");
    }
}

#[test]
fn angles_near_multiples_of_a_quarter_turn_keep_their_digits() {
    let near = (1..200_000).map(|k| (f64::from(k) * std::f64::consts::FRAC_PI_2) as f32);
    for (f, g) in [
        (narrow::sine as fn(f32) -> f32, wide::sine as fn(f64) -> f64),
        (narrow::cosine, wide::cosine),
        (narrow::tangent, wide::tangent),
    ] {
        let (error, x) = worst(f, g, near.clone());
        assert!(error <= 4.0, "{error} ulp at {x:e}");
    }
}

#[test]
fn huge_angles_keep_their_decimals() {
    for x in patterns().chain(specials()).filter(|x| x.is_finite()) {
        let wide_x = f64::from(x);
        let sine_error = (f64::from(narrow::sine(x)) - wide_x.sin()).abs();
        let cosine_error = (f64::from(narrow::cosine(x)) - wide_x.cos()).abs();
        // Half an ulp of 1 is 6e-8; the reduced argument is off by 2⁻³³ at most.
        assert!(sine_error < 1.2e-7 && cosine_error < 1.2e-7, "{sine_error} {cosine_error} at {x}");
        assert!(!narrow::tangent(x).is_nan());
    }
}

/// Pseudo-random bit patterns: both numbers of every size, sign and kind.
fn random_pairs(n: usize) -> impl Iterator<Item = (f32, f32)> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 32) as u32
    };
    (0..n).map(move |i| {
        let (a, b) = (next(), next());
        // Three in four are close enough to one another for the result to be a plain number.
        let tame = |bits: u32| (bits as f32 / u32::MAX as f32 - 0.5) * 40.0;
        match i & 3 {
            0 => (f32::from_bits(a), f32::from_bits(b)),
            1 => (tame(a).abs(), tame(b)),
            2 => (1.0 + tame(a) * 1e-4, tame(b) * 100.0),
            _ => (tame(a), tame(b).round()),
        }
    })
}

#[test]
fn binary_functions_stay_within_their_ulp_and_keep_special_values() {
    type Binary = (&'static str, fn(f32, f32) -> f32, fn(f64, f64) -> f64, f64);
    let table: [Binary; 4] = [
        ("power", narrow::power, wide::power, 1.5),
        ("arctan2", narrow::arctan2, wide::arctan2, 3.0),
        ("nan_max", narrow::nan_max, wide::nan_max, 0.0),
        ("nan_min", narrow::nan_min, wide::nan_min, 0.0),
    ];
    for (name, f, g, limit) in table {
        let mut largest = (0.0, 0.0, 0.0);
        let special = specials().flat_map(|x| specials().map(move |y| (x, y)));
        for (x, y) in special.clone().chain(random_pairs(400_000)) {
            let error = ulps(f(x, y), g(f64::from(x), f64::from(y)));
            if error > largest.0 {
                largest = (error, x, y);
            }
        }
        println!("{name:12} {:.3} ulp at {:e}, {:e}", largest.0, largest.1, largest.2);
        assert!(largest.0 <= limit, "{name}: {largest:?}, allowed {limit}");
        for (x, y) in special {
            assert_same_kind(name, &[x, y], f(x, y), g(f64::from(x), f64::from(y)));
        }
    }
}

#[test]
fn limits_follow_pytorch() {
    assert_eq!(narrow::clip(7.0, -1.0, 1.0), 1.0);
    assert_eq!(narrow::clamp(-7.0, -1.0, 1.0), -1.0);
    assert_eq!(narrow::clip(0.0, 3.0, 2.0), 2.0);
    assert!(narrow::clip(f32::NAN, -1.0, 1.0).is_nan() && wide::clip(f64::NAN, 0.0, 1.0).is_nan());
    assert_eq!(narrow::select(1.0, 2.0, true), 2.0);
    assert_eq!(wide::select(1.0, 2.0, false), 1.0);
    assert_eq!((narrow::round(2.5), narrow::round(-3.5)), (2.0, -4.0));
    assert!(narrow::is_nan(f32::NAN) && !narrow::is_nan(f32::INFINITY));
    assert!(narrow::is_finite(f32::MAX) && !narrow::is_finite(f32::NEG_INFINITY));
}

/// erf to 17 digits, computed with 40.
const ERF: &[(f64, f64)] = &[
    (1e-300, 1.1283791670955126e-300),
    (1e-09, 1.1283791670955127e-09),
    (0.1, 0.1124629160182849),
    (0.25, 0.27632639016823696),
    (0.46875, 0.49261347321793797),
    (0.47, 0.4937450508860821),
    (0.5, 0.5204998778130465),
    (0.75, 0.7111556336535151),
    (1.0, 0.8427007929497149),
    (1.5, 0.9661051464753108),
    (2.0, 0.9953222650189527),
    (2.5, 0.999593047982555),
    (3.0, 0.9999779095030014),
    (3.5, 0.9999992569016276),
    (3.999, 0.9999999844552505),
    (4.0, 0.9999999845827421),
    (4.5, 0.9999999998033839),
    (5.0, 0.9999999999984626),
    (5.5, 0.9999999999999927),
    (6.0, 1.0),
];

#[test]
fn erf_in_f64_has_fifteen_digits() {
    for &(x, want) in ERF {
        let error = ((wide::erf(x) - want) / want).abs();
        assert!(error <= 1e-15, "erf({x}) is off by {error:e}");
        assert_eq!(wide::erf(-x), -wide::erf(x));
    }
    assert_eq!((wide::erf(f64::INFINITY), wide::erf(-30.0)), (1.0, -1.0));
    assert!(wide::erf(f64::NAN).is_nan() && wide::erf(-0.0).is_sign_negative());
}
