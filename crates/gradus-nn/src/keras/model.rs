//! Models made of symbols: which layers lie between inputs and outputs, and running them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use gradus_autodiff::Tensor;
use gradus_tensor::{Error, Problem, Result};

use super::call::{Call, Combine, Slot};
use super::names;
use super::symbol::{Spec, Symbol, Symbols};
use crate::visit::{Part, Visit, Visitor};
use crate::{Layer, Module};

const OP: &str = "model";

/// The layers between some inputs and some outputs. Keras: `Model(inputs, outputs)`.
///
/// Layers are named as Keras names them, by their kind and a number in the order of their first
/// calls: `dense`, `dense_1`; or as you named them. The names begin the keys of the state dict. A
/// layer that was called several times is one layer. Clones share everything, and a model may
/// be called on symbols as a layer of another.
///
/// ```
/// use gradus_nn::keras::{Call, Concatenate, Dense, Model, input};
/// use gradus_nn::{Device, Module, Tensor};
///
/// let (left, right) = (input([8]), input([8]));
/// let eye = Dense::new(4).activation("relu");
/// let both = Concatenate::new().call([&eye.call(&left)?, &eye.call(&right)?])?;
/// let class = Dense::new(3).name("class").call(&both)?;
/// let depth = Dense::new(1).name("depth").call(&both)?;
/// let model = Model::new([&left, &right], [&class, &depth])?;
///
/// let x = Tensor::ones([5, 8], &Device::cpu());
/// let outputs = model.forward_many(&[&x, &x])?;
/// assert_eq!(outputs[0].shape().dims(), [5, 3]);
/// assert_eq!(outputs[1].shape().dims(), [5, 1]);
/// assert_eq!(model.named_parameters()[0].0, "dense.weight");
/// let hidden = model.output_of("concatenate", &[&x, &x])?;
/// assert_eq!(hidden[0].shape().dims(), [5, 8]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone)]
pub struct Model {
    pub(super) graph: Arc<Graph>,
    slot: Slot,
}

/// What a model consists of.
pub(super) struct Graph {
    inputs: Vec<Symbol>,
    outputs: Vec<Symbol>,
    /// Inputs and results, each after those that it is made of.
    pub(super) nodes: Vec<Symbol>,
    /// The layers with their names, in the order of their first calls; inputs among them.
    pub(super) layers: Vec<(String, Slot)>,
    /// The layer of each node.
    pub(super) layer_of: Vec<usize>,
    /// The operands of each node, and whether each is read for the last time; none for inputs.
    pub(super) operands: Vec<Vec<(usize, bool)>>,
    input_at: Vec<usize>,
    output_at: Vec<usize>,
}

impl Model {
    /// The model from `inputs` to `outputs`, one symbol or several each.
    ///
    /// An input may be any symbol, such as a layer's output; what lies before it is no part of
    /// the model.
    ///
    /// # Errors
    /// `Kind::Argument` when inputs or outputs are missing, an input stands twice or no output
    /// depends on it, an output depends on an input that is not given, or names repeat.
    pub fn new(inputs: impl Symbols, outputs: impl Symbols) -> Result<Self> {
        let graph = Graph::new(inputs.symbols(), outputs.symbols(), None)?;
        Ok(Model { graph: Arc::new(graph), slot: Slot::new("Functional") })
    }

