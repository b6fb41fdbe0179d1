//! `Flat`: what update formulas are written with, arithmetic that carries the first error.

use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};
use std::rc::Rc;

use gradus_kernels::{Binary, Compare, Reduce, Unary, Value, matmul, reduce};
use gradus_tensor::{Error, Result, Shape};

/// All elements of many parameters, of their gradients or of a state, as one array. Operators
/// extend a lazy expression; an error in one of them turns up when the step is taken.
#[derive(Clone, Debug)]
pub struct Flat {
    value: Option<Value>,
    fault: Fault,
}

/// The first error of a formula, shared by its terms.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fault(Rc<RefCell<Option<Error>>>);

impl Fault {
    pub(crate) fn flat(&self, value: Value) -> Flat {
        Flat { value: Some(value), fault: self.clone() }
    }

    fn keep(&self, result: Result<Value>) -> Flat {
        let value = match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.0.borrow_mut().get_or_insert(error);
                None
            }
        };
        Flat { value, fault: self.clone() }
    }
}

impl Flat {
    /// The expression, or the first error of the formula.
    pub(crate) fn finish(self) -> Result<Option<Value>> {
        match self.fault.0.borrow_mut().take() {
            Some(error) => Err(error),
            None => Ok(self.value),
        }
    }

    /// `value` in every element, in the shape of this.
    #[must_use]
    pub fn full_like(&self, value: f64) -> Flat {
        let full = |v: &Value| Value::constant(value, v.shape(), v.dtype(), v.device());
        Flat { value: self.value.as_ref().map(full), fault: self.fault.clone() }
    }

    fn number(&self, value: f64) -> Flat {
        let scalar = |v: &Value| Value::constant(value, (), v.dtype(), v.device());
        Flat { value: self.value.as_ref().map(scalar), fault: self.fault.clone() }
    }

    fn unary(&self, op: Unary, params: [f64; 2]) -> Flat {
        match &self.value {
            Some(x) => self.fault.keep(Value::unary(op, x, params)),
            None => self.clone(),
        }
    }

    fn zip(&self, other: &Flat, f: impl FnOnce(&Value, &Value) -> Result<Value>) -> Flat {
        match (&self.value, &other.value) {
            (Some(a), Some(b)) => self.fault.keep(f(a, b)),
            _ => Flat { value: None, fault: self.fault.clone() },
        }
    }

    fn binary(&self, op: Binary, other: &Flat) -> Flat {
        self.zip(other, |a, b| Value::binary(op, a, b))
    }

    /// The square root.
    #[must_use]
    pub fn sqrt(&self) -> Flat {
        self.unary(Unary::sqrt, [0.0; 2])
    }

    /// The square.
    #[must_use]
    pub fn square(&self) -> Flat {
        self.unary(Unary::square, [0.0; 2])
    }

    /// The magnitude.
    #[must_use]
    pub fn abs(&self) -> Flat {
        self.unary(Unary::abs, [0.0; 2])
    }

    /// -1, 0 or 1.
    #[must_use]
    pub fn sign(&self) -> Flat {
        self.unary(Unary::sign, [0.0; 2])
    }

    /// Limited to `min..=max`.
    #[must_use]
    pub fn clamp(&self, min: f64, max: f64) -> Flat {
        self.unary(Unary::clamp, [min, max])
    }

    /// The larger of both; NaN if either is.
    #[must_use]
    pub fn maximum(&self, other: &Flat) -> Flat {
        self.binary(Binary::maximum, other)
    }

    /// The smaller of both; NaN if either is.
    #[must_use]
    pub fn minimum(&self, other: &Flat) -> Flat {
        self.binary(Binary::minimum, other)
    }

    /// Where this is greater than `limit`: the condition of [`Flat::select`].
    #[must_use]
    pub fn gt(&self, limit: f64) -> Flat {
        self.zip(&self.number(limit), |a, b| Value::compare(Compare::gt, a, b))
    }

    /// Where this is less than `limit`: the condition of [`Flat::select`].
    #[must_use]
    pub fn lt(&self, limit: f64) -> Flat {
        self.zip(&self.number(limit), |a, b| Value::compare(Compare::lt, a, b))
    }

    /// `yes` where this condition holds, else `no`.
    #[must_use]
    pub fn select(&self, yes: &Flat, no: &Flat) -> Flat {
        match (&self.value, &yes.value, &no.value) {
            (Some(c), Some(a), Some(b)) => self.fault.keep(Value::select(c, a, b)),
            _ => Flat { value: None, fault: self.fault.clone() },
        }
    }

    fn map(&self, f: impl FnOnce(&Value) -> Result<Value>) -> Flat {
        match &self.value {
            Some(x) => self.fault.keep(f(x)),
            None => self.clone(),
        }
    }

