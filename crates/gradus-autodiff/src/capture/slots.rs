//! What a recorded step reads and changes outside of itself: elements and gradients of leaves.

use std::cell::RefCell;
use std::collections::HashMap;

use gradus_kernels::{Value, copy_into};
use gradus_tensor::capture::{Tape, handles, is_deciding, is_outside, refuse};
use gradus_tensor::{Array, DType, Layout, Result};

use super::Static;
use crate::tensor::{Tensor, WeakTensor};

/// Whether something is still as it was.
type Condition = Box<dyn Fn() -> bool + Send + Sync>;

thread_local! {
    static TRACKED: RefCell<HashMap<usize, Touched>> = RefCell::new(HashMap::new());
    static CONDITIONS: RefCell<Vec<Condition>> = const { RefCell::new(Vec::new()) };
}

/// Says that a step being recorded depends on more than tensors, such as a model's mode: `make`
/// gives a function that tells whether it is still as it is now. A recorded step is only repeated
/// while it is. Does nothing outside of a recording.
pub fn depends_on<C>(make: impl FnOnce() -> C)
where
    C: Fn() -> bool + Send + Sync + 'static,
{
    if is_deciding() {
        CONDITIONS.with_borrow_mut(|conditions| conditions.push(Box::new(make())));
    }
}

/// A leaf that the step has touched.
struct Touched {
    leaf: WeakTensor,
    value: Before,
    value_changed: bool,
    grad: Option<GradBefore>,
}

/// The elements before the step.
enum Before {
    /// Not looked at.
    Unknown,
    /// In memory from outside of the recording.
    Memory(Array),
    /// One number everywhere.
    Constant(f64),
    /// A promise, or memory of the recording.
    Other,
}

/// What the step did first to a gradient.
enum GradBefore {
    /// Replaced it.
    Replaced,
    /// Saw that there was none.
    None,
    /// Read it.
    Read(Before),
}

impl Before {
    fn of(value: &Value) -> Self {
        if let Some(number) = value.as_constant() {
            return Before::Constant(number);
        }
        match value.is_computed().then(|| value.array()) {
            Some(Ok(array)) if is_outside(&array) => Before::Memory(array),
            _ => Before::Other,
        }
    }
}

fn touch(leaf: &Tensor, f: impl FnOnce(&mut Touched)) {
    if !is_deciding() || !leaf.is_leaf() {
        return;
    }
    TRACKED.with_borrow_mut(|tracked| {
        let touched = tracked.entry(leaf.address()).or_insert_with(|| Touched {
            leaf: leaf.downgrade(),
            value: Before::Unknown,
            value_changed: false,
            grad: None,
        });
        f(touched);
    });
}

/// Notes that a leaf's elements are read.
pub(crate) fn note_value(leaf: &Tensor, value: &Value) {
    touch(leaf, |touched| {
        if matches!(touched.value, Before::Unknown) {
            touched.value = Before::of(value);
        }
    });
}

/// Notes that a leaf gets other elements than `old`.
pub(crate) fn note_set_value(leaf: &Tensor, old: &Value) {
    touch(leaf, |touched| {
        if matches!(touched.value, Before::Unknown) {
            touched.value = Before::of(old);
        }
        touched.value_changed = true;
    });
}

/// Notes that a leaf's gradient is read.
pub(crate) fn note_grad(leaf: &Tensor, grad: Option<&Tensor>) {
    touch(leaf, |touched| {
        touched.grad.get_or_insert_with(|| match grad {
            None => GradBefore::None,
            Some(grad) => GradBefore::Read(Before::of(&grad.elements())),
        });
    });
}

/// Notes that a leaf's gradient is replaced.
pub(crate) fn note_set_grad(leaf: &Tensor) {
    touch(leaf, |touched| {
        touched.grad.get_or_insert(GradBefore::Replaced);
    });
}

/// Tracks leaves until it is dropped.
pub(super) struct Tracking(());

