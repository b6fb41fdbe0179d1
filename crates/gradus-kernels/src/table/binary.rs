//! Rows of the ops with two operands, which broadcast.

/// Hands every row of the two-operand table to `$callback`.
///
/// `name (a, b -> y) = formula; da, db = derivatives; on a = lo, hi; on b = lo, hi; torch; doc`.
#[macro_export]
macro_rules! binary_ops {
    ($callback:ident) => {
        $callback! {
            add (a, b -> y) = a + b; da = 1.0; db = 1.0;
                on = -3.0, 3.0; on_b = -3.0, 3.0; torch = "add"; doc = "`a + b`.";
            sub (a, b -> y) = a - b; da = 1.0; db = -1.0;
                on = -3.0, 3.0; on_b = -3.0, 3.0; torch = "sub"; doc = "`a - b`.";
            mul (a, b -> y) = a * b; da = b; db = a;
                on = -3.0, 3.0; on_b = -3.0, 3.0; torch = "mul"; doc = "`a · b`.";
            div (a, b -> y) = a / b; da = reciprocal(b); db = -(y / b);
                on = -3.0, 3.0; on_b = 0.3, 3.0; torch = "div"; doc = "`a / b`.";
            pow (a, b -> y) = power(a, b); da = b * pow(a, b - 1.0);
                db = select(y * log(a), 0.0, le(a, 0.0));
                on = 0.3, 3.0; on_b = -2.0, 2.0; torch = "pow"; doc = "`a ^ b`.";
            maximum (a, b -> y) = nan_max(a, b);
                da = select(select(0.0, 1.0, gt(a, b)), 0.5, eq(a, b));
                db = select(select(0.0, 1.0, gt(b, a)), 0.5, eq(a, b));
                on = -3.0, 3.0; on_b = -3.0, 3.0; torch = "maximum";
                doc = "The larger of a and b; NaN if either is. Ties share the gradient.";
            minimum (a, b -> y) = nan_min(a, b);
                da = select(select(0.0, 1.0, lt(a, b)), 0.5, eq(a, b));
                db = select(select(0.0, 1.0, lt(b, a)), 0.5, eq(a, b));
                on = -3.0, 3.0; on_b = -3.0, 3.0; torch = "minimum";
                doc = "The smaller of a and b; NaN if either is. Ties share the gradient.";
            atan2 (a, b -> y) = arctan2(a, b);
                da = b / (a * a + b * b); db = -(a / (a * a + b * b));
                on = 0.2, 3.0; on_b = 0.2, 3.0; torch = "atan2";
                doc = "Angle of the point (b, a) in radians.";
        }
    };
}
