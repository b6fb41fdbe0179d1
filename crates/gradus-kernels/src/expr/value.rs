//! `Value`: an array, or an expression that becomes one when somebody needs its elements.

use std::fmt;
use std::sync::Arc;

use gradus_tensor::rng::Draw;
use gradus_tensor::{Array, DType, Device, Dim, Layout, Result, Shape};
use parking_lot::Mutex;
use smallvec::SmallVec;

#[cfg(feature = "gpu")]
use super::plan::Plan;
use super::plan::{self, Code};
use super::window::Window;

/// Steps of one expression; a longer one is computed in parts. Bounds the work of planning, the
/// length of generated shaders and what is computed twice when two consumers share an expression.
pub(crate) const MAX_STEPS: u32 = 48;
/// Structured results that may wait inside one another before the inner one is computed.
const MAX_DEPTH: u32 = 8;

/// An array, or the promise of one: shape, type and device are known, elements are computed when
/// they are needed. Immutable and cheap to clone.
#[derive(Clone)]
pub struct Value(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) shape: Shape,
    pub(super) dtype: DType,
    pub(super) device: Device,
    pub(super) cost: Cost,
    /// What `vanishing.rs` knows.
    pub(super) vanishing: u32,
    pub(super) state: Mutex<State>,
}

/// Upper bounds of what an unevaluated expression holds.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) steps: u32,
    pub(crate) leaves: u32,
    /// Structured results waiting inside one another.
    pub(crate) depth: u32,
}

#[derive(Clone)]
pub(super) enum State {
    Leaf(Leaf),
    Lazy(Arc<Node>),
}

/// What an expression reads.
#[derive(Clone)]
pub(crate) enum Leaf {
    /// Stored elements.
    Array(Array),
    /// One number everywhere.
    Const(f64),
    /// The storage position that the layout gives, as a number.
    Iota(Layout),
    /// Random floats in `[0, 1)`, addressed by the layout's position.
    Random(Draw, Layout),
    /// Dense arrays one after another, each with the position where it starts: one flat array
    /// that is never copied together. Positions between them read as zero.
    Concat(Arc<[(Array, usize)]>),
}

/// How a lazy value is computed.
pub(crate) enum Node {
    /// A pointwise op.
    Op { code: Code, args: SmallVec<[Value; 3]>, params: [f64; 2] },
    /// Elements of an array where an index range holds, another expression elsewhere.
    Window(Box<Window>),
    /// The same elements in the same order under another shape.
    Reshape(Value),
    /// The only element of a value, everywhere.
    Fill(Value),
    /// A structured op that has not run yet, so that what follows can become its epilogue.
    Deferred(Arc<dyn Deferred>),
}

/// A structured op with one dense result whose run can wait for its epilogue.
pub(crate) trait Deferred: Send + Sync {
    /// Computes the result.
    fn run(&self) -> Result<Array>;

    /// Computes `finish` of every element before it is stored; the plan reads the element as its
    /// accumulator leaf.
    #[cfg(feature = "gpu")]
    fn run_finished(&self, finish: &Plan) -> Result<Array>;
}

impl Value {
    pub(crate) fn leaf(leaf: Leaf, shape: Shape, dtype: DType, device: Device) -> Self {
        let cost = Cost {
            steps: 0,
            leaves: match &leaf {
                Leaf::Const(_) => 0,
                Leaf::Concat(parts) => parts.len() as u32,
                _ => 1,
            },
            depth: 0,
        };
        Value::with_state(shape, dtype, device, cost, State::Leaf(leaf))
    }

    pub(crate) fn lazy(node: Node, shape: Shape, dtype: DType, device: Device, c: Cost) -> Self {
        Value::with_state(shape, dtype, device, c, State::Lazy(Arc::new(node)))
    }

    fn with_state(shape: Shape, dtype: DType, device: Device, cost: Cost, state: State) -> Self {
        let state = Mutex::new(state);
        Value(Arc::new(Inner { shape, dtype, device, cost, vanishing: 0, state }))
    }

    /// A promise with one number everywhere, with that number in every element of `shape`.
    pub(crate) fn refilled(&self, shape: &Shape) -> Option<Self> {
        let node = self.state().err()?;
        let number = match &*node {
            Node::Fill(number) => number,
            Node::Op { .. } if self.shape().numel() == 1 => self,
            _ => return None,
        };
        let (dtype, device, cost) = (number.dtype(), number.device().clone(), number.cost());
        Some(Value::lazy(Node::Fill(number.clone()), shape.clone(), dtype, device, cost))
    }

