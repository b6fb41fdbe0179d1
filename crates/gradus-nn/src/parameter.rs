//! What modules hold: trained parameters, buffers, and the training mode.

use std::fmt;
use std::ops::{Add, Deref, Div, Mul, Sub};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gradus_autodiff::{Operand, Tensor, depends_on};
use gradus_tensor::Result;
use gradus_tensor::rng::Generator;
use parking_lot::Mutex;

/// A tensor that is trained. Clones are the same parameter.
///
/// ```
/// use gradus_nn::{Parameter, Tensor};
/// let weight = Parameter::new(Tensor::from_vec(vec![2.0f32, 3.0], [2])?);
/// (&weight * 5.0)?.sum_all()?.backward()?;
/// assert_eq!(weight.grad().expect("it is a leaf").to_vec::<f32>()?, [5.0, 5.0]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone)]
pub struct Parameter(Tensor);

impl Parameter {
    /// Makes a tensor a parameter: a leaf itself, which then requires gradients; of a result the
    /// elements.
    pub fn new(tensor: Tensor) -> Self {
        let leaf = if tensor.is_leaf() { tensor } else { tensor.detach() };
        Parameter(leaf.requires_grad_(true))
    }
}

/// A tensor that belongs to a module's state and is not trained, such as a running mean. Clones
/// are the same buffer.
///
/// ```
/// use gradus_nn::{Buffer, Device, Tensor};
/// let mean = Buffer::new(Tensor::zeros([2], &Device::cpu()));
/// mean.set(&Tensor::from_vec(vec![1.0f32, 2.0], [2])?)?;
/// assert_eq!(mean.to_vec::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone)]
pub struct Buffer(Tensor);

impl Buffer {
    /// Makes a tensor a buffer: a plain leaf itself; of a result or a trained leaf the elements.
    pub fn new(tensor: Tensor) -> Self {
        let plain = !tensor.requires_grad();
        Buffer(if plain { tensor } else { tensor.detach() })
    }

    /// Gives it other elements of the same shape and type; their history is dropped.
    ///
    /// # Errors
    /// `Kind::Shape` when shape or type differ.
    pub fn set(&self, value: &Tensor) -> Result<()> {
        self.0.set_value(value)
    }
}

/// A layer's own source of random numbers, such as a seeded dropout's: part of what a checkpoint
/// keeps. Clones draw from the same one.
///
/// ```
/// use gradus_nn::LayerGenerator;
/// use gradus_tensor::rng::Generator;
/// let generator = LayerGenerator::new(7);
/// let first = generator.with(|g| g.uniform(3));
/// generator.with(|g| *g = Generator::new(7));
/// assert_eq!(generator.with(|g| g.uniform(3)), first);
/// ```
#[derive(Clone, Debug)]
pub struct LayerGenerator(Arc<Mutex<Generator>>);

impl LayerGenerator {
    /// A generator from a seed.
    pub fn new(seed: u64) -> Self {
        LayerGenerator(Arc::new(Mutex::new(Generator::new(seed))))
    }

    /// Uses the generator; nobody else does meanwhile.
    pub fn with<T>(&self, f: impl FnOnce(&mut Generator) -> T) -> T {
        f(&mut self.0.lock())
    }
}

/// Whether a module trains or evaluates: a field of layers that differ between the two, switched
/// by [`Module::train`](crate::Module::train) and [`Module::eval`](crate::Module::eval). Modules
/// start in training mode. Clones switch together.
///
/// ```
/// use gradus_nn::Mode;
/// let mode = Mode::default();
/// assert!(mode.is_training());
/// mode.set_training(false);
/// assert!(!mode.clone().is_training());
/// ```
#[derive(Clone, Debug)]
pub struct Mode(Arc<Switches>);

#[derive(Debug)]
struct Switches {
    training: AtomicBool,
    /// Running estimates are plain averages for the time being, whatever the layer's momentum.
    averaging: AtomicBool,
}

