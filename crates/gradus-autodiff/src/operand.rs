//! Operands of two-operand methods and operators: tensors or plain numbers.

use std::ops::{Add, Div, Mul, Neg, Sub};

use gradus_kernels::Value;
use gradus_tensor::{DType, Result};

use crate::tensor::Tensor;

/// A tensor or a number on the other side of an operation.
pub trait Operand {
    /// The operand as a tensor beside `other`: a number takes its device and, where it can, its
    /// type. A fraction beside integers is float32.
    fn beside(&self, other: &Tensor) -> Tensor;
}

impl Operand for Tensor {
    fn beside(&self, _: &Tensor) -> Tensor {
        self.clone()
    }
}

impl Operand for &Tensor {
    fn beside(&self, _: &Tensor) -> Tensor {
        (*self).clone()
    }
}

impl Operand for f64 {
    fn beside(&self, other: &Tensor) -> Tensor {
        let dtype = match other.dtype() {
            dtype if dtype.is_float() => dtype,
            _ if self.fract() == 0.0 && self.abs() < 2_147_483_648.0 => DType::I32,
            _ => DType::F32,
        };
        Tensor::constant(Value::constant(*self, (), dtype, &other.device()))
    }
}

macro_rules! number_operand {
    ($($t:ty),*) => {$(impl Operand for $t {
        fn beside(&self, other: &Tensor) -> Tensor {
            f64::from(*self).beside(other)
        }
    })*};
}
number_operand!(f32, i32, u32, u8);

macro_rules! operators {
    ($($trait:ident $method:ident;)*) => {$(
        impl<O: Operand> $trait<O> for &Tensor {
            type Output = Result<Tensor>;
            fn $method(self, other: O) -> Result<Tensor> {
                Tensor::$method(self, other)
            }
        }
        impl<O: Operand> $trait<O> for Tensor {
            type Output = Result<Tensor>;
            fn $method(self, other: O) -> Result<Tensor> {
                Tensor::$method(&self, other)
            }
        }
        impl $trait<&Tensor> for f64 {
            type Output = Result<Tensor>;
            fn $method(self, other: &Tensor) -> Result<Tensor> {
                Tensor::$method(&self.beside(other), other)
            }
        }
        impl $trait<Tensor> for f64 {
            type Output = Result<Tensor>;
            fn $method(self, other: Tensor) -> Result<Tensor> {
                Tensor::$method(&self.beside(&other), &other)
            }
        }
    )*};
}
operators! { Add add; Sub sub; Mul mul; Div div; }

impl Neg for &Tensor {
    type Output = Result<Tensor>;
    fn neg(self) -> Result<Tensor> {
        Tensor::neg(self)
    }
}
