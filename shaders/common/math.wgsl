// The functions that formulas call and WGSL lacks, or whose built-in is not good enough. Each has
// a twin of the same name in the CPU's formula functions; the polynomials are the same.
//
// Why not the built-ins: WebGPU allows sin and cos an absolute error of 2^-11 within [-pi, pi] and
// promises nothing outside, tan inherits it, asin, acos and atan may be off by 4096 ulp, sinh
// cancels near zero, tanh and cosh overflow early, pow is undefined for a negative base. exp, exp2,
// log, log2, sqrt and inverseSqrt are within tolerance and stay built-in.
//
// Implementations may assume that NaN and infinity do not occur: they are recognised and made by
// their bits here. They may also reassociate sums: what is compensated below stays useful if they
// do, since the parts are cut by masks and not by rounding.
//
// Names that begin with math_ are private.

// Whether x is NaN. By bits, since x != x may be compiled to false.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

// Whether x is neither NaN nor infinite.
fn is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

// A quiet NaN. It depends on x because a constant NaN is an error in WGSL.
fn math_nan(x: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) | 0x7fc00000u);
}

// Infinity with the sign of x. It depends on x because a constant infinity is an error in WGSL.
fn math_infinity(x: f32) -> f32 {
    return bitcast<f32>((bitcast<u32>(x) & 0x80000000u) | 0x7f800000u);
}

// The size of x with the sign of y.
fn math_copysign(x: f32, y: f32) -> f32 {
    return bitcast<f32>((bitcast<u32>(x) & 0x7fffffffu) | (bitcast<u32>(y) & 0x80000000u));
}

// -1, 0 or 1 by the sign of x; NaN stays NaN, which the built-in sign does not promise.
fn sgn(x: f32) -> f32 {
    if (is_nan(x) || x == 0.0) {
        return x;
    }
    return math_copysign(1.0, x);
}

// The larger one, or NaN if either is NaN: the built-in max may drop it.
fn nan_max(a: f32, b: f32) -> f32 {
    if (is_nan(a)) {
        return a;
    }
    if (is_nan(b)) {
        return b;
    }
    return max(a, b);
}

// The smaller one, or NaN if either is NaN: the built-in min may drop it.
fn nan_min(a: f32, b: f32) -> f32 {
    if (is_nan(a)) {
        return a;
    }
    if (is_nan(b)) {
        return b;
    }
    return min(a, b);
}

// x limited to low..high; NaN stays NaN, and high wins where the limits cross, as in PyTorch.
fn clip(x: f32, low: f32, high: f32) -> f32 {
    if (is_nan(x)) {
        return x;
    }
    return min(max(x, low), high);
}

// e^r - 1 for |r| <= ln(2)/2: minimax, relative error 1.4e-8.
fn math_expm1_near(r: f32) -> f32 {
    let z = r * r;
    let even = (0.0013882486 * z + 0.041667204) * z + 0.49999997;
    let odd = 0.008366692 * z + 0.16666542;
    return z * (odd * r + even) + r;
}

// e^x - 1. The built-in exp would cancel near zero.
fn expm1(x: f32) -> f32 {
    if (abs(x) < 0.3475) {
        return math_expm1_near(x);
    }
    return exp(x) - 1.0;
}

// log(1 + f) - f for sqrt(1/2) <= 1 + f <= sqrt(2): minimax, error 6e-9 of the logarithm.
fn math_log1p_tail(f: f32) -> f32 {
    let z = f * f;
    let even = ((0.12761936 * z + 0.14201723) * z + 0.20001228) * z + 0.3333333;
    let odd = ((0.07634421 * z + 0.13160378) * z + 0.16623335) * z + 0.25000823;
    return f * z * (even - odd * f) - 0.5 * z;
}

// log(1 + x). Near zero 1 + x would lose x.
fn log1p(x: f32) -> f32 {
    if (x > -0.29 && x < 0.41) {
        return x + math_log1p_tail(x);
    }
    if (is_nan(x) || x < -1.0) {
        return math_nan(x);
    }
    return log(1.0 + x);
}

