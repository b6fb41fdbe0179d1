//! `Tensor`: a value, its gradient, and the operation that made it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use gradus_kernels::Value;
use gradus_tensor::rng::{self, Generator};
use gradus_tensor::{Array, DType, Device, Element, Error, Kind, Problem, Result, Shape};
use parking_lot::{Mutex, RwLock};

use crate::capture;
use crate::graph::{Node, Parent};

/// A differentiable array. Cheap to clone: clones are the same tensor.
///
/// Operations return new tensors and record how to differentiate them while an operand
/// [requires gradients](Tensor::requires_grad_). Elements are computed when they are needed.
#[derive(Clone)]
pub struct Tensor(Arc<Inner>);

struct Inner {
    value: RwLock<Value>,
    grad: Mutex<Option<Tensor>>,
    requires_grad: AtomicBool,
    node: Option<Arc<Node>>,
}

/// A tensor that may be gone.
#[derive(Clone)]
pub(crate) struct WeakTensor(Weak<Inner>);

impl WeakTensor {
    pub(crate) fn upgrade(&self) -> Option<Tensor> {
        self.0.upgrade().map(Tensor)
    }
}

/// Tensors may be shared between threads.
const _: () = {
    const fn shareable<T: Send + Sync>() {}
    shareable::<Tensor>();
};

impl Tensor {
    fn build(value: Value, requires_grad: bool, node: Option<Arc<Node>>) -> Self {
        Tensor(Arc::new(Inner {
            value: RwLock::new(value),
            grad: Mutex::new(None),
            requires_grad: AtomicBool::new(requires_grad),
            node,
        }))
    }

    pub(crate) fn constant(value: Value) -> Self {
        Tensor::build(value, false, None)
    }

    pub(crate) fn of_node(value: Value, node: Arc<Node>) -> Self {
        Tensor::build(value, true, Some(node))
    }

    /// A tensor on the CPU that holds `values` in row-major order.
    ///
    /// # Errors
    /// `Kind::Shape` when the values do not fill the shape.
    pub fn from_vec<T: Element>(values: Vec<T>, shape: impl Into<Shape>) -> Result<Self> {
        Ok(Array::from_vec(values, shape)?.into())
    }

    /// As [`Tensor::from_vec`], from a slice.
    ///
    /// # Errors
    /// `Kind::Shape` when the values do not fill the shape.
    pub fn from_slice<T: Element>(values: &[T], shape: impl Into<Shape>) -> Result<Self> {
        Ok(Array::from_slice(values, shape)?.into())
    }

    /// One number as a float32 tensor without dimensions.
    pub fn scalar(value: f64) -> Self {
        Tensor::full((), value, DType::F32, &Device::cpu())
    }

    /// `value` everywhere.
    pub fn full(shape: impl Into<Shape>, value: f64, dtype: DType, device: &Device) -> Self {
        Tensor::constant(Value::constant(value, shape, dtype, device))
    }

    /// Float32 zeros.
    pub fn zeros(shape: impl Into<Shape>, device: &Device) -> Self {
        Tensor::full(shape, 0.0, DType::F32, device)
    }

    /// Float32 ones.
    pub fn ones(shape: impl Into<Shape>, device: &Device) -> Self {
        Tensor::full(shape, 1.0, DType::F32, device)
    }

    /// Float32 uniform in `[0, 1)` from this thread's default generator; see
    /// [`rng::manual_seed`]. The same on every device.
    pub fn rand(shape: impl Into<Shape>, device: &Device) -> Self {
        rng::with_default(|g| Tensor::rand_from(g, shape, device))
    }

    /// As [`Tensor::rand`], from a generator.
    pub fn rand_from(generator: &mut Generator, shape: impl Into<Shape>, device: &Device) -> Self {
        Tensor::constant(Value::random(generator.draw(), shape, DType::F32, device))
    }

    /// Float32 standard normal from this thread's default generator. The same on every device.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`.
    pub fn randn(shape: impl Into<Shape>, device: &Device) -> Result<Self> {
        rng::with_default(|g| Tensor::randn_from(g, shape, device))
    }

    /// As [`Tensor::randn`], from a generator.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`.
    pub fn randn_from(
        generator: &mut Generator,
        shape: impl Into<Shape>,
        device: &Device,
    ) -> Result<Self> {
        let shape = shape.into();
        let values = generator.normal(shape.numel());
        Ok(Array::from_vec(values, shape)?.to(device)?.into())
    }

