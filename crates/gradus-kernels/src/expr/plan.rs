//! Plans: an expression as a list of steps over arrays, ready for either executor.

use std::sync::{Arc, OnceLock};

use gradus_tensor::capture::{Arrays, is_replaying, perform};
use gradus_tensor::{Array, DType, Device, Layout, Result, Shape};
use smallvec::SmallVec;

use super::run_cpu::Executor;
use super::value::{Deferred, Leaf, Node, Value};
use crate::table::{Binary, Compare, Unary};

/// A register of a plan: leaves first, then steps.
pub(crate) type Reg = u16;

/// A pointwise instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Code {
    Unary(Unary),
    Binary(Binary),
    Compare(Compare),
    /// Logical and, or, exclusive or of two bools.
    And,
    Or,
    Xor,
    Not,
    /// `cond ? a : b` over (cond, a, b).
    Select,
    /// Conversion to the step's type.
    Cast,
    /// The operand itself: a copy.
    Copy,
}

/// An array, number or generator that the plan reads, laid out over the plan's shape.
#[derive(Clone)]
pub(crate) struct LeafSlot {
    pub(crate) leaf: Leaf,
    pub(crate) layout: Layout,
    pub(crate) dtype: DType,
    /// Where the leaf is read at all; elsewhere the register `otherwise` counts.
    pub(crate) window: Option<LeafWindow>,
}

/// Index ranges of a windowed leaf over the plan's shape.
#[derive(Clone)]
pub(crate) struct LeafWindow {
    /// Position that index 0 in every dimension would read; may be outside the array.
    pub(crate) offset: isize,
    /// First and one past the last index, per dimension.
    pub(crate) ranges: SmallVec<[(usize, usize); 6]>,
    /// What is read outside.
    pub(crate) otherwise: Reg,
}

/// One instruction: `code(args) -> dtype`. A windowed leaf stands as `Window(leaf index)`.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) op: StepOp,
    pub(crate) args: SmallVec<[Reg; 3]>,
    pub(crate) params: [f64; 2],
    pub(crate) dtype: DType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum StepOp {
    Code(Code),
    /// The windowed leaf with this index, else the argument.
    Window(u16),
}

/// A fused expression over one index space.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) device: Device,
    pub(crate) shape: Shape,
    pub(crate) leaves: SmallVec<[LeafSlot; 6]>,
    pub(crate) steps: SmallVec<[Step; 8]>,
    pub(crate) roots: SmallVec<[Reg; 3]>,
    /// The leaf that stands for a structured op's element, when the plan is an epilogue.
    pub(crate) acc: Option<Reg>,
}

/// Registers of leaves count up from 0, of steps down from the top, until the plan is finished.
const STEP: Reg = 0x8000;

impl Plan {
    pub(crate) fn dtype(&self, reg: Reg) -> DType {
        let at = reg as usize;
        match at.checked_sub(self.leaves.len()) {
            None => self.leaves[at].dtype,
            Some(step) => self.steps[step].dtype,
        }
    }

    /// A plan whose roots are `values`, all of one shape.
    pub(crate) fn of(values: &[&Value]) -> Result<(Plan, Option<Arc<dyn Deferred>>)> {
        let first = values[0];
        let mut builder = Builder {
            plan: Plan {
                device: first.device().clone(),
                shape: first.shape().clone(),
                leaves: SmallVec::new(),
                steps: SmallVec::new(),
                roots: SmallVec::new(),
                acc: None,
            },
            seen: SmallVec::new(),
            references: SmallVec::new(),
            deferred: None,
            may_defer: values.len() == 1,
        };
        for value in values {
            builder.count(value);
        }
        for value in values {
            let root = builder.visit(value, true)?;
            builder.plan.roots.push(root);
        }
        Ok(builder.finish())
    }