    /// Sets its name: the summary's title, and its name as a layer of another model.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        Model { slot: self.slot.named(name), ..self }
    }

    /// Its name, or `functional`.
    pub(super) fn title(&self) -> &str {
        self.slot.name().unwrap_or("functional")
    }

    /// The outputs in order, for a tensor for each input.
    ///
    /// # Errors
    /// `Kind::Shape` that names the input when a tensor does not fit it, `Kind::Argument` for
    /// another number of tensors; those of the layers, with their names.
    pub fn forward_many(&self, xs: &[&Tensor]) -> Result<Vec<Tensor>> {
        self.graph.run(xs)
    }

    /// The model from the same inputs to the layer of this name: to each of its calls, in order.
    /// It shares the layers and their names; tensors for inputs that the layer does not depend on
    /// are ignored.
    ///
    /// # Errors
    /// `Kind::Argument` for a name that no layer has.
    pub fn sub_model(&self, layer: &str) -> Result<Model> {
        let graph = &*self.graph;
        let outputs = graph.nodes.iter().zip(&graph.layer_of);
        let outputs = outputs.filter(|(_, at)| graph.layers[**at].0 == layer);
        let outputs: Vec<Symbol> = outputs.map(|(node, _)| node.clone()).collect();
        if outputs.is_empty() {
            let names: Vec<&str> = graph.layers.iter().map(|(name, _)| &**name).collect();
            let value = format!("{layer:?}, the layers are {}", names.join(", "));
            return Err(Error::argument(OP, "layer", value, "one of their names"));
        }
        let graph = Graph::new(graph.inputs.clone(), outputs, Some(graph))?;
        Ok(Model { graph: Arc::new(graph), slot: self.slot.fresh() })
    }

    /// What the layer of this name gives for the model's inputs: a tensor for each of its calls.
    ///
    /// # Errors
    /// Those of [`Model::sub_model`] and [`Model::forward_many`].
    pub fn output_of(&self, layer: &str, xs: &[&Tensor]) -> Result<Vec<Tensor>> {
        self.sub_model(layer)?.forward_many(xs)
    }

    /// The names of the layers in the order of their first calls, inputs included.
    pub fn layer_names(&self) -> impl Iterator<Item = &str> {
        self.graph.layers.iter().map(|(name, _)| &**name)
    }

    /// A layer by name, for instance to freeze it: Keras's `layer.trainable = False` is
    /// `model.get_layer("dense").map(|layer| layer.requires_grad_(false))`.
    pub fn get_layer(&self, name: &str) -> Option<&dyn Combine> {
        self.graph.layers.iter().find(|(own, _)| own == name).and_then(|(_, slot)| slot.layer())
    }

    /// Shapes without the batch, and types, of the inputs.
    pub fn input_specs(&self) -> Vec<Spec> {
        self.graph.inputs.iter().map(|symbol| symbol.spec().clone()).collect()
    }

    /// Shapes without the batch, and types, of the outputs.
    pub fn output_specs(&self) -> Vec<Spec> {
        self.graph.outputs.iter().map(|symbol| symbol.spec().clone()).collect()
    }
}

impl Graph {
    /// With `parent`, names are its, and inputs may be left unused.
    fn new(inputs: Vec<Symbol>, outputs: Vec<Symbol>, parent: Option<&Graph>) -> Result<Self> {
        for (name, given) in [("inputs", &inputs), ("outputs", &outputs)] {
            if given.is_empty() {
                return Err(Error::argument(OP, name, "empty", "at least one symbol"));
            }
        }
        let nodes = between(&inputs, &outputs, parent.is_none())?;
        let place: BTreeMap<u64, usize> =
            nodes.iter().enumerate().map(|(at, symbol)| (symbol.node().id, at)).collect();
        let at = |symbols: &[Symbol]| -> Vec<usize> {
            symbols.iter().filter_map(|symbol| place.get(&symbol.node().id).copied()).collect()
        };
        let (input_at, output_at) = (at(&inputs), at(&outputs));

        let mut slots: Vec<Slot> = Vec::new();
        let mut layer_of = Vec::with_capacity(nodes.len());
        let mut operands = Vec::with_capacity(nodes.len());
        for (i, symbol) in nodes.iter().enumerate() {
            let node = symbol.node();
            let is_input = input_at.contains(&i);
            operands.push(if is_input { Vec::new() } else { at(&node.inputs) });
            // Another layer's output as an input is a place of this model, not that layer.
            let stands_in = is_input && !node.inputs.is_empty();
            let slot = if stands_in { Slot::new("InputLayer") } else { node.slot.clone() };
            let known = slots.iter().position(|other| other.is_same(&slot));
            layer_of.push(known.unwrap_or(slots.len()));
            if known.is_none() {
                slots.push(slot);
            }
        }
        let names = match parent {
            None => names::assign(&slots)?,
            Some(parent) => nodes_names(parent, &nodes, &layer_of, slots.len()),
        };
        let layers = names.into_iter().zip(slots).collect();
        let operands = last_reads(operands, &output_at);
        Ok(Graph { inputs, outputs, nodes, layers, layer_of, operands, input_at, output_at })
    }

    fn run(&self, xs: &[&Tensor]) -> Result<Vec<Tensor>> {
        if xs.len() != self.inputs.len() {
            let value = format!("{} for {} inputs", xs.len(), self.inputs.len());
            return Err(Error::argument(OP, "tensors", value, "one for each input"));
        }
        let mut values: Vec<Option<Tensor>> = vec![None; self.nodes.len()];
        for ((x, input), &at) in xs.iter().zip(&self.inputs).zip(&self.input_at) {
            must_fit(x, input, &self.layers[self.layer_of[at]].0)?;
            values[at] = Some((*x).clone());
        }
        for (at, operands) in self.operands.iter().enumerate() {
            let (name, slot) = &self.layers[self.layer_of[at]];
            let (false, Some(layer)) = (operands.is_empty(), slot.layer()) else { continue };
            // Values go when they were read last: one that nobody holds may fuse into its reader.
            let read = |&(at, last): &(usize, bool)| {
                if last { values[at].take() } else { values[at].clone() }
            };
            let given: Vec<Tensor> = operands.iter().filter_map(read).collect();
            let y = layer.combine(&given).map_err(|error| error.within_layer(name))?;
            values[at] = Some(y);
        }
        Ok(self.output_at.iter().filter_map(|&at| values[at].clone()).collect())
    }
}

