//! Initialisers: what a parameter's elements are when training begins.
//!
//! They have the names and defaults of `torch.nn.init`. Each takes a leaf and a generator, `None`
//! for this thread's default one; [`Init`] names one of them as a value, for options of layers.
//!
//! ```
//! use gradus_nn::{Linear, Module, init};
//! use gradus_tensor::rng::Generator;
//!
//! let layer = Linear::new(100, 50)?;
//! init::xavier_normal(&layer.weight, 1.0, Some(&mut Generator::new(7)))?;
//! init::zeros(&layer.bias.expect("it has one by default"))?;
//! # Ok::<(), gradus_nn::Error>(())
//! ```

mod choice;
mod fans;
mod matrices;
mod values;

pub use choice::Init;
pub(crate) use fans::uniform_of_fan;
pub use fans::{
    Fan, Nonlinearity, calculate_gain, kaiming_normal, kaiming_uniform, lecun_normal,
    lecun_uniform, xavier_normal, xavier_uniform,
};
pub use matrices::{dirac, eye, orthogonal, sparse};
pub use values::{constant, normal, ones, trunc_normal, uniform, zeros};