    /// A plan that only reads `array`.
    pub(crate) fn of_array(array: &Array) -> Plan {
        Plan {
            device: array.device(),
            shape: array.shape().clone(),
            leaves: SmallVec::from_elem(
                LeafSlot {
                    leaf: Leaf::Array(array.clone()),
                    layout: array.layout().clone(),
                    dtype: array.dtype(),
                    window: None,
                },
                1,
            ),
            steps: SmallVec::new(),
            roots: SmallVec::from_elem(0, 1),
            acc: None,
        }
    }
}

struct Builder {
    plan: Plan,
    seen: SmallVec<[(*const (), Reg); 16]>,
    /// How often each lazy value is an operand inside this expression.
    references: SmallVec<[(*const (), usize); 16]>,
    deferred: Option<Arc<dyn Deferred>>,
    may_defer: bool,
}

impl Builder {
    /// Counts the references between the expression's own values.
    fn count(&mut self, value: &Value) {
        if value.cost().depth == 0 {
            return;
        }
        let Err(node) = value.state() else { return };
        let (args, rest): (&[Value], Option<&Value>) = match &*node {
            Node::Op { args, .. } => (args, None),
            Node::Window(window) => (&[], Some(&window.otherwise)),
            Node::Reshape(child) | Node::Fill(child) => (&[], Some(child)),
            Node::Deferred(_) => (&[], None),
        };
        for arg in args.iter().chain(rest) {
            let address = arg.address();
            match self.references.iter_mut().find(|(a, _)| *a == address) {
                Some((_, count)) => *count += 1,
                None => {
                    self.references.push((address, 1));
                    self.count(arg);
                }
            }
        }
    }

    /// Whether somebody outside this expression will want the value too.
    fn is_shared(&self, value: &Value) -> bool {
        let address = value.address();
        let inside = self.references.iter().find(|(a, _)| *a == address).map_or(0, |(_, n)| *n);
        value.holders() > inside
    }

    fn visit(&mut self, value: &Value, is_root: bool) -> Result<Reg> {
        let address = value.address();
        if let Some(&(_, reg)) = self.seen.iter().find(|(a, _)| *a == address) {
            return Ok(reg);
        }
        let reg = match value.state() {
            Ok(leaf) => self.leaf(leaf, value)?,
            Err(node) => {
                let waits = value.cost().depth > 0;
                let apart = match &*node {
                    Node::Fill(_) => false,
                    _ if value.shape().numel() != self.plan.shape.numel() => {
                        !is_short_scalar(&node, value)
                    }
                    _ => !is_root && waits && self.is_shared(value),
                };
                if apart {
                    self.leaf(Leaf::Array(value.array()?), value)?
                } else {
                    self.node(&node, value)?
                }
            }
        };
        self.seen.push((address, reg));
        Ok(reg)
    }

    fn node(&mut self, node: &Arc<Node>, value: &Value) -> Result<Reg> {
        match &**node {
            Node::Op { code, args, params } => {
                let mut regs = SmallVec::new();
                for arg in args {
                    regs.push(self.visit(arg, false)?);
                }
                Ok(self.step(StepOp::Code(*code), regs, *params, value.dtype()))
            }
            Node::Window(window) => {
                let otherwise = self.visit(&window.otherwise, false)?;
                let slot = window.slot(&self.plan.shape, otherwise)?;
                self.plan.leaves.push(slot);
                let leaf = (self.plan.leaves.len() - 1) as u16;
                let args = SmallVec::from_slice(&[otherwise]);
                Ok(self.step(StepOp::Window(leaf), args, [0.0; 2], value.dtype()))
            }
            Node::Reshape(child) => {
                if let Err(inner) = child.state()
                    && let Node::Deferred(op) = &*inner
                    && !self.is_shared(child)
                    && let Some(reg) = self.defer(op, value)
                {
                    return Ok(reg);
                }
                let array = child.dense()?;
                let layout = Layout::dense_at(value.shape(), array.layout().offset());
                self.leaf(Leaf::Array(array.with_layout(layout)), value)
            }
            Node::Fill(number) => self.visit(number, false),
            Node::Deferred(op) => match self.defer(op, value) {
                Some(reg) => Ok(reg),
                None => self.leaf(Leaf::Array(value.array()?), value),
            },
        }
    }