    /// The shape.
    pub fn shape(&self) -> Shape {
        self.0.value.read().shape().clone()
    }

    /// Number of dimensions.
    pub fn rank(&self) -> usize {
        self.0.value.read().shape().rank()
    }

    /// Number of elements.
    pub fn numel(&self) -> usize {
        self.0.value.read().shape().numel()
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.0.value.read().dtype()
    }

    /// The device.
    pub fn device(&self) -> Device {
        self.0.value.read().device().clone()
    }

    /// The elements or the promise of them, as the kernels layer knows them.
    pub fn value(&self) -> Value {
        let value = self.elements();
        capture::note_value(self, &value);
        value
    }

    /// As [`Tensor::value`], unseen by a recording.
    pub(crate) fn elements(&self) -> Value {
        self.0.value.read().clone()
    }

    pub(crate) fn put_value(&self, value: Value) {
        *self.0.value.write() = value;
    }

    /// The elements as an array of the storage layer; computes what is pending.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`, `Kind::DeviceLost`.
    pub fn array(&self) -> Result<Array> {
        self.value().array()
    }

    /// All elements in row-major order. Waits for the GPU.
    ///
    /// # Errors
    /// `Kind::DType` when the tensor does not hold such values; `Kind::DeviceLost`.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        self.array()?.to_vec()
    }

    /// As [`Tensor::to_vec`], without blocking: the form that works in a browser.
    ///
    /// # Errors
    /// As [`Tensor::to_vec`].
    pub async fn to_vec_async<T: Element>(&self) -> Result<Vec<T>> {
        self.array()?.to_vec_async().await
    }

    /// The one element, as f64. Waits for the GPU.
    ///
    /// # Errors
    /// `Kind::Shape` when there is not exactly one element.
    pub fn item(&self) -> Result<f64> {
        if self.numel() != 1 {
            let shape = self.shape();
            return Err(Error::shape("item", Problem::NotScalar, &[("x", &shape)]));
        }
        if let Some(value) = self.value().as_constant() {
            return Ok(value);
        }
        let wide = match self.dtype() {
            DType::F64 => self.to_vec::<f64>()?,
            DType::F32 => self.to_vec::<f32>()?.into_iter().map(f64::from).collect(),
            _ => self.to_vec::<i64>()?.into_iter().map(|v| v as f64).collect(),
        };
        Ok(wide[0])
    }

    /// Whether gradients flow to this tensor.
    pub fn requires_grad(&self) -> bool {
        self.0.node.is_some() || self.0.requires_grad.load(Ordering::Relaxed)
    }

    /// Whether this tensor was made by the user rather than by a recorded operation.
    pub fn is_leaf(&self) -> bool {
        self.0.node.is_none()
    }

    /// The name of the recorded operation that made this tensor; `None` for a leaf. PyTorch:
    /// `grad_fn`.
    ///
    /// ```
    /// use gradus_autodiff::Tensor;
    /// let x = Tensor::from_vec(vec![1.0f32, 2.0], [2])?.requires_grad_(true);
    /// assert_eq!((x.grad_fn(), x.softmax(0)?.grad_fn()), (None, Some("softmax")));
    /// # Ok::<(), gradus_autodiff::Error>(())
    /// ```
    pub fn grad_fn(&self) -> Option<&'static str> {
        self.0.node.as_ref().map(|node| node.op)
    }

    /// Asks for gradients of this leaf, or no longer. Has no effect on results of operations and
    /// on integers.
    #[must_use = "builder style; the tensor itself is changed too"]
    pub fn requires_grad_(self, wanted: bool) -> Self {
        self.0.requires_grad.store(wanted && self.dtype().is_float(), Ordering::Relaxed);
        self
    }

    /// The gradient that backward passes have accumulated in this leaf.
    pub fn grad(&self) -> Option<Tensor> {
        let grad = self.gradient();
        capture::note_grad(self, grad.as_ref());
        grad
    }

    /// As [`Tensor::grad`], unseen by a recording.
    pub(crate) fn gradient(&self) -> Option<Tensor> {
        self.0.grad.lock().clone()
    }

    /// Replaces the accumulated gradient.
    pub fn set_grad(&self, grad: Option<Tensor>) {
        capture::note_set_grad(self);
        self.put_grad(grad);
    }

    pub(crate) fn put_grad(&self, grad: Option<Tensor>) {
        *self.0.grad.lock() = grad;
    }

    /// Forgets the accumulated gradient, as PyTorch's `zero_grad(set_to_none=True)`.
    pub fn zero_grad(&self) {
        self.set_grad(None);
    }

    /// Adds to the accumulated gradient.
    pub(crate) fn accumulate(&self, grad: Tensor) -> Result<()> {
        let sum = match self.grad() {
            None => grad,
            Some(old) => (&old + &grad)?,
        };
        self.put_grad(Some(sum));
        Ok(())
    }

    /// The same elements without their history: gradients do not flow through.
    #[must_use]
    pub fn detach(&self) -> Self {
        Tensor::constant(self.value())
    }

    /// Gives this leaf other elements of the same shape and type; graphs recorded before keep
    /// the old ones.
    ///
    /// # Errors
    /// `Kind::Shape` when the shape differs, `Kind::Autograd` for a result of an operation.
    pub fn set_value(&self, value: &Tensor) -> Result<()> {
        self.must_be_leaf("set_value")?;
        let (own, new) = (self.shape(), value.shape());
        if own != new || self.dtype() != value.dtype() {
            let problem = Problem::Rule { rule: "shape and type must stay the same" };
            return Err(Error::shape("set_value", problem, &[("x", &own), ("value", &new)]));
        }
        let new = value.value().to(&self.device())?;
        capture::note_set_value(self, &self.elements());
        self.put_value(new);
        Ok(())
    }

    /// Moves this leaf to another device in place.
    ///
    /// # Errors
    /// As [`Array::to`]; `Kind::Autograd` for a result of an operation.
    pub fn move_to(&self, device: &Device) -> Result<()> {
        self.must_be_leaf("move_to")?;
        let moved = self.value().to(device)?;
        capture::note_set_value(self, &self.elements());
        self.put_value(moved);
        if let Some(grad) = self.grad() {
            self.set_grad(Some(Tensor::constant(grad.value().to(device)?)));
        }
        Ok(())
    }

    fn must_be_leaf(&self, op: &'static str) -> Result<()> {
        if self.is_leaf() {
            return Ok(());
        }
        Err(Kind::Autograd { op, rule: "only a leaf can be changed; `detach` makes one" }.into())
    }

    pub(crate) fn node(&self) -> Option<&Arc<Node>> {
        self.0.node.as_ref()
    }

    pub(crate) fn parent(&self) -> Option<Parent> {
        match &self.0.node {
            Some(node) => Some(Parent::Node(node.clone())),
            None if self.requires_grad() => Some(Parent::Leaf(self.clone())),
            None => None,
        }
    }

    /// An address that tells leaves apart.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// How many hold this tensor.
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    pub(crate) fn downgrade(&self) -> WeakTensor {
        WeakTensor(Arc::downgrade(&self.0))
    }

    /// Whether both are the same tensor, not only equal.
    pub fn is_same(&self, other: &Tensor) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Lends the elements of leaves to `f`, which may replace them: nobody can read or copy them