    pub(crate) fn deferred(
        op: Arc<dyn Deferred>,
        shape: Shape,
        dtype: DType,
        device: Device,
        inside: u32,
    ) -> Self {
        let cost = Cost { steps: 0, leaves: 1, depth: inside + 1 };
        Value::lazy(Node::Deferred(op), shape, dtype, device, cost)
    }

    /// The number `value` in every element of `shape`; it takes no memory.
    pub fn constant(value: f64, shape: impl Into<Shape>, dtype: DType, device: &Device) -> Self {
        Value::leaf(Leaf::Const(value), shape.into(), dtype, device.clone())
    }

    /// `0, 1, 2 …` along dimension `dim` of `shape`, equal along the others; it takes no memory.
    ///
    /// # Errors
    /// `Kind::Shape` when the dimension does not exist.
    pub fn index(shape: impl Into<Shape>, dim: Dim, dtype: DType, device: &Device) -> Result<Self> {
        let shape = shape.into();
        let d = shape.dim("index", dim)?;
        let mut narrow = Shape::new(&vec![1; shape.rank()]);
        narrow = narrow.with(d, shape[d]);
        let layout = Layout::dense(narrow).expand("index", &shape)?;
        Ok(Value::leaf(Leaf::Iota(layout), shape, dtype, device.clone()))
    }

    /// Random floats in `[0, 1)`, the same on every device; it takes no memory.
    pub fn random(draw: Draw, shape: impl Into<Shape>, dtype: DType, device: &Device) -> Self {
        let shape = shape.into();
        let leaf = Leaf::Random(draw, Layout::dense(&shape));
        Value::leaf(leaf, shape, dtype, device.clone())
    }

    /// Dense arrays of one type as one flat value of `len` elements, without copying them: each
    /// comes with the position where it starts, in rising order. Positions between read as zero.
    pub fn concat(parts: Vec<(Array, usize)>, len: usize) -> Option<Self> {
        let (first, _) = parts.first()?;
        let (dtype, device) = (first.dtype(), first.device());
        debug_assert!(parts.iter().all(|(a, _)| a.layout().is_dense() && a.dtype() == dtype));
        Some(Value::leaf(Leaf::Concat(parts.into()), Shape::from(len), dtype, device))
    }

    /// The shape.
    pub fn shape(&self) -> &Shape {
        &self.0.shape
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.0.dtype
    }

    /// The device that holds or will compute the elements.
    pub fn device(&self) -> &Device {
        &self.0.device
    }

    /// Whether the elements have been computed.
    pub fn is_computed(&self) -> bool {
        matches!(&*self.0.state.lock(), State::Leaf(Leaf::Array(_)))
    }

    /// The number that stands in every element, if this is known without computing.
    pub fn as_constant(&self) -> Option<f64> {
        match &*self.0.state.lock() {
            State::Leaf(Leaf::Const(value)) => Some(*value),
            _ => None,
        }
    }

