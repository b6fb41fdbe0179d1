//! Calling layers on symbols: the layer is made when its input is known, once.

use std::fmt;
use std::sync::{Arc, OnceLock};

use gradus_autodiff::{Device, Tensor, count_flops, no_grad};
use gradus_tensor::{Error, Problem, Result};

use super::symbol::{Spec, Symbol, Symbols};
use crate::parameter::Mode;
use crate::visit::{Part, Visit, Visitor, walk};
use crate::{Layer, Module};

/// A module from tensors to a tensor: what a [`Call`] makes. Every [`Layer`] is one of one tensor
/// by way of [`Call::build`]'s `Box::new(One(layer))`.
pub trait Combine: Module + Send + Sync {
    /// The output for `xs`.
    ///
    /// # Errors
    /// Those of the layer; `Kind::Shape` when the inputs do not fit.
    fn combine(&self, xs: &[Tensor]) -> Result<Tensor>;
}

/// A layer as a [`Combine`] of one tensor.
pub struct One<L>(pub L);

impl<L: Visit> Visit for One<L> {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        self.0.visit(visitor);
    }
}

impl<L: Module> Module for One<L> {}

impl<L: Layer> Combine for One<L> {
    fn combine(&self, xs: &[Tensor]) -> Result<Tensor> {
        match xs {
            [x] => self.0.forward(x),
            _ => Err(Error::argument("call", "inputs", xs.len(), "one tensor")),
        }
    }
}

/// Holds what a [`Call`] has made: which layer a symbol came from. Clones hold the same layer, so
/// calls of clones share its parameters.
#[derive(Clone)]
pub struct Slot {
    kind: &'static str,
    name: Option<String>,
    layer: Arc<OnceLock<Box<dyn Combine>>>,
}

impl Slot {
    /// An empty slot for a kind of layer, such as `Dense`, from which its name follows.
    pub fn new(kind: &'static str) -> Self {
        Slot { kind, name: None, layer: Arc::default() }
    }

    /// An empty slot of the same kind with a name.
    #[must_use]
    pub fn named(&self, name: impl Into<String>) -> Self {
        Slot { name: Some(name.into()), ..Slot::new(self.kind) }
    }

    /// An empty slot of the same kind and name: for a copy that is a layer of its own.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Slot { name: self.name.clone(), ..Slot::new(self.kind) }
    }

    /// The kind of layer.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The name that the user gave it.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The layer, if it has been made.
    pub fn layer(&self) -> Option<&dyn Combine> {
        self.layer.get().map(|layer| &**layer)
    }

    pub(super) fn is_same(&self, other: &Slot) -> bool {
        Arc::ptr_eq(&self.layer, &other.layer)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name.as_deref().unwrap_or(self.kind))
    }
}

/// A layer that is called on symbols: Keras's `layer(x)` is `layer.call(&x)`.
///
/// The first call makes it, when the shapes of its inputs are known; every further call, of a
/// clone too, uses the same parameters. An option that is set on a clone makes it a layer of its
/// own.
///
/// ```
/// use gradus_nn::Module;
/// use gradus_nn::keras::{Call, Dense, Model, input};
/// let (a, b) = (input([4]), input([4]));
/// let shared = Dense::new(3);
/// let model = Model::new([&a, &b], [&shared.call(&a)?, &shared.call(&b)?])?;
/// assert_eq!(model.num_parameters(), 4 * 3 + 3);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
///
/// A layer whose sizes follow from its input needs the two methods; one that is complete is
/// called by way of [`Apply`](super::Apply).
///
/// ```
/// use gradus_nn::keras::{Call, Combine, One, Slot, Spec, input};
/// use gradus_nn::{Linear, Result};
///
/// /// A layer with as many outputs as inputs.
/// struct Square(Slot);
///
/// impl Call for Square {
///     fn slot(&self) -> &Slot {
///         &self.0
///     }
///     fn build(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
///         let features = inputs[0].shape[0];
///         Ok(Box::new(One(Linear::new(features, features)?)))
///     }
/// }
///
/// let y = Square(Slot::new("Square")).call(&input([5]))?;
/// assert_eq!(y.to_string(), "(None, 5)");
/// # Ok::<(), gradus_nn::Error>(())
/// ```
pub trait Call {
    /// Where the layer is kept.
    fn slot(&self) -> &Slot;