impl Mode {
    /// Whether the module trains.
    pub fn is_training(&self) -> bool {
        self.read(|switches| &switches.training)
    }

    /// A switch; steps that a capture has recorded depend on it.
    fn read(&self, switch: fn(&Switches) -> &AtomicBool) -> bool {
        let now = switch(&self.0).load(Ordering::Relaxed);
        depends_on(|| {
            let own = self.0.clone();
            move || switch(&own).load(Ordering::Relaxed) == now
        });
        now
    }

    /// Switches this one mode; [`Module::set_training`](crate::Module::set_training) switches
    /// those of a whole model.
    pub fn set_training(&self, training: bool) {
        self.0.training.store(training, Ordering::Relaxed);
    }

    pub(crate) fn is_averaging(&self) -> bool {
        self.read(|switches| &switches.averaging)
    }

    pub(crate) fn set_averaging(&self, averaging: bool) {
        self.0.averaging.store(averaging, Ordering::Relaxed);
    }
}

impl Default for Mode {
    fn default() -> Self {
        Mode(Arc::new(Switches { training: true.into(), averaging: false.into() }))
    }
}

macro_rules! tensor_wrapper {
    ($($name:ident)*) => {$(
        impl Deref for $name {
            type Target = Tensor;
            fn deref(&self) -> &Tensor {
                &self.0
            }
        }

        impl From<Tensor> for $name {
            fn from(tensor: Tensor) -> Self {
                $name::new(tensor)
            }
        }

        impl Operand for $name {
            fn beside(&self, _: &Tensor) -> Tensor {
                self.0.clone()
            }
        }

        impl Operand for &$name {
            fn beside(&self, _: &Tensor) -> Tensor {
                self.0.clone()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({}, {})", stringify!($name), self.shape(), self.dtype())
            }
        }

        tensor_wrapper! { @operator $name Add add }
        tensor_wrapper! { @operator $name Sub sub }
        tensor_wrapper! { @operator $name Mul mul }
        tensor_wrapper! { @operator $name Div div }
    )*};
    (@operator $name:ident $trait:ident $method:ident) => {
        impl<O: Operand> $trait<O> for &$name {
            type Output = Result<Tensor>;
            fn $method(self, other: O) -> Result<Tensor> {
                Tensor::$method(&self.0, other)
            }
        }
    };
}
tensor_wrapper! { Parameter Buffer }

impl From<Parameter> for Tensor {
    fn from(parameter: Parameter) -> Self {
        (*parameter).clone()
    }
}

impl From<&Parameter> for Tensor {
    fn from(parameter: &Parameter) -> Self {
        (**parameter).clone()
    }
}

#[cfg(test)]
mod tests {
    use gradus_autodiff::Device;

    use super::*;

    #[test]
    fn a_parameter_of_a_result_is_a_leaf_with_its_elements() {
        let x = Tensor::ones([2], &Device::cpu()).requires_grad_(true);
        let p = Parameter::new(x.mul(3.0).unwrap());
        assert!(p.is_leaf() && p.requires_grad());
        assert_eq!(p.to_vec::<f32>().unwrap(), [3.0, 3.0]);
    }

    #[test]
    fn operators_take_parameters_on_either_side() {
        let x = Tensor::ones([2], &Device::cpu());
        let p = Parameter::new(Tensor::full([2], 4.0, x.dtype(), &Device::cpu()));
        assert_eq!((&x + &p).unwrap().to_vec::<f32>().unwrap(), [5.0, 5.0]);
        assert_eq!((&p / &x).unwrap().to_vec::<f32>().unwrap(), [4.0, 4.0]);
        assert_eq!((&p - 1.0).unwrap().to_vec::<f32>().unwrap(), [3.0, 3.0]);
    }

    #[test]
    fn a_buffer_keeps_its_shape() {
        let b = Buffer::new(Tensor::zeros([2], &Device::cpu()));
        assert!(b.set(&Tensor::zeros([3], &Device::cpu())).unwrap_err().is_shape());
        assert!(!b.requires_grad());
    }
}