    /// Whether both are the same promise or the same memory.
    pub fn is_same(&self, other: &Value) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The elements. This is the only place that turns a promise into memory; the result is kept.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`, `Kind::DeviceLost` and what a kernel can report.
    pub fn array(&self) -> Result<Array> {
        if let State::Leaf(Leaf::Array(array)) = &*self.0.state.lock() {
            return Ok(array.clone());
        }
        let array = plan::compute(self)?;
        *self.0.state.lock() = State::Leaf(Leaf::Array(array.clone()));
        Ok(array)
    }

    /// The elements, one after another in row-major order.
    ///
    /// # Errors
    /// As [`Value::array`].
    pub fn dense(&self) -> Result<Array> {
        let array = self.array()?;
        if array.layout().is_dense() {
            return Ok(array);
        }
        Value::copy_of(&Value::from(array)).array()
    }

    /// Computes what waits for a structured op: until then its operands stay in memory, and they
    /// may be much larger than its result. A pointwise expression stays one.
    ///
    /// # Errors
    /// As [`Value::array`].
    pub fn settle(&self) -> Result<()> {
        if self.cost().depth > 0 {
            self.array()?;
        }
        Ok(())
    }

    pub(crate) fn cost(&self) -> Cost {
        match &*self.0.state.lock() {
            State::Leaf(Leaf::Array(_)) => Cost { leaves: 1, ..Cost::default() },
            _ => self.0.cost,
        }
    }

    /// The node, unless the elements are known.
    pub(crate) fn state(&self) -> Result<Leaf, Arc<Node>> {
        match &*self.0.state.lock() {
            State::Leaf(leaf) => Ok(leaf.clone()),
            State::Lazy(node) => Err(node.clone()),
        }
    }

    pub(crate) fn address(&self) -> *const () {
        Arc::as_ptr(&self.0).cast()
    }

    /// Gives the elements memory of their own: who holds this value keeps them when what held
    /// them so far is written to.
    ///
    /// # Errors
    /// As [`Value::array`].
    pub fn move_out(&self) -> Result<()> {
        let own = Value::copy_of(&Value::from(self.array()?)).array()?;
        *self.0.state.lock() = State::Leaf(Leaf::Array(own));
        Ok(())
    }

    /// How many holders share this value.
    pub fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// Computes it now if it would make an expression that contains it too large.
    pub(crate) fn limited(&self, others: Cost) -> Result<()> {
        let own = self.cost();
        let too_large = own.steps + others.steps > MAX_STEPS
            || own.leaves + others.leaves > max_leaves(&self.0.device)
            || own.depth > MAX_DEPTH;
        if too_large && own.steps + own.depth > 0 {
            self.array()?;
        }
        Ok(())
    }

    /// Applies a change of layout. What is only a promise is computed first, unless it has a
    /// layout of its own.
    pub(crate) fn relaid(&self, change: impl Fn(&Layout) -> Result<Layout>) -> Result<Self> {
        if self.refilled(self.shape()).is_some() {
            let shape = change(&Layout::dense(self.shape()))?.shape().clone();
            if let Some(filled) = self.refilled(&shape) {
                return Ok(filled);
            }
        }
        let (leaf, shape) = match self.state() {
            Ok(Leaf::Const(value)) => {
                let shape = change(&Layout::dense(self.shape()))?.shape().clone();
                (Leaf::Const(value), shape)
            }
            Ok(Leaf::Iota(layout)) => {
                let layout = change(&layout)?;
                let shape = layout.shape().clone();
                (Leaf::Iota(layout), shape)
            }
            Ok(Leaf::Random(draw, layout)) => {
                let layout = change(&layout)?;
                let shape = layout.shape().clone();
                (Leaf::Random(draw, layout), shape)
            }
            _ => {
                let array = self.array()?;
                let layout = change(array.layout())?;
                let shape = layout.shape().clone();
                (Leaf::Array(array.with_layout(layout)), shape)
            }
        };
        Ok(Value::leaf(leaf, shape, self.dtype(), self.device().clone()))
    }
}

/// Leaves below these values, each counted once however often it is used.
pub(crate) fn distinct_leaves(values: &[&Value]) -> u32 {
    let mut seen: SmallVec<[*const (); 32]> = SmallVec::new();
    let mut queue: SmallVec<[Value; 16]> = values.iter().map(|&value| value.clone()).collect();
    let mut leaves = 0;
    while let Some(value) = queue.pop() {
        if seen.contains(&value.address()) {
            continue;
        }
        seen.push(value.address());
        match value.state() {
            Ok(_) => leaves += value.cost().leaves,
            Err(node) => match &*node {
                Node::Op { args, .. } => queue.extend(args.iter().cloned()),
                Node::Window(window) => {
                    leaves += 1;
                    queue.push(window.otherwise.clone());
                }
                Node::Fill(number) => queue.push(number.clone()),
                Node::Reshape(_) | Node::Deferred(_) => leaves += 1,
            },
        }
    }
    leaves
}

/// Arrays that one expression may read: kernels bind each, next to their results.
pub(crate) fn max_leaves(device: &Device) -> u32 {
    #[cfg(feature = "gpu")]
    if let Some(gpu) = device.as_gpu() {
        return (gpu.profile().max_storage_buffers.saturating_sub(2)).clamp(4, 24);
    }
    let _ = device;
    24
}

impl From<Array> for Value {
    fn from(array: Array) -> Self {
        let (shape, dtype, device) = (array.shape().clone(), array.dtype(), array.device());
        Value::leaf(Leaf::Array(array), shape, dtype, device)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { shape, dtype, device, .. } = &*self.0;
        write!(f, "Value({shape}, {dtype}, {device})")
    }
}