/// meanwhile, so an optimizer can tell whether it may write in place. What `f` leaves is put back
/// even when it fails.
///
/// # Errors
/// What `f` reports.
pub fn update_leaves(leaves: &[Tensor], f: impl FnOnce(&mut [Value]) -> Result<()>) -> Result<()> {
    let mut guards: Vec<_> = leaves.iter().map(|leaf| leaf.0.value.write()).collect();
    // Nobody can look at it.
    let empty = Value::constant(0.0, (), DType::F32, &Device::cpu());
    let mut values: Vec<Value> =
        guards.iter_mut().map(|slot| std::mem::replace(&mut **slot, empty.clone())).collect();
    let result = f(&mut values);
    for (slot, value) in guards.iter_mut().zip(values) {
        **slot = value;
    }
    result
}

impl From<Array> for Tensor {
    fn from(array: Array) -> Self {
        Tensor::constant(Value::from(array))
    }
}

impl From<Value> for Tensor {
    fn from(value: Value) -> Self {
        Tensor::constant(value)
    }
}

impl From<&Tensor> for Tensor {
    fn from(tensor: &Tensor) -> Self {
        tensor.clone()
    }
}

impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.array() {
            Ok(array) => fmt::Display::fmt(&array, f),
            Err(error) => write!(f, "tensor(<{error}>)"),
        }
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
