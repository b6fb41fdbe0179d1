//! The language of the derivatives in the op tables: tensor arithmetic without `?`.
//!
//! A row's derivative is compiled over [`Sym`], which carries the first error along. Because it
//! is made of tensor operations, a gradient can be differentiated again.

use std::cell::Cell;
use std::ops::{Add, Div, Mul, Neg, Sub};
use std::sync::Arc;

use gradus_kernels::unary_ops;
use gradus_tensor::{DType, Error, Kind, Result};

use crate::tensor::Tensor;

thread_local! {
    /// The float type of a choice between two numbers: that of the gradient they will scale.
    static NUMBERS: Cell<DType> = const { Cell::new(DType::F32) };
}

/// Evaluates a derivative for a gradient `g` and multiplies the two.
pub(crate) fn scaled_by(g: &Tensor, derivative: impl FnOnce() -> Sym) -> Result<Tensor> {
    NUMBERS.set(g.dtype());
    derivative().scaled(g)
}

/// A number, a tensor, or the error that prevented it.
#[derive(Clone)]
pub(crate) enum Sym {
    Num(f64),
    Val(Tensor),
    Fail(Arc<Error>),
}

impl Sym {
    fn from_result(result: Result<Tensor>) -> Self {
        result.map_or_else(|e| Sym::Fail(Arc::new(e)), Sym::Val)
    }

    fn error(error: Arc<Error>) -> Error {
        Arc::into_inner(error).unwrap_or_else(|| {
            Kind::Autograd { op: "gradient", rule: "an operand could not be computed" }.into()
        })
    }

    /// `g · self`.
    fn scaled(self, g: &Tensor) -> Result<Tensor> {
        match self {
            Sym::Num(1.0) => Ok(g.clone()),
            Sym::Num(-1.0) => g.neg(),
            Sym::Num(0.0) => Ok(Tensor::full(g.shape(), 0.0, g.dtype(), &g.device())),
            Sym::Num(value) => g.mul(value),
            Sym::Val(factor) => g.mul(&factor),
            Sym::Fail(error) => Err(Sym::error(error)),
        }
    }

    fn map(
        &self,
        number: impl FnOnce(f64) -> f64,
        tensor: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Sym {
        match self {
            Sym::Num(value) => Sym::Num(number(*value)),
            Sym::Val(value) => Sym::from_result(tensor(value)),
            Sym::Fail(error) => Sym::Fail(error.clone()),
        }
    }
}

impl From<f64> for Sym {
    fn from(value: f64) -> Self {
        Sym::Num(value)
    }
}

impl From<&Sym> for Sym {
    fn from(value: &Sym) -> Self {
        value.clone()
    }
}

impl From<&Tensor> for Sym {
    fn from(value: &Tensor) -> Self {
        Sym::Val(value.clone())
    }
}

/// Applies a two-operand method, whichever side is a number.
fn both(
    a: impl Into<Sym>,
    b: impl Into<Sym>,
    number: impl FnOnce(f64, f64) -> f64,
    tensor: impl FnOnce(&Tensor, &Tensor) -> Result<Tensor>,
) -> Sym {
    use crate::operand::Operand as _;
    match (a.into(), b.into()) {
        (Sym::Fail(error), _) | (_, Sym::Fail(error)) => Sym::Fail(error),
        (Sym::Num(a), Sym::Num(b)) => Sym::Num(number(a, b)),
        (Sym::Val(a), Sym::Num(b)) => Sym::from_result(tensor(&a, &b.beside(&a))),
        (Sym::Num(a), Sym::Val(b)) => Sym::from_result(tensor(&a.beside(&b), &b)),
        (Sym::Val(a), Sym::Val(b)) => Sym::from_result(tensor(&a, &b)),
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident $op:tt;)*) => {$(
        impl<T: Into<Sym>> $trait<T> for Sym {
            type Output = Sym;
            fn $method(self, other: T) -> Sym {
                both(self, other, |a, b| a $op b, |a, b| a.$method(b))
            }
        }
        impl<T: Into<Sym>> $trait<T> for &Sym {
            type Output = Sym;
            fn $method(self, other: T) -> Sym {
                both(self, other, |a, b| a $op b, |a, b| a.$method(b))
            }
        }
        impl $trait<Sym> for f64 {
            type Output = Sym;
            fn $method(self, other: Sym) -> Sym {
                both(self, other, |a, b| a $op b, |a, b| a.$method(b))
            }
        }
        impl $trait<&Sym> for f64 {
            type Output = Sym;
            fn $method(self, other: &Sym) -> Sym {
                both(self, other, |a, b| a $op b, |a, b| a.$method(b))
            }
        }
    )*};
}
operators! { Add add +; Sub sub -; Mul mul *; Div div /; }