// tanh(x) by expm1 of a negative argument, which cannot overflow.
fn stable_tanh(x: f32) -> f32 {
    let a = abs(x);
    // From 10 on tanh is 1 in f32. Written so that NaN stays.
    let t = expm1(-2.0 * select(a, 10.0, a > 10.0));
    return math_copysign(-t / (t + 2.0), x);
}

// 1 / (1 + e^-x), by the exponential that cannot overflow.
fn sigmoid(x: f32) -> f32 {
    let e = exp(-abs(x));
    return select(1.0, e, x < 0.0) / (1.0 + e);
}

// log(sigmoid(x)) without overflow.
fn logsigmoid(x: f32) -> f32 {
    return min(x, 0.0) - log1p(exp(-abs(x)));
}

// log(1 + e^x) without overflow.
fn softplus1(x: f32) -> f32 {
    return max(x, 0.0) + log1p(exp(-abs(x)));
}

// sinh(x). The built-in cancels near zero and overflows before the result does.
fn hyp_sin(x: f32) -> f32 {
    let a = abs(x);
    if (a < 1.0) {
        // Minimax, relative error 5e-11.
        let z = x * x;
        let q = ((2.816951e-6 * z + 0.0001983616) * z + 0.00833335) * z + 0.16666667;
        return x * z * q + x;
    }
    let root = exp(0.5 * a);
    let half = (0.5 * root) * root;
    return math_copysign(half - 0.25 / half, x);
}

// cosh(x). The built-in may overflow before the result does.
fn hyp_cos(x: f32) -> f32 {
    let root = exp(0.5 * abs(x));
    let half = (0.5 * root) * root;
    return half + 0.25 / half;
}

// The error function 2/sqrt(pi) * integral of e^(-t^2) from 0 to x.
fn erf(x: f32) -> f32 {
    let a = abs(x);
    if (a < 1.2) {
        // erf(x)/x - 1 in x^2: minimax, error 1.4e-8.
        let z = x * x;
        var p = 6.5276006e-5 * z - 0.00075622887;
        p = (p * z + 0.005131291) * z - 0.026820187;
        p = (p * z + 0.11282686) * z - 0.37612537;
        p = p * z + 0.12837915;
        return x * p + x;
    }
    if (is_nan(x)) {
        return x;
    }
    // 1 in f32.
    if (a > 3.93) {
        return math_copysign(1.0, x);
    }
    // The eighth root of 1/(1 - erf(a)): minimax for an error of 4e-8 in erf.
    var q = 0.002864575 * a - 0.018876845;
    q = (q * a + 0.07397941) * a - 0.11129801;
    q = (q * a + 0.23887701) * a + 0.05278828;
    q = q * a + 1.0217991;
    let q2 = q * q;
    let q4 = q2 * q2;
    return math_copysign(1.0 - 1.0 / (q4 * q4), x);
}

// The 32 bits of 2/pi that follow the first 32 * (i - 1) ones; none for i = 0.
fn math_two_over_pi(i: u32) -> u32 {
    switch i {
        case 1u: { return 0xa2f9836eu; }
        case 2u: { return 0x4e441529u; }
        case 3u: { return 0xfc2757d1u; }
        case 4u: { return 0xf534ddc0u; }
        case 5u: { return 0xdb629599u; }
        case 6u: { return 0x3c439041u; }
        case 7u: { return 0xfe5163abu; }
        default: { return 0u; }
    }
}

// 32 bits of 2/pi from the given position on, with 32 zero bits before the first.
fn math_two_over_pi_at(position: u32) -> u32 {
    let i = position >> 5u;
    let s = position & 31u;
    // Two shifts, since a shift by 32 is not defined.
    return (math_two_over_pi(i) << s) | ((math_two_over_pi(i + 1u) >> 1u) >> (31u - s));
}

