//! Activations by Keras's names.

use gradus_autodiff::{Dim, Tensor};
use gradus_tensor::{Error, Result};

use super::call::{Combine, One, one_input};
use super::symbol::Spec;
use crate::Layer;
use crate::Module;
use crate::visit::{Visit, Visitor};

/// A function of a tensor, and of the axis of its features.
type Function = fn(&Tensor, Dim) -> Result<Tensor>;

/// Keras's names and definitions.
const TABLE: &[(&str, Function)] = &[
    ("linear", |x, _| Ok(x.clone())),
    ("relu", |x, _| x.relu()),
    ("relu6", |x, _| x.relu6()),
    ("leaky_relu", |x, _| x.leaky_relu(0.2)),
    ("elu", |x, _| x.elu(1.0)),
    ("selu", |x, _| x.selu()),
    ("celu", |x, _| x.celu(1.0)),
    ("gelu", |x, _| x.gelu()),
    ("sigmoid", |x, _| x.sigmoid()),
    ("log_sigmoid", |x, _| x.logsigmoid()),
    ("hard_sigmoid", |x, _| x.hardsigmoid()),
    ("tanh", |x, _| x.tanh()),
    ("hard_tanh", |x, _| x.hardtanh(-1.0, 1.0)),
    ("softplus", |x, _| x.softplus_with(1.0, 20.0)),
    ("softsign", |x, _| x.softsign()),
    ("silu", |x, _| x.silu()),
    ("swish", |x, _| x.silu()),
    ("hard_silu", |x, _| x.hardswish()),
    ("hard_swish", |x, _| x.hardswish()),
    ("mish", |x, _| x.mish()),
    ("exponential", |x, _| x.exp()),
    ("softmax", |x, axis| x.softmax(axis)),
    ("log_softmax", |x, axis| x.log_softmax(axis)),
];

/// # Errors
/// `Kind::Argument` that lists the names when it is none of them.
fn find(name: &str) -> Result<Function> {
    match TABLE.iter().find(|(known, _)| *known == name) {
        Some((_, function)) => Ok(*function),
        None => {
            let names: Vec<&str> = TABLE.iter().map(|(known, _)| *known).collect();
            let value = format!("{name:?}, known are {}", names.join(", "));
            Err(Error::argument("activation", "name", value, "a known name"))
        }
    }
}

/// A layer with an activation behind it, under the layer's own names.
struct Activated<L> {
    layer: L,
    function: Function,
    axis: Dim,
}

impl<L: Visit> Visit for Activated<L> {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        self.layer.visit(visitor);
    }
}

impl<L: Module> Module for Activated<L> {}

impl<L: Layer> Layer for Activated<L> {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        (self.function)(&self.layer.forward(x)?, self.axis)
    }
}

/// The layer, followed by the activation of this name along the axis of its features.
///
/// # Errors
/// `Kind::Argument` for an unknown name.
pub(super) fn activated(
    layer: impl Layer + 'static,
    name: &str,
    axis: Dim,
) -> Result<Box<dyn Combine>> {
    let function = find(name)?;
    Ok(Box::new(One(Activated { layer, function, axis })))
}

super::layer! {
    /// An activation by its Keras name, such as `relu`, `gelu` or `softmax`, which is along the
    /// last axis. Keras: `Activation`.
    ///
    /// ```
    /// use gradus_nn::keras::{Activation, Call, Model, input};
    /// use gradus_nn::{Layer, Tensor};
    /// let x = input([2]);
    /// let model = Model::new(&x, &Activation::new("leaky_relu").call(&x)?)?;
    /// let y = model.forward(&Tensor::from_vec(vec![-1.0f32, 2.0], [1, 2])?)?;
    /// assert_eq!(y.to_vec::<f32>()?, [-0.2, 2.0]);
    /// let text = Activation::new("rely").call(&x).unwrap_err().to_string();
    /// assert!(text.starts_with("activation: name is \"rely\", known are linear, relu,"));
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    Activation => "Activation"; { activation: String [&str] } with {}
}

impl Activation {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        one_input("activation", inputs, &[], "")?;
        activated(crate::Identity, &self.activation, -1)
    }
}
