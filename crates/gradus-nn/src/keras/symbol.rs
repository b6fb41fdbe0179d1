//! Symbols: tensors of a functional model before there is data.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gradus_tensor::{DType, Shape};

use super::call::Slot;

/// What is known of a tensor before there is data: everything but the size of the batch, its
/// first axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The sizes behind the batch.
    pub shape: Shape,
    /// The elements' type.
    pub dtype: DType,
}

impl fmt::Display for Spec {
    /// As Keras prints it: `(None, 28, 28)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(None")?;
        for size in self.shape.iter() {
            write!(f, ", {size}")?;
        }
        f.write_str(")")
    }
}

/// A tensor of a functional model before there is data: an [`input`] or the result of a
/// [`call`](super::Call::call). Keras: `KerasTensor`. Clones are the same symbol.
///
/// Its shape excludes the batch:
///
/// ```
/// use gradus_nn::keras::{Call, Dense, input};
/// let x = input([28, 28]);
/// let y = Dense::new(10).call(&x)?;
/// assert_eq!((x.to_string(), y.to_string()), ("(None, 28, 28)".into(), "(None, 28, 10)".into()));
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone)]
pub struct Symbol(Arc<Node>);

/// How a symbol came to be. Symbols only lead to older ones, so a graph has no cycles, and the
/// order of the numbers is an order to compute it in.
pub(super) struct Node {
    pub(super) id: u64,
    pub(super) slot: Slot,
    pub(super) inputs: Vec<Symbol>,
    pub(super) spec: Spec,
    /// Of one sample.
    pub(super) flops: u64,
}

impl Symbol {
    pub(super) fn new(slot: Slot, inputs: Vec<Symbol>, spec: Spec, flops: u64) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Symbol(Arc::new(Node { id, slot, inputs, spec, flops }))
    }

    pub(super) fn node(&self) -> &Node {
        &self.0
    }

    /// Shape without the batch, and type.
    pub fn spec(&self) -> &Spec {
        &self.0.spec
    }
}

impl Deref for Symbol {
    type Target = Spec;
    fn deref(&self) -> &Spec {
        &self.0.spec
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.spec.fmt(f)
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Symbol({self}, {})", self.dtype)
    }
}

/// An input of a model: float32 tensors of `shape` behind the batch. Keras: `Input(shape)`.
///
/// The shape is that of one sample. 28×28 images are `input([28, 28])` however many there are;
/// the model takes `[N, 28, 28]`:
///
/// ```
/// use gradus_nn::keras::{Call, Flatten, Model, input};
/// use gradus_nn::{Device, Layer, Tensor};
/// let x = input([28, 28]);
/// let model = Model::new(&x, &Flatten::new().call(&x)?)?;
/// let image = Tensor::zeros([28, 28], &Device::cpu());
/// let text = model.forward(&image).unwrap_err().to_string();
/// assert!(text.contains("the batch is the first axis") && text.contains("unsqueeze(0)"));
/// assert_eq!(model.forward(&image.unsqueeze(0)?)?.shape().dims(), [1, 784]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
pub fn input(shape: impl Into<Shape>) -> Symbol {
    input_with(shape, InputOptions::default())
}

/// Options of an [`input`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputOptions {
    /// The elements' type; an embedding takes integers.
    pub dtype: DType,
    /// Its name; `input_layer` with a number by default.
    pub name: Option<String>,
}

impl Default for InputOptions {
    fn default() -> Self {
        InputOptions { dtype: DType::F32, name: None }
    }
}

impl InputOptions {
    /// Float32 under a name.
    pub fn named(name: impl Into<String>) -> Self {
        InputOptions { name: Some(name.into()), ..InputOptions::default() }
    }
}

/// An [`input`] with options.
///
/// ```
/// use gradus_nn::DType;
/// use gradus_nn::keras::{Call, Embedding, InputOptions, input_with};
/// let words = input_with([12], InputOptions { dtype: DType::I32, name: Some("words".into()) });
/// assert_eq!(Embedding::new(1000, 16).call(&words)?.to_string(), "(None, 12, 16)");
/// # Ok::<(), gradus_nn::Error>(())
/// ```
pub fn input_with(shape: impl Into<Shape>, options: InputOptions) -> Symbol {
    let mut slot = Slot::new("InputLayer");
    if let Some(name) = options.name {
        slot = slot.named(name);
    }
    Symbol::new(slot, Vec::new(), Spec { shape: shape.into(), dtype: options.dtype }, 0)
}

/// One symbol or several, as calls and models take them: `&x`, `[&a, &b]`, a slice.
pub trait Symbols {
    /// The symbols in order.
    fn symbols(self) -> Vec<Symbol>;
}

impl Symbols for &Symbol {
    fn symbols(self) -> Vec<Symbol> {
        vec![self.clone()]
    }
}

impl<const N: usize> Symbols for [&Symbol; N] {
    fn symbols(self) -> Vec<Symbol> {
        self.into_iter().cloned().collect()
    }
}

impl Symbols for &[Symbol] {
    fn symbols(self) -> Vec<Symbol> {
        self.to_vec()
    }
}

impl Symbols for &Vec<Symbol> {
    fn symbols(self) -> Vec<Symbol> {
        self.clone()
    }
}
