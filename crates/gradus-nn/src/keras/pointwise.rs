//! Keras's layers that are functions: activations with options, scaling, functions of the user's.

use std::fmt;
use std::sync::Arc;

use gradus_autodiff::{DType, Dim, Tensor};
use gradus_tensor::{Device, Error, Result};

use super::call::{Combine, One, one_input};
use super::symbol::Spec;
use crate::parameter::Parameter;
use crate::visit::{Visit, Visitor};
use crate::{Layer, Module};

type Closure = dyn Fn(&Tensor) -> Result<Tensor> + Send + Sync;

/// A function of a tensor.
#[derive(Clone)]
pub struct Function(Arc<Closure>);

impl<F: Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static> From<F> for Function {
    fn from(function: F) -> Self {
        Function(Arc::new(function))
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a function")
    }
}

impl Visit for Function {
    fn visit(&self, _: &mut Visitor<'_>) {}
}

impl Module for Function {}

impl Layer for Function {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        (self.0)(x)
    }
}

super::layer! {
    /// A function of yours as a layer. Keras: `Lambda(function)`.
    ///
    /// ```
    /// use gradus_nn::keras::{Call, Lambda, Model, input};
    /// use gradus_nn::{Layer, Tensor};
    /// let x = input([2]);
    /// let y = Lambda::new(|x: &Tensor| x.square()?.sum(&[-1], true)).call(&x)?;
    /// assert_eq!(y.to_string(), "(None, 1)");
    /// let length = Model::new(&x, &y)?.forward(&Tensor::from_vec(vec![3.0f32, 4.0], [1, 2])?)?;
    /// assert_eq!(length.item()?, 25.0);
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    Lambda => "Lambda"; {
        function: Function [impl Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static]
    } with {}
}

impl Lambda {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        one_input("lambda", inputs, &[], "")?;
        Ok(Box::new(One(self.function.clone())))
    }
}

macro_rules! functions {
    ($(
        $(#[$doc:meta])*
        $name:ident $op:literal { $($(#[$odoc:meta])* $option:ident: $t:ty = $default:expr),* }
        $function:expr;
    )*) => {$(
        super::layer! {
            $(#[$doc])*
            $name => stringify!($name); {} with {
                $($(#[$odoc])* $option: $t [$t] = $default),*
            }
        }

        impl $name {
            fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
                one_input($op, inputs, &[], "")?;
                $(let $option = self.$option;)*
                let function: fn(&Tensor, $($t),*) -> Result<Tensor> = $function;
                Ok(Box::new(One(Function::from(move |x: &Tensor| function(x, $($option),*)))))
            }
        }
    )*};
}
functions! {
    /// `max(x, 0)`. Keras: `ReLU()`.
    ReLU "re_lu" {} |x| x.relu();
    /// x, and below zero `negative_slope · x`. Keras: `LeakyReLU()`, whose slope is 0.3, while the
    /// [`Activation`](super::Activation) `leaky_relu` has 0.2.
    ///
    /// ```
    /// use gradus_nn::keras::{Call, LeakyReLU, Model, input};
    /// use gradus_nn::{Layer, Tensor};
    /// let x = input([2]);
    /// let model = Model::new(&x, &LeakyReLU::new().negative_slope(0.5).call(&x)?)?;
    /// let y = model.forward(&Tensor::from_vec(vec![-3.0f32, 4.0], [1, 2])?)?;
    /// assert_eq!(y.to_vec::<f32>()?, [-1.5, 4.0]);
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    LeakyReLU "leaky_re_lu" {
        /// Sets the slope below zero.
        negative_slope: f64 = 0.3
    } |x, slope| x.leaky_relu(slope);
    /// x, and below zero `alpha · (eˣ - 1)`. Keras: `ELU()`.
    ELU "elu" {
        /// Sets the limit below zero.
        alpha: f64 = 1.0
    } |x, alpha| x.elu(alpha);
    /// Softmax along an axis, counted with the batch. Keras: `Softmax()`.
    Softmax "softmax" {
        /// Sets the axis; the last by default.
        axis: Dim = -1
    } |x, axis| x.softmax(axis);
    /// Vectors along an axis divided by their lengths. Keras: `UnitNormalization()`.
    UnitNormalization "unit_normalization" {
        /// Sets the axis; the last by default.
        axis: Dim = -1
    } |x, axis| x.normalize(2.0, axis, 1e-12);
}

super::layer! {
    /// `x · scale + offset`. Keras: `Rescaling(scale)`.
    ///
    /// ```
    /// use gradus_nn::keras::{Call, Model, Rescaling, input};
    /// use gradus_nn::{Layer, Tensor};
    /// let pixels = input([2]);
    /// let y = Rescaling::new(1.0 / 127.5).offset(-1.0).call(&pixels)?;
    /// let y = Model::new(&pixels, &y)?.forward(&Tensor::from_vec(vec![0.0f32, 255.0], [1, 2])?)?;
    /// assert_eq!(y.to_vec::<f32>()?, [-1.0, 1.0]);
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    Rescaling => "Rescaling"; { scale: f64 [f64] } with {
        /// Sets what is added.
        offset: f64 [f64] = 0.0,
    }
}

impl Rescaling {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        one_input("rescaling", inputs, &[], "")?;
        let (scale, offset) = (self.scale, self.offset);
        Ok(Box::new(One(Function::from(move |x: &Tensor| x.mul(scale)?.add(offset)))))
    }
}

super::layer! {
    /// x, and below zero `alpha · x` with an alpha that is learned, one for every position of a
    /// sample. Keras: `PReLU()`; the layer of PyTorch, [`PRelu`](crate::PRelu), has one a channel.
    ///
    /// ```
    /// use gradus_nn::Module;
    /// use gradus_nn::keras::{Call, Model, PReLU, input};
    /// let x = input([3, 4, 5]);
    /// let all = Model::new(&x, &PReLU::new().call(&x)?)?;
    /// let by_channel = Model::new(&x, &PReLU::new().shared_axes([2, 3]).call(&x)?)?;
    /// assert_eq!((all.num_parameters(), by_channel.num_parameters()), (60, 3));
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    PReLU => "PReLU"; {} with {
        /// Sets the axes along which alpha is the same, counted with the batch.
        shared_axes: Vec<usize> [impl Into<Vec<usize>>] = Vec::new(),
    }
}

impl PReLU {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        let x = one_input("p_re_lu", inputs, &[], "")?;
        let mut shape = x.shape.to_vec();
        for &axis in &self.shared_axes {
            match axis.checked_sub(1).and_then(|at| shape.get_mut(at)) {
                Some(size) => *size = 1,
                None => {
                    let expected = "axes of a sample: the batch is axis 0";
                    return Err(Error::argument("p_re_lu", "shared_axes", axis, expected));
                }
            }
        }
        let alpha = Tensor::full(shape, 0.0, DType::F32, &Device::cpu());
        Ok(Box::new(One(Slopes { alpha: Parameter::new(alpha) })))
    }
}

#[derive(Module)]
struct Slopes {
    alpha: Parameter,
}

impl Layer for Slopes {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.relu()?.sub(&x.neg()?.relu()?.mul(&*self.alpha)?)
    }
}