/// Begins to track what is touched.
pub(super) fn track() -> Tracking {
    TRACKED.take();
    CONDITIONS.take();
    Tracking(())
}

impl Drop for Tracking {
    fn drop(&mut self) {
        TRACKED.take();
        CONDITIONS.take();
    }
}

/// What must hold for a replay, and what one does beside computing.
#[derive(Default)]
pub(super) struct Parts {
    guards: Vec<Guard>,
    effects: Vec<Effect>,
    /// Memory from outside that a guard watches.
    watched: Vec<Array>,
    /// Memory of inputs and results.
    taken: Vec<Array>,
}

impl Tracking {
    /// Ends the recording of a step: what it has changed outside goes where it was before. `taken`
    /// is memory that no gradient may have.
    ///
    /// # Errors
    /// What computing reports.
    pub(super) fn finish(self, taken: Vec<Array>) -> Result<Parts> {
        let mut tracked = TRACKED.take();
        // What only the step knew is gone.
        tracked.retain(|_, touched| touched.leaf.upgrade().is_some());
        let mut parts = Parts { taken, ..Parts::default() };
        parts.guards.extend(CONDITIONS.take().into_iter().map(Guard::Condition));
        for touched in tracked.into_values() {
            let Some(leaf) = touched.leaf.upgrade() else { continue };
            parts.value(&leaf, touched.value, touched.value_changed)?;
            if let Some(before) = touched.grad {
                parts.grad(&leaf, before)?;
            }
        }
        Ok(parts)
    }
}

impl Parts {
    fn value(&mut self, leaf: &Tensor, before: Before, changed: bool) -> Result<()> {
        let now = leaf.elements();
        let expected = match before {
            Before::Unknown => return Ok(()),
            Before::Memory(array) => {
                if changed {
                    // Until it is computed, it holds what it is computed from.
                    now.array()?;
                    if !is_free(&array) || array.shape() != now.shape() {
                        refuse("a buffer whose old elements somebody holds");
                        return Ok(());
                    }
                    copy_into(&now, &array)?;
                    leaf.put_value(Value::from(array.clone()));
                }
                self.watch(array, changed)
            }
            _ if changed => {
                refuse("a buffer without memory of its own");
                return Ok(());
            }
            Before::Constant(number) => Expected::Constant(number),
            Before::Other => Expected::Same(now),
        };
        let requires_grad = leaf.requires_grad();
        self.guards.push(Guard::Value { leaf: leaf.downgrade(), expected, requires_grad });
        Ok(())
    }

    fn grad(&mut self, leaf: &Tensor, before: GradBefore) -> Result<()> {
        let now = leaf.gradient();
        if let Some(now) = &now {
            now.elements().array()?;
        }
        let weak = leaf.downgrade();
        match before {
            GradBefore::Replaced => {}
            GradBefore::None => self.guards.push(Guard::NoGrad(weak.clone())),
            GradBefore::Read(Before::Memory(array)) => match &now {
                Some(now) if is_free(&array) => {
                    copy_into(&now.elements(), &array)?;
                    leaf.put_grad(Some(Value::from(array.clone()).into()));
                    let expected = self.watch(array, true);
                    self.guards.push(Guard::Grad { leaf: weak, expected });
                    return Ok(());
                }
                Some(_) => {
                    refuse("a gradient that somebody holds");
                    return Ok(());
                }
                None => {
                    let expected = self.watch(array, false);
                    self.guards.push(Guard::Grad { leaf: weak.clone(), expected });
                }
            },
            GradBefore::Read(_) => {
                refuse("a gradient without memory of its own");
                return Ok(());
            }
        }
        let result = now.map(|grad| Static::new(&grad.elements(), &mut self.taken)).transpose()?;
        let effect = Effect { leaf: weak, result };
        effect.apply();
        self.effects.push(effect);
        Ok(())
    }

