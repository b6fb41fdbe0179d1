//! Rows of the ops with one operand.

use crate::call::{Row, row, y};

/// Rows whose method has the op's name and no parameters.
macro_rules! plain {
    ($($name:ident)*) => { [$(row(stringify!($name), |c| y(c.x()?.$name())),)*] };
}

pub(crate) const PLAIN: &[Row] = &plain! {
    relu sigmoid tanh silu mish softsign relu6 hardswish hardsigmoid logsigmoid selu exp exp2
    expm1 log log1p log2 log10 sqrt rsqrt square reciprocal abs neg sin cos tan asin acos atan
    sinh cosh erf sign floor ceil round trunc tanhshrink isfinite logical_not step
};

pub(crate) const WITH_PARAMETERS: &[Row] = &[
    row("gelu", |c| {
        y(match c.attrs.text("approximate", "none")? {
            "tanh" => c.x()?.gelu_tanh(),
            _ => c.x()?.gelu(),
        })
    }),
    row("leaky_relu", |c| y(c.x()?.leaky_relu(c.attrs.float("negative_slope", 0.01)?))),
    row("elu", |c| y(c.x()?.elu(c.attrs.float("alpha", 1.0)?))),
    row("celu", |c| y(c.x()?.celu(c.attrs.float("alpha", 1.0)?))),
    row("softplus", |c| {
        let (beta, threshold) = (c.attrs.float("beta", 1.0)?, c.attrs.float("threshold", 20.0)?);
        y(c.x()?.softplus_with(beta, threshold))
    }),
    row("hardtanh", |c| {
        let low = c.attrs.float("min", c.attrs.float("min_val", -1.0)?)?;
        let high = c.attrs.float("max", c.attrs.float("max_val", 1.0)?)?;
        y(c.x()?.hardtanh(low, high))
    }),
    row("clamp", |c| {
        let low = c.attrs.float("min", f64::NEG_INFINITY)?;
        y(c.x()?.clamp(low, c.attrs.float("max", f64::INFINITY)?))
    }),
    row("hardshrink", |c| y(c.x()?.hardshrink(c.attrs.float("lambd", 0.5)?))),
    row("softshrink", |c| y(c.x()?.softshrink(c.attrs.float("lambd", 0.5)?))),
    row("threshold", |c| {
        let (limit, value) = (c.attrs.float("threshold", 0.0)?, c.attrs.float("value", 0.0)?);
        y(c.x()?.threshold(limit, value))
    }),
    row("pow_scalar", |c| y(c.x()?.pow_scalar(c.attrs.float("exponent", 2.0)?))),
    row("prelu", |c| y(c.x()?.prelu(c.input("weight")?))),
    row("glu", |c| y(c.x()?.glu(c.attrs.dim(-1)?))),
];