    /// The 2-norm of all elements, as a number that broadcasts; for rules that look at one
    /// parameter at a time.
    #[must_use]
    pub fn norm(&self) -> Flat {
        self.square().map(|x| reduce(Reduce::sum, x, &[], false)).sqrt()
    }

    /// The same elements in another shape.
    #[must_use]
    pub fn reshape(&self, shape: &Shape) -> Flat {
        self.map(|x| x.reshaped(shape))
    }

    /// A matrix, transposed.
    #[must_use]
    pub fn t(&self) -> Flat {
        self.map(|x| x.transpose(0.into(), 1.into()))
    }

    /// The product of two matrices.
    #[must_use]
    pub fn matmul(&self, other: &Flat) -> Flat {
        self.zip(other, matmul)
    }

    /// `self + weight · (end - self)`, by the form that is exact at the nearer end, as PyTorch's
    /// `lerp`.
    #[must_use]
    pub fn lerp(&self, end: &Flat, weight: f64) -> Flat {
        match weight {
            w if w < 0.5 => self + (end - self) * w,
            w => end - (end - self) * (1.0 - w),
        }
    }
}

macro_rules! operator {
    ($trait:ident $method:ident, $a:ty, $b:ty, ($x:ident, $y:ident) => $operands:expr) => {
        impl $trait<$b> for $a {
            type Output = Flat;
            fn $method(self, other: $b) -> Flat {
                let ($x, $y) = (&self, &other);
                let (a, b): (&Flat, &Flat) = $operands;
                a.binary(Binary::$method, b)
            }
        }
    };
}

macro_rules! operators {
    ($($trait:ident $method:ident;)*) => {$(
        operator!($trait $method, &Flat, &Flat, (x, y) => (x, y));
        operator!($trait $method, &Flat, Flat, (x, y) => (x, y));
        operator!($trait $method, Flat, &Flat, (x, y) => (x, y));
        operator!($trait $method, Flat, Flat, (x, y) => (x, y));
        operator!($trait $method, &Flat, f64, (x, y) => (x, &x.number(*y)));
        operator!($trait $method, Flat, f64, (x, y) => (x, &x.number(*y)));
        operator!($trait $method, f64, &Flat, (x, y) => (&y.number(*x), y));
        operator!($trait $method, f64, Flat, (x, y) => (&y.number(*x), y));
    )*};
}
operators! { Add add; Sub sub; Mul mul; Div div; }

impl Neg for &Flat {
    type Output = Flat;
    fn neg(self) -> Flat {
        self.unary(Unary::neg, [0.0; 2])
    }
}

impl Neg for Flat {
    type Output = Flat;
    fn neg(self) -> Flat {
        -&self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradus_tensor::{Array, Kind};

    fn flat(fault: &Fault, values: &[f64]) -> Flat {
        fault.flat(Array::from_slice(values, [values.len()]).expect("array").into())
    }

    fn numbers(flat: Flat) -> Vec<f64> {
        let value = flat.finish().expect("no error").expect("a value");
        value.array().expect("array").to_vec().expect("floats")
    }

    #[test]
    fn formulas_compute() {
        let fault = Fault::default();
        let (a, b) = (flat(&fault, &[1.0, -4.0]), flat(&fault, &[2.0, 9.0]));
        assert_eq!(numbers(2.0 * &a + &b / 2.0 - 1.0), [2.0, -4.5]);
        assert_eq!(
            numbers(1.0 / (1.0 - -b.sqrt().square())),
            [1.0 / (1.0 + 2.0f64.sqrt().powi(2)), 0.1]
        );
        assert_eq!(numbers(a.abs().maximum(&b) - a.sign().minimum(&b)), [1.0, 10.0]);
        assert_eq!(numbers(a.gt(0.0).select(&b, &a.full_like(7.0))), [2.0, 7.0]);
        assert_eq!(numbers(a.lt(0.0).select(&b, &b.clamp(0.0, 1.0))), [1.0, 9.0]);
        assert_eq!(numbers(a.lerp(&b, 0.25)), [1.25, -0.75]);
        assert_eq!(numbers(a.lerp(&b, 0.75)), [1.75, 5.75]);
    }

    #[test]
    fn the_first_error_is_carried() {
        let fault = Fault::default();
        let (a, b, c) = (
            flat(&fault, &[1.0, 2.0]),
            flat(&fault, &[1.0, 2.0, 3.0]),
            flat(&fault, &[1.0, 2.0, 3.0, 4.0]),
        );
        let broken = (&a + &b) * (&b - &c);
        let error = (broken.sqrt().gt(0.0).select(&a, &a) - 1.0).finish().expect_err("shapes");
        assert!(matches!(error.kind(), Kind::Shape { op: "add", .. }), "{error}");
    }
}