    /// Memory that a guard will look after; `written` by every replay.
    fn watch(&mut self, array: Array, written: bool) -> Expected {
        let (layout, dtype) = (array.layout().clone(), array.dtype());
        let expected = Expected::Memory { id: array.storage().id(), layout, dtype, written };
        self.watched.push(array);
        expected
    }

    /// Ends the tape's hold on memory that is watched instead.
    pub(super) fn seal(mut self, tape: &mut Tape) -> (Vec<Guard>, Vec<Effect>) {
        // What was only in the way between the step's own results is gone by now.
        self.guards.retain(|guard| guard.leaf().is_none_or(|leaf| leaf.upgrade().is_some()));
        for array in &self.watched {
            tape.release(array);
        }
        (self.guards, self.effects)
    }
}

/// Whether an array may be overwritten: it is dense, and nobody but the caller and the recording
/// holds its memory.
fn is_free(array: &Array) -> bool {
    array.layout().is_dense() && array.storage().handles() == 1 + handles(array)
}

/// Where a leaf's elements must be.
pub(super) enum Expected {
    /// In this memory; nobody else may hold it when a replay writes to it.
    Memory {
        id: u64,
        layout: Layout,
        dtype: DType,
        written: bool,
    },
    Constant(f64),
    /// In this very value.
    Same(Value),
}

impl Expected {
    fn is(&self, value: &Value) -> bool {
        match self {
            Expected::Same(expected) => expected.is_same(value),
            Expected::Constant(number) => {
                value.as_constant().is_some_and(|now| now.to_bits() == number.to_bits())
            }
            Expected::Memory { id, layout, dtype, written } => {
                // The leaf's and this one; the value's and the one that is asked.
                let sole = |array: &Array| value.holders() == 2 && array.storage().handles() == 2;
                value.is_computed()
                    && value.dtype() == *dtype
                    && value.array().is_ok_and(|array| {
                        let same = array.storage().id() == *id && array.layout() == layout;
                        same && (!written || sole(&array))
                    })
            }
        }
    }
}

/// What must hold before a replay.
pub(super) enum Guard {
    Value { leaf: WeakTensor, expected: Expected, requires_grad: bool },
    NoGrad(WeakTensor),
    Grad { leaf: WeakTensor, expected: Expected },
    Condition(Condition),
}

impl Guard {
    fn leaf(&self) -> Option<&WeakTensor> {
        match self {
            Guard::Value { leaf, .. } | Guard::NoGrad(leaf) | Guard::Grad { leaf, .. } => {
                Some(leaf)
            }
            Guard::Condition(_) => None,
        }
    }

    pub(super) fn holds(&self) -> bool {
        match (self, self.leaf().and_then(WeakTensor::upgrade)) {
            (Guard::Condition(holds), _) => holds(),
            (Guard::Value { expected, requires_grad, .. }, Some(leaf)) => {
                expected.is(&leaf.elements()) && leaf.requires_grad() == *requires_grad
            }
            (Guard::NoGrad(_), Some(leaf)) => leaf.gradient().is_none(),
            (Guard::Grad { expected, .. }, Some(leaf)) => {
                leaf.gradient().is_some_and(|grad| expected.is(&grad.elements()))
            }
            (_, None) => false,
        }
    }
}

/// A gradient that every replay leaves behind.
pub(super) struct Effect {
    leaf: WeakTensor,
    result: Option<Static>,
}

impl Effect {
    /// Gives the leaf its gradient.
    pub(super) fn apply(&self) {
        if let Some(leaf) = self.leaf.upgrade() {
            leaf.put_grad(self.result.as_ref().map(|result| result.tensor.clone()));
        }
    }

    /// Takes the gradient of the last step away, which this step replaces.
    pub(super) fn take_back(&mut self) {
        if let (Some(leaf), Some(result)) = (self.leaf.upgrade(), &self.result)
            && leaf.gradient().is_some_and(|grad| grad.is_same(&result.tensor))
        {
            leaf.put_grad(None);
        }
    }

    pub(super) fn result(&mut self) -> Option<&mut Static> {
        self.result.as_mut()
    }
}