    /// Makes a structured op's element the accumulator of this plan, if it is the first.
    fn defer(&mut self, op: &Arc<dyn Deferred>, value: &Value) -> Option<Reg> {
        if !self.may_defer || self.deferred.is_some() {
            return None;
        }
        self.deferred = Some(op.clone());
        let reg = self.plan.leaves.len() as Reg;
        self.plan.leaves.push(LeafSlot {
            leaf: Leaf::Const(0.0),
            layout: Layout::dense(&self.plan.shape),
            dtype: value.dtype(),
            window: None,
        });
        self.plan.acc = Some(reg);
        Some(reg)
    }

    fn step(&mut self, op: StepOp, args: SmallVec<[Reg; 3]>, p: [f64; 2], dtype: DType) -> Reg {
        self.plan.steps.push(Step { op, args, params: p, dtype });
        STEP + (self.plan.steps.len() - 1) as Reg
    }

    fn leaf(&mut self, leaf: Leaf, value: &Value) -> Result<Reg> {
        let layout = match &leaf {
            // A number's rank says nothing about the shape that it fills.
            Leaf::Array(array) if array.shape().numel() == 1 => {
                let number = Layout::dense_at([], array.layout().offset());
                number.expand("expression", &self.plan.shape)?
            }
            Leaf::Array(array) => array.layout().expand("expression", &self.plan.shape)?,
            Leaf::Iota(layout) | Leaf::Random(_, layout) => {
                layout.expand("expression", &self.plan.shape)?
            }
            Leaf::Const(_) => Layout::dense(&self.plan.shape),
            Leaf::Concat(_) => Layout::dense(value.shape()),
        };
        let twin = self.plan.leaves.iter().position(|slot| match (&slot.leaf, &leaf) {
            (Leaf::Array(a), Leaf::Array(b)) => {
                slot.window.is_none()
                    && slot.layout == layout
                    && slot.dtype == b.dtype()
                    && a.storage().same(b.storage())
            }
            _ => false,
        });
        if let Some(at) = twin {
            return Ok(at as Reg);
        }
        self.plan.leaves.push(LeafSlot { leaf, layout, dtype: value.dtype(), window: None });
        Ok((self.plan.leaves.len() - 1) as Reg)
    }

    /// Renumbers the steps' registers after the last leaf.
    fn finish(mut self) -> (Plan, Option<Arc<dyn Deferred>>) {
        let leaves = self.plan.leaves.len() as Reg;
        let fix = |reg: &mut Reg| {
            if *reg >= STEP {
                *reg = *reg - STEP + leaves;
            }
        };
        self.plan.steps.iter_mut().flat_map(|s| s.args.iter_mut()).for_each(fix);
        self.plan.roots.iter_mut().for_each(fix);
        for window in self.plan.leaves.iter_mut().filter_map(|l| l.window.as_mut()) {
            fix(&mut window.otherwise);
        }
        (self.plan, self.deferred)
    }
}

/// Whether the value is one number that a few steps make of other numbers: repeating them in every
/// element is cheaper than a kernel of their own.
fn is_short_scalar(node: &Node, value: &Value) -> bool {
    let cost = value.cost();
    matches!(node, Node::Op { .. })
        && value.shape().numel() == 1
        && cost.steps <= 4
        && cost.leaves <= 4
}

/// Computes one value into a dense array of its own.
pub(crate) fn compute(value: &Value) -> Result<Array> {
    if let Err(node) = value.state() {
        match &*node {
            Node::Deferred(op) => return op.run(),
            Node::Reshape(child) => {
                let array = child.dense()?;
                let layout = Layout::dense_at(value.shape(), array.layout().offset());
                return Ok(array.with_layout(layout));
            }
            Node::Fill(number) => {
                let array = number.array()?;
                let layout = Layout::dense_at([], array.layout().offset());
                return Ok(array.with_layout(layout.expand("expand", value.shape())?));
            }
            _ => {}
        }
    }
    let (plan, deferred) = Plan::of(&[value])?;
    run(plan, deferred.as_deref())
}