impl Neg for Sym {
    type Output = Sym;
    fn neg(self) -> Sym {
        self.map(|v| -v, Tensor::neg)
    }
}

impl Neg for &Sym {
    type Output = Sym;
    fn neg(self) -> Sym {
        self.map(|v| -v, Tensor::neg)
    }
}

/// A function for every row without parameters, so that derivatives can name any op.
macro_rules! functions {
    ($($name:ident [$($p:ident),*] ($x:ident -> $y:ident) = $f:expr; d = $d:expr;
        on = $lo:expr, $hi:expr; torch = $torch:literal; doc = $doc:literal;)*) => {
        $(functions!(@one $name [$($p),*]);)*
    };
    (@one $name:ident []) => {
        #[allow(dead_code, reason = "not every op stands in a derivative")]
        pub(crate) fn $name(x: impl Into<Sym>) -> Sym {
            match x.into() {
                Sym::Num(value) => Sym::from_result(Tensor::scalar(value).$name()),
                Sym::Val(value) => Sym::from_result(value.$name()),
                Sym::Fail(error) => Sym::Fail(error),
            }
        }
    };
    (@one $name:ident [$($p:ident),+]) => {};
}
unary_ops!(functions);

pub(crate) fn softplus(x: impl Into<Sym>) -> Sym {
    x.into().map(|v| v.exp().ln_1p(), |x| x.softplus_with(1.0, f64::MAX))
}

pub(crate) fn pow(a: impl Into<Sym>, b: impl Into<Sym>) -> Sym {
    both(a, b, f64::powf, |a, b| a.pow(b))
}

/// `exponent · x^(exponent - 1)`, zero for exponent 0.
pub(crate) fn pow_slope(x: &Sym, exponent: f64) -> Sym {
    if exponent == 0.0 {
        return Sym::Num(0.0);
    }
    if exponent == 2.0 {
        return 2.0 * x;
    }
    exponent * x.map(|v| v.powf(exponent - 1.0), |x| x.pow_scalar(exponent - 1.0))
}

macro_rules! comparisons {
    ($($name:ident $op:tt;)*) => {$(
        pub(crate) fn $name(a: impl Into<Sym>, b: impl Into<Sym>) -> Sym {
            both(a, b, |a, b| f64::from(u8::from(a $op b)), |a, b| a.$name(b))
        }
    )*};
}
comparisons! { eq ==; lt <; le <=; gt >; ge >=; }

/// `yes` where the condition holds, else `no`: WGSL's order of arguments.
pub(crate) fn select(no: impl Into<Sym>, yes: impl Into<Sym>, condition: Sym) -> Sym {
    use crate::operand::Operand as _;
    let (no, yes) = (no.into(), yes.into());
    let condition = match condition {
        Sym::Fail(error) => return Sym::Fail(error),
        Sym::Num(value) => return if value != 0.0 { yes } else { no },
        Sym::Val(condition) => condition,
    };
    let like = match (&no, &yes) {
        (Sym::Val(t), _) | (_, Sym::Val(t)) => t.clone(),
        _ => Tensor::full((), 0.0, NUMBERS.get(), &condition.device()),
    };
    let tensor = |s: Sym| match s {
        Sym::Num(value) => Ok(value.beside(&like)),
        Sym::Val(tensor) => Ok(tensor),
        Sym::Fail(error) => Err(error),
    };
    match (tensor(no), tensor(yes)) {
        (Ok(no), Ok(yes)) => Sym::from_result(crate::ops::where_(&condition, &yes, &no)),
        (Err(error), _) | (_, Err(error)) => Sym::Fail(error),
    }
}

/// 1 inside `low..=high`, 0 outside.
pub(crate) fn within(x: &Sym, low: f64, high: f64) -> Sym {
    select(select(1.0, 0.0, lt(x, low)), 0.0, gt(x, high))
}
