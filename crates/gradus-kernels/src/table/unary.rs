//! Rows of the ops with one operand.

/// Hands every row of the one-operand table to `$callback`.
///
/// `name [params] (x -> y) = formula; d = derivative; on = lo..hi; torch; doc`: `x` is the operand,
/// `y` the result (usable in the derivative), `on` the domain that tests sample.
#[macro_export]
macro_rules! unary_ops {
    ($callback:ident) => { $callback! {
        relu [] (x -> y) = select(x, 0.0, x <= 0.0);
            d = select(0.0, 1.0, gt(y, 0.0)); on = -3.0, 3.0; torch = "nn.functional.relu";
            doc = "Rectified linear unit: `max(x, 0)`.";
        sigmoid [] (x -> y) = sigmoid(x);
            d = y * (1.0 - y); on = -6.0, 6.0; torch = "sigmoid";
            doc = "Logistic function `1 / (1 + e^-x)`.";
        tanh [] (x -> y) = stable_tanh(x);
            d = 1.0 - y * y; on = -3.0, 3.0; torch = "tanh";
            doc = "Hyperbolic tangent.";
        silu [] (x -> y) = x * sigmoid(x);
            d = { let s = &sigmoid(x); s * (1.0 + x * (1.0 - s)) }; on = -6.0, 6.0;
            torch = "nn.functional.silu";
            doc = "Sigmoid linear unit `x · sigmoid(x)`, also called swish (arXiv:1702.03118).";
        mish [] (x -> y) = x * stable_tanh(softplus1(x));
            d = { let t = &tanh(softplus(x)); t + x * (1.0 - t * t) * sigmoid(x) };
            on = -6.0, 6.0; torch = "nn.functional.mish";
            doc = "`x · tanh(log(1 + e^x))` (arXiv:1908.08681).";
        softsign [] (x -> y) = x / (1.0 + abs(x));
            d = reciprocal(square(1.0 + abs(x))); on = -3.0, 3.0;
            torch = "nn.functional.softsign";
            doc = "`x / (1 + |x|)`.";
        relu6 [] (x -> y) = select(select(x, 0.0, x <= 0.0), 6.0, x >= 6.0);
            d = within(x, 0.0, 6.0); on = -3.0, 9.0; torch = "nn.functional.relu6";
            doc = "`min(max(x, 0), 6)`.";
        hardswish [] (x -> y) = select(select(x * (x + 3.0) / 6.0, 0.0, x <= -3.0), x, x >= 3.0);
            d = select(select((2.0 * x + 3.0) / 6.0, 0.0, le(x, -3.0)), 1.0, ge(x, 3.0));
            on = -5.0, 5.0; torch = "nn.functional.hardswish";
            doc = "`x · relu6(x + 3) / 6` (arXiv:1905.02244).";
        hardsigmoid [] (x -> y) = select(select((x + 3.0) / 6.0, 0.0, x <= -3.0), 1.0, x >= 3.0);
            d = within(x, -3.0, 3.0) / 6.0; on = -5.0, 5.0; torch = "nn.functional.hardsigmoid";
            doc = "`relu6(x + 3) / 6`.";
        logsigmoid [] (x -> y) = logsigmoid(x);
            d = sigmoid(-x); on = -6.0, 6.0; torch = "nn.functional.logsigmoid";
            doc = "`log(sigmoid(x))`, stable for large |x|.";
        selu [] (x -> y) =
            select(1.0507009873554805 * x, 1.7580993408473766 * expm1(x), x <= 0.0);
            d = select(1.0507009873554805, y + 1.7580993408473766, le(x, 0.0)); on = -3.0, 3.0;
            torch = "nn.functional.selu";
            doc = "Scaled exponential linear unit (arXiv:1706.02515).";
        exp [] (x -> y) = exp(x);
            d = y; on = -3.0, 3.0; torch = "exp"; doc = "`e^x`.";
        exp2 [] (x -> y) = exp2(x);
            d = 0.6931471805599453 * y; on = -3.0, 3.0; torch = "exp2"; doc = "`2^x`.";
        expm1 [] (x -> y) = expm1(x);
            d = y + 1.0; on = -3.0, 3.0; torch = "expm1";
            doc = "`e^x - 1`, exact near zero.";
        log [] (x -> y) = log(x);
            d = reciprocal(x); on = 0.1, 5.0; torch = "log"; doc = "Natural logarithm.";
        log1p [] (x -> y) = log1p(x);
            d = reciprocal(1.0 + x); on = -0.5, 5.0; torch = "log1p";
            doc = "`log(1 + x)`, exact near zero.";
        log2 [] (x -> y) = log2(x);
            d = 1.4426950408889634 / x; on = 0.1, 5.0; torch = "log2"; doc = "Logarithm to base 2.";
        log10 [] (x -> y) = log2(x) * 0.30102999566398120;
            d = 0.4342944819032518 / x; on = 0.1, 5.0; torch = "log10";
            doc = "Logarithm to base 10.";
        sqrt [] (x -> y) = sqrt(x);
            d = 0.5 / y; on = 0.1, 5.0; torch = "sqrt"; doc = "Square root.";
        rsqrt [] (x -> y) = inverseSqrt(x);
            d = -0.5 * y * y * y; on = 0.1, 5.0; torch = "rsqrt"; doc = "`1 / sqrt(x)`.";
        square [] (x -> y) = x * x;
            d = 2.0 * x; on = -3.0, 3.0; torch = "square"; doc = "`x²`.";
        reciprocal [] (x -> y) = 1.0 / x;
            d = -(y * y); on = 0.3, 3.0; torch = "reciprocal"; doc = "`1 / x`.";
        abs [] (x -> y) = abs(x);
            d = sign(x); on = -3.0, 3.0; torch = "abs"; doc = "Absolute value.";
        neg [] (x -> y) = -x;
            d = -1.0; on = -3.0, 3.0; torch = "neg"; doc = "`-x`.";
        sin [] (x -> y) = sine(x);
            d = cos(x); on = -6.0, 6.0; torch = "sin"; doc = "Sine of radians.";
        cos [] (x -> y) = cosine(x);
            d = -sin(x); on = -6.0, 6.0; torch = "cos"; doc = "Cosine of radians.";
        tan [] (x -> y) = tangent(x);
            d = 1.0 + y * y; on = -1.2, 1.2; torch = "tan"; doc = "Tangent of radians.";
        asin [] (x -> y) = arcsin(x);
            d = rsqrt(1.0 - x * x); on = -0.9, 0.9; torch = "asin";
            doc = "Inverse sine in radians.";
        acos [] (x -> y) = arccos(x);
            d = -rsqrt(1.0 - x * x); on = -0.9, 0.9; torch = "acos";
            doc = "Inverse cosine in radians.";
        atan [] (x -> y) = arctan(x);
            d = reciprocal(1.0 + x * x); on = -3.0, 3.0; torch = "atan";
            doc = "Inverse tangent in radians.";
        sinh [] (x -> y) = hyp_sin(x);
            d = cosh(x); on = -3.0, 3.0; torch = "sinh"; doc = "Hyperbolic sine.";
        cosh [] (x -> y) = hyp_cos(x);
            d = sinh(x); on = -3.0, 3.0; torch = "cosh"; doc = "Hyperbolic cosine.";
        erf [] (x -> y) = erf(x);
            d = 1.1283791670955126 * exp(-(x * x)); on = -3.0, 3.0; torch = "erf";
            doc = "Error function.";
        sign [] (x -> y) = select(select(x, -1.0, x < 0.0), 1.0, x > 0.0);
            d = 0.0; on = -3.0, 3.0; torch = "sign";
            doc = "-1, 0 or 1 by the sign of x. The gradient is zero.";
        floor [] (x -> y) = floor(x);
            d = 0.0; on = -3.0, 3.0; torch = "floor";
            doc = "Largest integer not above x. The gradient is zero.";
        ceil [] (x -> y) = ceil(x);
            d = 0.0; on = -3.0, 3.0; torch = "ceil";
            doc = "Smallest integer not below x. The gradient is zero.";
        round [] (x -> y) = round(x);
            d = 0.0; on = -3.0, 3.0; torch = "round";
            doc = "Nearest integer, halves to even. The gradient is zero.";
        trunc [] (x -> y) = trunc(x);
            d = 0.0; on = -3.0, 3.0; torch = "trunc";
            doc = "x without its fraction. The gradient is zero.";
        step [] (x -> y) = select(select(0.0, 1.0, x > 0.0), x, is_nan(x));
            d = 0.0; on = -3.0, 3.0; torch = "heaviside";
            doc = "1 where x > 0, else 0: the perceptron's activation. The gradient is zero.";
        tanhshrink [] (x -> y) = x - stable_tanh(x);
            d = square(tanh(x)); on = -3.0, 3.0; torch = "nn.functional.tanhshrink";
            doc = "`x - tanh(x)`.";
        gelu [] (x -> y) = 0.5 * x * (1.0 + erf(0.7071067811865476 * x));
            d = 0.5 * (1.0 + erf(0.7071067811865476 * x))
                + 0.3989422804014327 * x * exp(-0.5 * (x * x));
            on = -4.0, 4.0; torch = "nn.functional.gelu";
            doc = "Gaussian error linear unit `x · Φ(x)` (arXiv:1606.08415).";
        gelu_tanh [] (x -> y) = 0.5 * x
                * (1.0 + stable_tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
            d = {
                let t = &tanh(0.7978845608028654 * (x + 0.044715 * (x * x * x)));
                0.5 * (1.0 + t)
                    + 0.5 * x * (1.0 - t * t)
                        * (0.7978845608028654 * (1.0 + 0.134145 * (x * x)))
            };
            on = -4.0, 4.0; torch = "nn.functional.gelu(approximate='tanh')";
            doc = "GELU by its tanh approximation (arXiv:1606.08415).";
        leaky_relu [negative_slope] (x -> y) = select(x, negative_slope * x, x <= 0.0);
            d = select(1.0, negative_slope, le(x, 0.0)); on = -3.0, 3.0;
            torch = "nn.functional.leaky_relu";
            doc = "x where positive, else `negative_slope · x`; PyTorch's default slope is 0.01.";
        elu [alpha] (x -> y) = select(x, alpha * expm1(x), x <= 0.0);
            d = select(1.0, y + alpha, le(x, 0.0)); on = -3.0, 3.0; torch = "nn.functional.elu";
            doc = "Exponential linear unit: `alpha · (e^x - 1)` below zero (arXiv:1511.07289).";
        celu [alpha] (x -> y) = select(x, alpha * expm1(x / alpha), x <= 0.0);
            d = select(1.0, exp(x / alpha), le(x, 0.0)); on = -3.0, 3.0;
            torch = "nn.functional.celu";
            doc = "Continuously differentiable ELU: `alpha · (e^(x/alpha) - 1)` below zero.";
        softplus_with [beta, threshold] (x -> y) =
            select(softplus1(beta * x) / beta, x, beta * x > threshold);
            d = select(sigmoid(beta * x), 1.0, gt(beta * x, threshold)); on = -3.0, 3.0;
            torch = "nn.functional.softplus";
            doc = "`log(1 + e^(beta·x)) / beta`, and x itself where `beta · x > threshold`.";
        clamp [min, max] (x -> y) = select(select(x, min, x < min), max, x > max);
            d = within(x, min, max); on = -3.0, 3.0; torch = "clamp";
            doc = "x limited to `min..=max`; the gradient is zero outside.";
        hardshrink [lambd] (x -> y) = select(x, 0.0, x >= -lambd && x <= lambd);
            d = 1.0 - within(x, -lambd, lambd); on = -3.0, 3.0; torch = "nn.functional.hardshrink";
            doc = "x where `|x| > lambd`, else 0.";
        softshrink [lambd] (x -> y) =
            select(select(select(x, 0.0, abs(x) <= lambd), x - lambd, x > lambd),
                   x + lambd, x < -lambd);
            d = 1.0 - within(x, -lambd, lambd); on = -3.0, 3.0; torch = "nn.functional.softshrink";
            doc = "x moved towards zero by `lambd`, 0 where it would cross.";
        threshold [limit, value] (x -> y) = select(x, value, x <= limit);
            d = select(0.0, 1.0, gt(x, limit)); on = -3.0, 3.0;
            torch = "nn.functional.threshold";
            doc = "x where `x > limit`, else `value`.";
        pow_scalar [exponent] (x -> y) = power(x, exponent);
            d = pow_slope(x, exponent); on = 0.2, 3.0; torch = "pow";
            doc = "`x ^ exponent`.";
    } };
}
