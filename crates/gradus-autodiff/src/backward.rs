//! The backward pass: nodes in descending order of creation, gradients summed where paths meet.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use gradus_tensor::{Error, Kind, Problem, Result};

use crate::graph::{Node, Parent};
use crate::mode::set_grad_enabled;
use crate::tensor::Tensor;

impl Tensor {
    /// Adds the gradient of this scalar to every leaf that it depends on. The graph is freed.
    ///
    /// # Errors
    /// `Kind::Shape` unless there is a single element; `Kind::Autograd` when nothing here needs
    /// gradients or the graph was freed before.
    pub fn backward(&self) -> Result<()> {
        backward(std::slice::from_ref(self), None)
    }
}

/// Adds the gradients of `Σ outputs · grads` to every leaf; `grads` of `None` are ones, for
/// scalars. The graph is freed.
///
/// # Errors
/// As [`Tensor::backward`]; `Kind::Shape` when a gradient has another shape than its output.
pub fn backward(outputs: &[Tensor], grads: Option<&[Tensor]>) -> Result<()> {
    backward_with(outputs, grads, false, false)
}

/// As [`backward`], with PyTorch's options: `retain_graph` allows another pass over the graph,
/// `create_graph` records this pass, so that the gradients can be differentiated.
///
/// # Errors
/// As [`backward`].
pub fn backward_with(
    outputs: &[Tensor],
    grads: Option<&[Tensor]>,
    retain_graph: bool,
    create_graph: bool,
) -> Result<()> {
    let mut pass = Pass::new(retain_graph || create_graph, create_graph);
    pass.accumulates = true;
    pass.seed(outputs, grads)?;
    let _mode = set_grad_enabled(create_graph);
    pass.run_observed(|_, _| {})?;
    for (leaf, grad) in pass.leaves.into_values() {
        let grad = if create_graph { grad } else { grad.detach() };
        leaf.accumulate(grad)?;
    }
    Ok(())
}

/// The gradients of `Σ outputs` (each output scalar) by `inputs`, as values: nothing is
/// accumulated. With `create_graph` they can be differentiated again, to any order.
///
/// ```
/// use gradus_autodiff::{Tensor, grad};
/// let x = Tensor::from_vec(vec![3.0f64], [1])?.requires_grad_(true);
/// let y = x.pow_scalar(3.0)?.sum_all()?;
/// let first = grad(&[y], &[x.clone()], true)?.remove(0);
/// let second = grad(&[first.sum_all()?], &[x], false)?.remove(0);
/// assert_eq!(second.to_vec::<f64>()?, [18.0]); // 6x
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
///
/// # Errors
/// As [`backward`]. An input that no output depends on has zero gradient.
pub fn grad(outputs: &[Tensor], inputs: &[Tensor], create_graph: bool) -> Result<Vec<Tensor>> {
    let mut pass = Pass::new(true, create_graph);
    pass.seed(outputs, None)?;
    let _mode = set_grad_enabled(create_graph);
    let wanted: HashMap<u64, usize> =
        inputs.iter().enumerate().filter_map(|(i, t)| Some((t.node()?.number, i))).collect();
    let mut found: Vec<Option<Tensor>> = vec![None; inputs.len()];
    pass.run_observed(|number, g| {
        if let Some(&i) = wanted.get(&number) {
            found[i] = Some(g.clone());
        }
    })?;
    let mut out = Vec::with_capacity(inputs.len());
    for (input, found) in inputs.iter().zip(found) {
        let leaf = pass.leaves.get(&input.address()).map(|(_, g)| g.clone());
        out.push(match found.or(leaf) {
            Some(g) if create_graph => g,
            Some(g) => g.detach(),
            None => Tensor::full(input.shape(), 0.0, input.dtype(), &input.device()),
        });
    }
    Ok(out)
}

struct Pass {
    retain: bool,
    create_graph: bool,
    /// Whether every leaf will get its gradient.
    accumulates: bool,
    pending: BTreeMap<u64, (Arc<Node>, Tensor)>,
    leaves: BTreeMap<usize, (Tensor, Tensor)>,
}

impl Pass {
    fn new(retain: bool, create_graph: bool) -> Self {
        let (pending, leaves) = (BTreeMap::new(), BTreeMap::new());
        Pass { retain, create_graph, accumulates: false, pending, leaves }
    }

    fn seed(&mut self, outputs: &[Tensor], grads: Option<&[Tensor]>) -> Result<()> {
        if let Some(grads) = grads
            && grads.len() != outputs.len()
        {
            return Err(Error::argument("backward", "grads", grads.len(), "one an output"));
        }
        for (i, output) in outputs.iter().enumerate() {
            let shape = output.shape();
            let Some(parent) = output.parent() else {
                return Err(Kind::Autograd {
                    op: "backward",
                    rule: "nothing here requires gradients; mark a leaf with `requires_grad_`",
                }
                .into());
            };
            let g = match grads.map(|g| &g[i]) {
                Some(g) if g.shape() == shape => g.clone(),
                Some(g) => {
                    let problem = Problem::Rule { rule: "a gradient has its output's shape" };
                    let operands = [("output", &shape), ("grad", &g.shape())];
                    return Err(Error::shape("backward", problem, &operands));
                }
                None if shape.numel() == 1 => {
                    Tensor::full(&shape, 1.0, output.dtype(), &output.device())
                }
                None => {
                    let problem = Problem::NotScalar;
                    return Err(Error::shape("backward", problem, &[("output", &shape)]));
                }
            };
            self.add(&parent, &g)?;
        }
        Ok(())
    }

    /// Adds a gradient where a path arrives.
    fn add(&mut self, parent: &Parent, g: &Tensor) -> Result<()> {
        let total = |old: Option<Tensor>| match old {
            Some(old) => &old + g,
            None => Ok(g.clone()),
        };
        match parent {
            Parent::Node(node) => {
                let old = self.pending.remove(&node.number).map(|(_, g)| g);
                self.pending.insert(node.number, (node.clone(), total(old)?));
            }
            Parent::Leaf(leaf) => {
                let old = self.leaves.remove(&leaf.address()).map(|(_, g)| g);
                let total = total(old)?;
                if self.accumulates {
                    // The sum of a large gradient, as a bias has it, would keep that alive.
                    total.value().settle()?;
                }
                self.leaves.insert(leaf.address(), (leaf.clone(), total));
            }
        }
        Ok(())
    }

    fn run_observed(&mut self, mut see: impl FnMut(u64, &Tensor)) -> Result<()> {
        while let Some((number, (node, g))) = self.pending.pop_last() {
            see(number, &g);
            let grads = node.gradients(&g, self.retain || self.create_graph);
            let grads = grads.map_err(|e| e.within(format!("the gradient of {}", node.op)))?;
            drop(g);
            for (parent, g) in node.parents().iter().zip(grads) {
                if let (Some(parent), Some(g)) = (parent, g) {
                    self.add(parent, &g)?;
                }
            }
        }
        Ok(())
    }
}
