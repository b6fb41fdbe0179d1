//! The graph behind a tensor: one node an operation, with what its gradient rule needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gradus_kernels::{Binary, Unary, Value};
use gradus_tensor::{Kind, Result};
use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::mode::is_grad_enabled;
use crate::tensor::Tensor;

/// Gradients for each operand, `None` where none is needed.
pub(crate) type Grads = SmallVec<[Option<Tensor>; 2]>;
/// A rule of a structured op: saved tensors and the result's gradient to the operands' gradients.
pub(crate) type RuleFn = dyn Fn(&Saved<'_>, &Tensor) -> Result<Grads> + Send + Sync;

/// How a node's gradient is computed.
pub(crate) enum Rule {
    Unary(Unary, [f64; 2]),
    Binary(Binary),
    Fn(Box<RuleFn>),
}

/// An operation in the graph.
pub(crate) struct Node {
    /// Later operations have larger numbers, so descending order is a topological order.
    pub(crate) number: u64,
    pub(crate) op: &'static str,
    rule: Rule,
    parents: SmallVec<[Option<Parent>; 2]>,
    kept: Mutex<Option<Kept>>,
}

/// Where an operand's gradient goes.
#[derive(Clone)]
pub(crate) enum Parent {
    Node(Arc<Node>),
    Leaf(Tensor),
}

/// Elements that the rule will read.
struct Kept {
    inputs: SmallVec<[Option<Value>; 2]>,
    output: Option<Value>,
}

/// What an operation asks to keep for its rule.
#[derive(Clone, Copy, Default)]
pub(crate) struct Keep {
    pub(crate) inputs: [bool; 3],
    pub(crate) output: bool,
}

impl Keep {
    pub(crate) const NOTHING: Keep = Keep { inputs: [false; 3], output: false };
    pub(crate) const INPUTS: Keep = Keep { inputs: [true; 3], output: false };
    pub(crate) const OUTPUT: Keep = Keep { inputs: [false; 3], output: true };
}

/// The saved operands and result of a node, as tensors of the graph.
pub(crate) struct Saved<'a> {
    node: &'a Arc<Node>,
    kept: Kept,
}

static NEXT: AtomicU64 = AtomicU64::new(1);

#[allow(clippy::arc_with_non_send_sync, reason = "it is both: see the assertion in tensor.rs")]
/// Wraps an operation's result; records it when an operand needs gradients.
pub(crate) fn record(
    op: &'static str,
    value: Value,
    inputs: &[&Tensor],
    keep: Keep,
    rule: impl FnOnce() -> Rule,
) -> Tensor {
    let wanted = is_grad_enabled()
        && value.dtype().is_float()
        && inputs.iter().any(|input| input.requires_grad());
    if !wanted {
        return Tensor::constant(value);
    }
    let kept = Kept {
        inputs: inputs
            .iter()
            .zip(keep.inputs)
            .map(|(input, keep)| keep.then(|| input.value()))
            .collect(),
        output: keep.output.then(|| value.clone()),
    };
    let node = Node {
        number: NEXT.fetch_add(1, Ordering::Relaxed),
        op,
        rule: rule(),
        parents: inputs.iter().map(|input| input.parent()).collect(),
        kept: Mutex::new(Some(kept)),
    };
    Tensor::of_node(value, Arc::new(node))
}

/// As [`record`], for a rule written as a closure.
pub(crate) fn record_fn(
    op: &'static str,
    value: Value,
    inputs: &[&Tensor],
    keep: Keep,
    rule: impl Fn(&Saved<'_>, &Tensor) -> Result<Grads> + Send + Sync + 'static,
) -> Tensor {
    record(op, value, inputs, keep, || Rule::Fn(Box::new(rule)))
}

impl Node {
    pub(crate) fn parents(&self) -> &[Option<Parent>] {
        &self.parents
    }

    /// The gradients of the operands from the gradient of the result. `retain` keeps what was
    /// saved for another pass.
    pub(crate) fn gradients(self: &Arc<Self>, g: &Tensor, retain: bool) -> Result<Grads> {
        let kept = {
            let mut slot = self.kept.lock();
            let kept = match (slot.as_ref(), retain) {
                (Some(kept), true) => {
                    Some(Kept { inputs: kept.inputs.clone(), output: kept.output.clone() })
                }
                (Some(_), false) => slot.take(),
                (None, _) => None,
            };
            kept.ok_or(Kind::Autograd {
                op: "backward",
                rule: "the graph was freed by an earlier backward; pass retain_graph to keep it",
            })?
        };
        let saved = Saved { node: self, kept };
        match &self.rule {
            Rule::Unary(op, params) => crate::ops::unary_rule(*op, params, &saved, g),
            Rule::Binary(op) => crate::ops::binary_rule(*op, &saved, g),
            Rule::Fn(rule) => rule(&saved, g),
        }
    }
}

impl Saved<'_> {
    /// Operand `i`, connected to the graph so that the rule itself can be differentiated.
    pub(crate) fn input(&self, i: usize) -> Tensor {
        let value = self.kept.inputs[i].clone().expect("the op asked to keep this operand");
        match &self.node.parents[i] {
            _ if !is_grad_enabled() => Tensor::constant(value),
            None => Tensor::constant(value),
            Some(Parent::Node(node)) => Tensor::of_node(value, node.clone()),
            Some(Parent::Leaf(leaf)) => {
                if leaf.value().is_same(&value) {
                    return leaf.clone();
                }
                // The leaf has moved on since; its old elements still lead to it.
                record_fn("alias", value, &[leaf], Keep::NOTHING, |_, g| {
                    Ok(SmallVec::from_elem(Some(g.clone()), 1))
                })
            }
        }
    }

    /// The result, connected to the graph.
    pub(crate) fn output(&self) -> Tensor {
        let value = self.kept.output.clone().expect("the op asked to keep its result");
        if is_grad_enabled() {
            Tensor::of_node(value, self.node.clone())
        } else {
            Tensor::constant(value)
        }
    }

    /// Whether operand `i` needs a gradient.
    pub(crate) fn needs(&self, i: usize) -> bool {
        self.node.parents[i].is_some()
    }
}

impl Drop for Node {
    /// Frees a long chain of operations one by one instead of recursively.
    fn drop(&mut self) {
        let mut queue: Vec<Arc<Node>> = Vec::new();
        let take = |parents: &mut SmallVec<[Option<Parent>; 2]>, queue: &mut Vec<Arc<Node>>| {
            for parent in parents.drain(..).flatten() {
                if let Parent::Node(node) = parent {
                    queue.push(node);
                }
            }
        };
        take(&mut self.parents, &mut queue);
        while let Some(node) = queue.pop() {
            if let Some(mut node) = Arc::into_inner(node) {
                take(&mut node.parents, &mut queue);
            }
        }
    }
}