// The upper half of the 64-bit product.
fn math_multiply_high(a: u32, b: u32) -> u32 {
    let a0 = a & 0xffffu;
    let a1 = a >> 16u;
    let b0 = b & 0xffffu;
    let b1 = b >> 16u;
    let middle = a1 * b0 + ((a0 * b0) >> 16u);
    let cross = a0 * b1 + (middle & 0xffffu);
    return a1 * b1 + (middle >> 16u) + (cross >> 16u);
}

// Payne and Hanek's reduction for |x| >= 128: x = m * 2^e times the bits of 2/pi that matter, in
// integers, so exact for every finite x. Returns as math_reduce.
fn math_reduce_large(x: f32) -> vec2<f32> {
    let bits = bitcast<u32>(x);
    let biased = (bits >> 23u) & 0xffu;
    if (biased == 0xffu) {
        return vec2<f32>(math_nan(x), 0.0);
    }
    let m = (bits & 0x7fffffu) | 0x800000u;
    // e = biased - 150. Bits of 2/pi above 2^(1 - e) turn by whole circles, so the window of 96
    // bits begins there and its product's first two bits count the quarter turns modulo four.
    let position = biased - 120u;
    let low = math_multiply_high(m, math_two_over_pi_at(position + 64u));
    let window = math_two_over_pi_at(position + 32u);
    let next = m * window + low;
    let carry = select(0u, 1u, next < low);
    let top = m * math_two_over_pi_at(position) + math_multiply_high(m, window) + carry;
    // Rounded to the nearest quarter; what is left is signed.
    let quarter = (top + 0x20000000u) >> 30u;
    let high = bitcast<i32>((top << 2u) | (next >> 30u));
    let fraction = f32(high) * 2.3283064365386963e-10 + f32(next << 2u) * 5.421010862427522e-20;
    let r = fraction * 1.5707964;
    if (x < 0.0) {
        return vec2<f32>(-r, f32((4u - quarter) & 3u));
    }
    return vec2<f32>(r, f32(quarter));
}

// x less its whole quarter turns, and their number modulo four.
fn math_reduce(x: f32) -> vec2<f32> {
    if (!(abs(x) < 128.0)) {
        return math_reduce_large(x);
    }
    // pi/2 in three parts. The first two have 17 bits, so their products with n < 128 are exact.
    let n = round(x * 0.63661975);
    let r = ((x - n * 1.5707855224609375) - n * 1.0804273188114166e-5) - n * 6.0771006e-11;
    return vec2<f32>(r, f32(u32(i32(n)) & 3u));
}

// sin(r) for |r| <= pi/4: minimax, relative error 4e-9.
fn math_sin_near(r: f32) -> f32 {
    let z = r * r;
    let q = (-0.00019514632 * z + 0.008332156) * z - 0.16666655;
    return r * z * q + r;
}

// cos(r) for |r| <= pi/4: minimax, relative error 2e-10.
fn math_cos_near(r: f32) -> f32 {
    let z = r * r;
    let q = (2.4432413e-5 * z - 0.001388731) * z + 0.041666646;
    return z * z * q + (1.0 - 0.5 * z);
}

// sin(r + quarter * pi/2).
fn math_turned(r: f32, quarter: u32) -> f32 {
    let value = select(math_sin_near(r), math_cos_near(r), (quarter & 1u) == 1u);
    return select(value, -value, (quarter & 2u) == 2u);
}

// sin(x) for every finite x; the built-in may be off by 2^-11, and by anything outside [-pi, pi].
fn sine(x: f32) -> f32 {
    let reduced = math_reduce(x);
    return math_turned(reduced.x, u32(reduced.y));
}

// cos(x) for every finite x, for the same reason.
fn cosine(x: f32) -> f32 {
    let reduced = math_reduce(x);
    return math_turned(reduced.x, u32(reduced.y) + 1u);
}