    /// Makes the layer for its first inputs, of which there is at least one.
    ///
    /// # Errors
    /// Those of the layer; `Kind::Shape` and `Kind::Argument` when it cannot take the inputs.
    fn build(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>>;

    /// The symbol of the layer's output for one input or several.
    ///
    /// Shape and type are those that the layer itself gives for a batch of two zeros in
    /// evaluation, without gradients: they cannot differ from what it does. So is the cost. Most
    /// layers compute nothing for it, as values are lazy. Running estimates stay as they are.
    ///
    /// # Errors
    /// Those of the layer for such an input, with its name; `Kind::Shape` when the layer does not
    /// keep the batch as the first axis, `Kind::Argument` for no inputs.
    fn call(&self, inputs: impl Symbols) -> Result<Symbol>
    where
        Self: Sized,
    {
        call(self, inputs.symbols())
    }
}

pub(super) fn call(layer: &dyn Call, inputs: Vec<Symbol>) -> Result<Symbol> {
    let slot = layer.slot();
    let within = |error: Error| {
        let specs: Vec<String> = inputs.iter().map(Symbol::to_string).collect();
        error.within(format!("{slot:?}, called on {}", specs.join(" and ")))
    };
    if inputs.is_empty() {
        return Err(within(Error::argument("call", "inputs", "empty", "at least one symbol")));
    }
    let specs: Vec<Spec> = inputs.iter().map(|symbol| symbol.spec().clone()).collect();
    let told = match slot.layer() {
        Some(made) => probe(made, &specs),
        None => layer.build(&specs).and_then(|made| {
            // A layer that does not take its first inputs is not kept: others may fit.
            let told = probe(&*made, &specs)?;
            // Of two threads that come here at once, one's layer is used by both.
            match (slot.layer.set(made), slot.layer()) {
                (Err(_), Some(first)) => probe(first, &specs),
                _ => Ok(told),
            }
        }),
    };
    let (spec, flops) = told.map_err(within)?;
    Ok(Symbol::new(slot.clone(), inputs, spec, flops))
}

/// Samples of the batch that tells shapes: with one, statistics over a batch would not exist.
const SAMPLES: usize = 2;

/// What the layer makes of a batch of zeros, and the flops of one sample.
fn probe(layer: &dyn Combine, inputs: &[Spec]) -> Result<(Spec, u64)> {
    let mut device = None;
    walk(layer, &mut |_, part| match part {
        Part::Parameter(tensor) => device = device.take().or_else(|| Some(tensor.device())),
        Part::Buffer(tensor) => device = device.take().or_else(|| Some(tensor.device())),
        Part::Module(_) | Part::Mode(_) | Part::Generator(_) => {}
    });
    let device = device.unwrap_or_else(Device::cpu);
    let zeros = |spec: &Spec| {
        let shape = [&[SAMPLES], &spec.shape[..]].concat();
        Tensor::full(shape, 0.0, spec.dtype, &device)
    };
    let xs: Vec<Tensor> = inputs.iter().map(zeros).collect();
    let (y, flops) = {
        let _evaluating = Evaluating::new(layer);
        count_flops(|| no_grad(|| layer.combine(&xs)))
    };
    let y = y?;
    let shape = y.shape();
    if shape.first() != Some(&SAMPLES) {
        let rule = "a layer must keep the batch as the first axis; this one was given two samples";
        let operands: Vec<_> = xs.iter().map(|x| ("x", x.shape())).collect();
        let mut named: Vec<_> = operands.iter().map(|(name, shape)| (*name, shape)).collect();
        named.push(("y", &shape));
        return Err(Error::shape("call", Problem::Rule { rule }, &named));
    }
    let spec = Spec { shape: shape[1..].into(), dtype: y.dtype() };
    Ok((spec, flops / SAMPLES as u64))
}

/// Switches the layers that train to evaluation, and back when dropped.
struct Evaluating(Vec<Mode>);

impl Evaluating {
    fn new(layer: &dyn Combine) -> Self {
        let mut training = Vec::new();
        walk(layer, &mut |_, part| {
            if let Part::Mode(mode) = part
                && mode.is_training()
            {
                training.push(mode.clone());
            }
        });
        training.iter().for_each(|mode| mode.set_training(false));
        Evaluating(training)
    }
}

impl Drop for Evaluating {
    fn drop(&mut self) {
        self.0.iter().for_each(|mode| mode.set_training(true));
    }
}

/// A complete layer of this crate or of yours, called on symbols.
///
/// ```
/// use gradus_nn::keras::{Apply, Call, Model, input};
/// use gradus_nn::{Linear, Module};
/// let x = input([3]);
/// let encoder = Apply::new(Linear::new(3, 8)?).name("encoder");
/// let model = Model::new(&x, &encoder.call(&x)?)?;
/// assert_eq!(model.named_parameters()[0].0, "encoder.weight");
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone)]
pub struct Apply {
    layer: Arc<dyn Layer>,
    slot: Slot,
}

impl Apply {
    /// A layer, which is named after its type.
    pub fn new(layer: impl Layer + 'static) -> Self {
        Apply::shared(Arc::new(layer))
    }

    pub(crate) fn shared(layer: Arc<dyn Layer>) -> Self {
        let mut kind = None;
        walk(&*layer, &mut |_, part| {
            if let Part::Module(name) = part {
                kind.get_or_insert(name);
            }
        });
        Apply { layer, slot: Slot::new(kind.unwrap_or("Layer")) }
    }

    /// Sets its name in the model.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        Apply { slot: self.slot.named(name), ..self }
    }
}

impl Call for Apply {
    fn slot(&self) -> &Slot {
        &self.slot
    }

    fn build(&self, _: &[Spec]) -> Result<Box<dyn Combine>> {
        Ok(Box::new(One(Arc::clone(&self.layer))))
    }
}

/// # Errors
/// `Kind::Shape` unless there is one input with a number of axes behind the batch.
pub(super) fn one_input<'a>(
    op: &'static str,
    inputs: &'a [Spec],
    ranks: &[usize],
    expected: &'static str,
) -> Result<&'a Spec> {
    let [x] = inputs else {
        return Err(Error::argument(op, "inputs", inputs.len(), "one symbol"));
    };
    if !ranks.is_empty() && !ranks.contains(&x.shape.rank()) {
        return Err(Error::argument(op, "x", x, expected));
    }
    Ok(x)
}