fn run(mut plan: Plan, deferred: Option<&dyn Deferred>) -> Result<Array> {
    if let (Some(op), Some(acc)) = (deferred, plan.acc) {
        #[cfg(feature = "gpu")]
        if !plan.device.is_cpu() && plan.dtype(plan.roots[0]).size() == 4 {
            return op.run_finished(&plan);
        }
        let array = op.run()?;
        let layout = array.layout().reshape(&plan.shape).unwrap_or(Layout::dense(&plan.shape));
        let slot = &mut plan.leaves[acc as usize];
        slot.layout = layout;
        slot.leaf = Leaf::Array(array);
        plan.acc = None;
    }
    if plan.device.is_cpu() {
        return perform(&HostRun { plan, ready: OnceLock::new() }, HostRun::run);
    }
    into_new(&plan)
}

/// A plan on the CPU, with what its repetitions have in common.
struct HostRun {
    plan: Plan,
    ready: OnceLock<Executor<Arc<Plan>>>,
}

impl HostRun {
    fn run(&self) -> Result<Array> {
        if !is_replaying() {
            return into_new(&self.plan);
        }
        let ready = || Executor::new(Arc::new(self.plan.clone())).ready();
        let (plan, executor) = (&self.plan, self.ready.get_or_init(ready));
        let out = Array::alloc(&plan.device, &plan.shape, plan.dtype(plan.roots[0]))?;
        if plan.shape.numel() > 0 {
            executor.run_ready(std::slice::from_ref(&out));
        }
        Ok(out)
    }
}

impl Clone for HostRun {
    fn clone(&self) -> Self {
        HostRun { plan: self.plan.clone(), ready: OnceLock::new() }
    }
}

impl Arrays for HostRun {
    fn each_array(&mut self, f: &mut dyn FnMut(&mut Array)) {
        self.plan.each_array(f);
    }
}

fn into_new(plan: &Plan) -> Result<Array> {
    let root = plan.roots[0];
    let out = Array::alloc(&plan.device, &plan.shape, plan.dtype(root))?;
    execute(plan, std::slice::from_ref(&out), false)?;
    Ok(out)
}

impl Arrays for Plan {
    fn each_array(&mut self, f: &mut dyn FnMut(&mut Array)) {
        for slot in &mut self.leaves {
            match &mut slot.leaf {
                Leaf::Array(array) => f(array),
                Leaf::Concat(parts) => {
                    let mut own = parts.to_vec();
                    own.iter_mut().for_each(|(array, _)| f(array));
                    *parts = own.into();
                }
                Leaf::Const(_) | Leaf::Iota(_) | Leaf::Random(..) => {}
            }
        }
    }
}

/// Copies the elements of `src` into `dest`, a dense array of the same shape and type that nobody
/// else reads.
///
/// # Errors
/// What computing `src` can report.
pub fn copy_into(src: &Value, dest: &Array) -> Result<()> {
    debug_assert!(src.shape() == dest.shape() && src.dtype() == dest.dtype(), "callers see to it");
    let state = (Plan::of_array(&src.array()?), dest.clone());
    let copy = |(plan, dest): &(Plan, Array)| execute(plan, std::slice::from_ref(dest), false);
    if dest.device().is_cpu() { perform(&state, copy) } else { copy(&state) }
}

/// Runs a plan into dense arrays, one a root. `in_place`: a result may be an operand's memory.
pub(crate) fn execute(plan: &Plan, out: &[Array], in_place: bool) -> Result<()> {
    if plan.shape.numel() == 0 {
        return Ok(());
    }
    #[cfg(feature = "gpu")]
    if let Some(gpu) = plan.device.as_gpu() {
        return super::run_gpu::pointwise(gpu, plan, out);
    }
    Executor::new(plan).run(out, in_place);
    Ok(())
}