// tan(x) for every finite x, for the same reason.
fn tangent(x: f32) -> f32 {
    let reduced = math_reduce(x);
    let s = math_sin_near(reduced.x);
    let c = math_cos_near(reduced.x);
    if ((u32(reduced.y) & 1u) == 1u) {
        return -c / s;
    }
    return s / c;
}

// atan(t) for 0 <= t <= 1: minimax, relative error 3e-9. The built-in may be off by 4096 ulp.
fn math_atan_near(t: f32) -> f32 {
    let z = t * t;
    let w = z * z;
    var even = (0.0017936267 * w + 0.03117789) * w + 0.08403453;
    even = (even * w + 0.14264242) * w + 0.333333;
    let odd = ((0.01091463 * w + 0.05795764) * w + 0.10952187) * w + 0.19998549;
    return t * z * (odd * z - even) + t;
}

// asin(s) for 0 <= s <= 1/2 and z = s^2: minimax, relative error 5e-9.
fn math_asin_near(s: f32, z: f32) -> f32 {
    let w = z * z;
    let even = (0.042166308 * w + 0.045470376) * w + 0.16666752;
    let odd = 0.024179516 * w + 0.074952975;
    return s * z * (odd * z + even) + s;
}

// The angle in [-pi/2, pi/2] whose sine is x; NaN outside [-1, 1].
fn arcsin(x: f32) -> f32 {
    let a = abs(x);
    if (is_nan(x) || a > 1.0) {
        return math_nan(x);
    }
    if (a > 0.5) {
        let z = (1.0 - a) * 0.5;
        return math_copysign(1.5707964 - (2.0 * math_asin_near(sqrt(z), z) + 4.371139e-8), x);
    }
    return math_asin_near(x, x * x);
}

// The angle in [0, pi] whose cosine is x; NaN outside [-1, 1].
fn arccos(x: f32) -> f32 {
    let a = abs(x);
    if (is_nan(x) || a > 1.0) {
        return math_nan(x);
    }
    if (a > 0.5) {
        let z = (1.0 - a) * 0.5;
        let angle = 2.0 * math_asin_near(sqrt(z), z);
        return select(angle, 3.1415927 - angle, x < 0.0);
    }
    return 1.5707964 - (math_asin_near(x, x * x) + 4.371139e-8);
}

// The angle in [-pi/2, pi/2] whose tangent is x.
fn arctan(x: f32) -> f32 {
    let a = abs(x);
    if (a > 1.0) {
        return math_copysign(1.5707964 - (math_atan_near(1.0 / a) + 4.371139e-8), x);
    }
    return math_copysign(math_atan_near(a), x);
}

// The angle of the point (x, y) in [-pi, pi], with C's rules for zeros and infinities.
fn arctan2(y: f32, x: f32) -> f32 {
    if (is_nan(x) || is_nan(y)) {
        return math_nan(x + y);
    }
    let ax = abs(x);
    let ay = abs(y);
    let small = min(ax, ay);
    let large = max(ax, ay);
    // Into the range where a division is accurate: its divisor must lie in 2^-126..2^126, and a
    // device that flushes subnormals must not see 0 / 0.
    let factor = select(select(1.0, 1.8446744e19, large < 1.0e-18), 0.25, large > 1.0e37);
    let divisor = large * factor;
    var ratio = 0.0;
    if (!is_finite(small)) {
        ratio = 1.0;
    } else if (is_finite(large) && divisor != 0.0) {
        ratio = (small * factor) / divisor;
    }
    var angle = math_atan_near(ratio);
    if (ay > ax) {
        angle = 1.5707964 - (angle + 4.371139e-8);
    }
    if (bitcast<u32>(x) >= 0x80000000u) {
        angle = 3.1415927 - (angle + 8.742278e-8);
    }
    return math_copysign(angle, y);
}

// x with its last 12 bits cleared: products of two such numbers are exact.
fn math_upper(x: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u);
}

// 2^n for -126 <= n <= 127.
fn math_power_of_two(n: i32) -> f32 {
    return bitcast<f32>(bitcast<u32>(n + 127) << 23u);
}