/// The symbols on the ways from inputs to outputs, and all inputs, in the order they were made.
fn between(inputs: &[Symbol], outputs: &[Symbol], all_used: bool) -> Result<Vec<Symbol>> {
    let mut found: BTreeMap<u64, Symbol> = BTreeMap::new();
    for (i, symbol) in inputs.iter().enumerate() {
        if found.insert(symbol.node().id, symbol.clone()).is_some() {
            let value = format!("{symbol} at position {i} again");
            return Err(Error::argument(OP, "inputs", value, "every input once"));
        }
    }
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<Symbol> = outputs.to_vec();
    while let Some(symbol) = waiting.pop() {
        let node = symbol.node();
        if !reached.insert(node.id) || found.contains_key(&node.id) {
            continue;
        }
        if node.inputs.is_empty() {
            let name = node.slot.name().unwrap_or("an input");
            let value = format!("without {name} {symbol}, on which an output depends");
            return Err(Error::argument(OP, "inputs", value, "every input of the outputs"));
        }
        waiting.extend(node.inputs.iter().cloned());
        found.insert(node.id, symbol);
    }
    let unused = inputs.iter().position(|symbol| !reached.contains(&symbol.node().id));
    if let (Some(i), true) = (unused, all_used) {
        let value = format!("{} at position {i}, on which no output depends", inputs[i]);
        return Err(Error::argument(OP, "inputs", value, "inputs that lead to an output"));
    }
    Ok(found.into_values().collect())
}

/// The parent's names of the layers of `nodes`, which are among the parent's.
fn nodes_names(parent: &Graph, nodes: &[Symbol], layer_of: &[usize], layers: usize) -> Vec<String> {
    let mut names = vec![String::new(); layers];
    for (symbol, &layer) in nodes.iter().zip(layer_of) {
        let at = parent.nodes.iter().position(|other| other.node().id == symbol.node().id);
        if let Some(at) = at {
            names[layer].clone_from(&parent.layers[parent.layer_of[at]].0);
        }
    }
    names
}

/// Marks the last read of every value that is no output.
fn last_reads(operands: Vec<Vec<usize>>, outputs: &[usize]) -> Vec<Vec<(usize, bool)>> {
    let mut read: BTreeSet<usize> = outputs.iter().copied().collect();
    let mut marked: Vec<Vec<(usize, bool)>> = Vec::with_capacity(operands.len());
    for list in operands.into_iter().rev() {
        let mut list: Vec<_> = list.into_iter().rev().map(|at| (at, read.insert(at))).collect();
        list.reverse();
        marked.push(list);
    }
    marked.reverse();
    marked
}

/// # Errors
/// `Kind::Shape` unless x is a batch of what the input takes.
fn must_fit(x: &Tensor, input: &Symbol, name: &str) -> Result<()> {
    let (shape, one) = (x.shape(), &input.shape);
    if shape.rank() > 0 && shape[1..] == one[..] {
        return Ok(());
    }
    let rule = if shape == *one {
        "the batch is the first axis: `input` names the shape without it; add it with \
         `unsqueeze(0)`"
    } else {
        "x differs from the input, whose shape `input` names without the batch, the first axis"
    };
    let error = Error::shape(OP, Problem::Rule { rule }, &[("x", &shape)]);
    Err(error.within(format!("{name}, expected {input}")))
}

impl Visit for Model {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        visitor.part(Part::Module("Functional"));
        for (name, slot) in &self.graph.layers {
            if let Some(layer) = slot.layer() {
                visitor.child(name, layer);
            }
        }
    }
}

impl Module for Model {}

impl Layer for Model {
    /// The only output for the only input.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.combine(std::slice::from_ref(x))
    }
}

impl Combine for Model {
    fn combine(&self, xs: &[Tensor]) -> Result<Tensor> {
        let outputs = self.graph.outputs.len();
        if outputs != 1 {
            let expected = "one; `forward_many` gives all of them";
            return Err(Error::argument(OP, "outputs", outputs, expected));
        }
        let mut all = self.graph.run(&xs.iter().collect::<Vec<_>>())?;
        Ok(all.remove(0))
    }
}

impl Call for Model {
    fn slot(&self) -> &Slot {
        &self.slot
    }

    fn build(&self, _: &[Spec]) -> Result<Box<dyn Combine>> {
        Ok(Box::new(self.clone()))
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Model({}: {})", self.title(), self.layer_names().collect::<Vec<_>>().join(", "))
    }
}