// log2(a) for positive finite a, as a part of 12 bits and the rest: together about 34 bits.
fn math_log2_parts(a: f32) -> vec2<f32> {
    var bits = bitcast<u32>(a);
    var n = 0;
    // A subnormal is a whole number of 2^-149; taken from its bits, since devices may flush it.
    if (bits < 0x00800000u) {
        bits = bitcast<u32>(f32(bits));
        n = -149;
    }
    // The mantissa's part is 1 + f in [sqrt(1/2), sqrt(2)).
    let exponent = bitcast<i32>(bits - 0x3f3504f3u) >> 23u;
    n += exponent;
    let f = bitcast<f32>(bits - (bitcast<u32>(exponent) << 23u)) - 1.0;
    // s = f/(2 + f) in two parts, the second from the remainder of the division.
    let divisor = 2.0 + f;
    let divisor_high = math_upper(divisor);
    let divisor_low = f - (divisor_high - 2.0);
    let s = f / divisor;
    let s_high = math_upper(s);
    let s_low = ((f - s_high * divisor_high) - s_high * divisor_low) / divisor;
    // log2((1 + s)/(1 - s)) = 2/ln(2) * s + s^3 * q(s^2): minimax, relative error 5e-12.
    let z = s * s;
    let q = ((0.3402128 * z + 0.4117067) * z + 0.57708287) * z + 0.9617967;
    let first = s_high * 2.884765625;
    let second = s_high * 0.0006244568 + s_low * 2.88539 + s * z * q;
    let whole = f32(n);
    let high = math_upper(whole + first);
    return vec2<f32>(high, ((whole - high) + first) + second);
}

// a^y = 2^(y * log2(a)) for positive finite a and finite y. The product carries more than 24 bits,
// since its absolute error becomes the relative error of the power.
fn math_power_size(a: f32, y: f32) -> f32 {
    let logarithm = math_log2_parts(a);
    // |log2(a)| >= 2^-24 unless it is 0: beyond 2^40 the power has left the range anyway.
    let limited = clamp(y, -1.0e12, 1.0e12);
    let estimate = limited * (logarithm.x + logarithm.y);
    if (estimate > 128.5) {
        return math_infinity(1.0);
    }
    if (estimate < -150.5) {
        return 0.0;
    }
    let y_high = math_upper(limited);
    let high = y_high * logarithm.x;
    let low = y_high * logarithm.y + (limited - y_high) * (logarithm.x + logarithm.y);
    let whole = round(high + low);
    let p = math_expm1_near(((high - whole) + low) * 0.6931472) + 1.0;
    // Two steps, so that results overflow to infinity and underflow through the subnormals.
    let n = i32(whole);
    let half = n >> 1u;
    return p * math_power_of_two(half) * math_power_of_two(n - half);
}

// x to the power y as C's pow: 1 for y = 0 or x = 1, the sign of an odd power of a negative
// number, NaN for a fractional power of a negative number. The built-in pow has none of this.
fn power(x: f32, y: f32) -> f32 {
    if ((!is_nan(y) && y == 0.0) || (!is_nan(x) && x == 1.0)) {
        return 1.0;
    }
    if (is_nan(x) || is_nan(y)) {
        return math_nan(x + y);
    }
    let a = abs(x);
    // From 2^24 on every f32 is an even whole number; infinity counts as one.
    let large = abs(y) >= 16777216.0;
    let whole = large || trunc(y) == y;
    let odd = !large && whole && trunc(0.5 * y) != 0.5 * y;
    let negative = bitcast<u32>(x) >= 0x80000000u;
    var size = 1.0;
    if (a == 0.0 || !is_finite(x) || !is_finite(y)) {
        if (a != 1.0) {
            size = select(0.0, math_infinity(a), (a > 1.0) == (y > 0.0));
        }
    } else {
        if (x < 0.0 && !whole) {
            return math_nan(x);
        }
        size = math_power_size(a, y);
    }
    return select(size, -size, negative && odd);
}
