//! L-BFGS: quasi-Newton steps from the last changes of the gradient.

mod line_search;
mod memory;

use gradus_autodiff::{Tensor, cat, no_grad};
use gradus_tensor::{Error, Result};

use crate::clip::get_total_norm;
use crate::engine::check_params;
use crate::group::ParamGroup;
use crate::optimizer::{Optimizer, StateDict};
use crate::rule::{Domain, Setting};
use line_search::{Point, strong_wolfe};
use memory::Memory;

const NAME: &str = "lbfgs";

const SETTINGS: &[Setting] = &[
    Setting::new("lr", 1.0, Domain::NonNegative),
    Setting::new("max_iter", 20.0, Domain::NonNegative),
    Setting::new("max_eval", 0.0, Domain::NonNegative),
    Setting::new("tolerance_grad", 1e-7, Domain::NonNegative),
    Setting::new("tolerance_change", 1e-9, Domain::NonNegative),
    Setting::new("history_size", 100.0, Domain::NonNegative),
    Setting::new("line_search_fn", 0.0, Domain::Flag),
    Setting::MAXIMIZE,
];

/// How L-BFGS finds the length of its steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineSearch {
    /// It is the learning rate.
    #[default]
    None,
    /// By a search for the strong Wolfe conditions.
    StrongWolfe,
}

/// L-BFGS (Nocedal 1980), for losses that are computed from all data at once.
///
/// *Formula*: `d = -H g`, H being the inverse Hessian as the last `history_size` changes of the
/// parameters and the gradient describe it (two-loop recursion); `p += t d`, t being lr, in the
/// very first iteration `lr · min(1, 1 / |g|₁)`, or found by a line search.
///
/// *Source*: `torch.optim.LBFGS`: same defaults, same order of operations. It computes the loss
/// several times a step, and so is given it as a closure.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::{Lbfgs, LineSearch, Optimizer};
/// let w = Tensor::from_vec(vec![5.0f64, -3.0], [2])?.requires_grad_(true);
/// let target = Tensor::from_vec(vec![1.0f64, 2.0], [2])?;
/// let mut optimizer = Lbfgs::new([&w], 1.0).line_search_fn(LineSearch::StrongWolfe);
/// let params = [w.clone()];
/// optimizer.step_with(|| {
///     params.iter().for_each(Tensor::zero_grad);
///     let loss = (&params[0] - &target)?.square()?.sum_all()?;
///     loss.backward()?;
///     Ok(loss)
/// })?;
/// let found = w.to_vec::<f64>()?;
/// assert!((found[0] - 1.0).abs() < 1e-9 && (found[1] - 2.0).abs() < 1e-9);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
#[derive(Debug)]
pub struct Lbfgs {
    groups: Vec<ParamGroup>,
    memory: Memory,
}

impl Lbfgs {
    /// Descends on `params` with learning rate `lr`, PyTorch's default being 1.
    pub fn new<P: Into<Tensor>>(params: impl IntoIterator<Item = P>, lr: f64) -> Self {
        let mut group = ParamGroup::new(params).lr(lr);
        group.complete(SETTINGS);
        Lbfgs { groups: vec![group], memory: Memory::default() }
    }

    fn with(mut self, name: &'static str, value: f64) -> Self {
        self.groups.iter_mut().for_each(|group| group.set(name, value));
        self
    }

    /// Iterations a step; 20 unless set.
    #[must_use]
    pub fn max_iter(self, max_iter: u64) -> Self {
        self.with("max_iter", max_iter as f64)
    }

    /// Evaluations of the loss a step; 0, as unless set, is 5/4 of the iterations.
    #[must_use]
    pub fn max_eval(self, max_eval: u64) -> Self {
        self.with("max_eval", max_eval as f64)
    }

    /// Steps end where no element of the gradient is larger; 1e-7 unless set.
    #[must_use]
    pub fn tolerance_grad(self, tolerance: f64) -> Self {
        self.with("tolerance_grad", tolerance)
    }

    /// Steps end where loss or parameters change less; 1e-9 unless set.
    #[must_use]
    pub fn tolerance_change(self, tolerance: f64) -> Self {
        self.with("tolerance_change", tolerance)
    }

    /// How many changes are remembered; 100 unless set.
    #[must_use]
    pub fn history_size(self, history_size: u64) -> Self {
        self.with("history_size", history_size as f64)
    }

    /// How the length of a step is found; it is the learning rate unless set.
    #[must_use]
    pub fn line_search_fn(self, search: LineSearch) -> Self {
        self.with("line_search_fn", f64::from(search == LineSearch::StrongWolfe))
    }

    /// Whether to climb instead of descend.
    #[must_use]
    pub fn maximize(self, maximize: bool) -> Self {
        self.with("maximize", f64::from(maximize))
    }

    /// Takes a step of up to `max_iter` iterations; returns the loss before it. The closure clears
    /// the gradients, computes the loss, calls its `backward` and returns it.
    ///
    /// # Errors
    /// As [`Optimizer::step`], and what the closure reports: then the parameters are where the
    /// last iteration that was completed left them, and nothing of this step is remembered.
    pub fn step_with(&mut self, mut closure: impl FnMut() -> Result<Tensor>) -> Result<Tensor> {
        let group = match &self.groups[..] {
            [only] => only,
            groups => {
                let value = format!("{} groups", groups.len());
                return Err(Error::argument(NAME, "param_groups", value, "one group"));
            }
        };
        group.check(NAME, SETTINGS)?;
        check_params(NAME, &group.params().iter().collect::<Vec<_>>())?;
        let mut run = Run { group, memory: self.memory.clone(), closure: &mut closure };
        let loss = run.step()?;
        self.memory = run.memory;
        Ok(loss)
    }
}

impl Optimizer for Lbfgs {
    /// Always fails: the loss is computed several times a step, so that
    /// [`Lbfgs::step_with`] is the way to take one.
    fn step(&mut self) -> Result<()> {
        let expected = "a closure that computes the loss: call `step_with`";
        Err(Error::argument(NAME, "closure", "none", expected))
    }

    fn zero_grad(&self) {
        self.groups.iter().flat_map(ParamGroup::params).for_each(Tensor::zero_grad);
    }

    fn param_groups(&self) -> &[ParamGroup] {
        &self.groups
    }

    fn param_groups_mut(&mut self) -> &mut [ParamGroup] {
        &mut self.groups
    }

    fn state_dict(&self) -> Result<StateDict> {
        let mut state = crate::state::header(NAME, &self.groups);
        self.memory.save(&mut state)?;
        Ok(state)
    }

    fn load_state_dict(&mut self, state: &StateDict) -> Result<()> {
        let groups = crate::state::options(NAME, &self.groups, state)?;
        groups.iter().try_for_each(|group| group.check(NAME, SETTINGS))?;
        let params: Vec<&Tensor> = groups.iter().flat_map(ParamGroup::params).collect();
        check_params(NAME, &params)?;
        let numel = params.iter().map(|p| p.numel()).sum();
        let memory = Memory::load(state, numel, params[0].dtype(), &params[0].device())?;
        (self.groups, self.memory) = (groups, memory);
        Ok(())
    }
}

/// A step being taken.
struct Run<'a, F> {
    group: &'a ParamGroup,
    memory: Memory,
    closure: &'a mut F,
}

impl<F: FnMut() -> Result<Tensor>> Run<'_, F> {
    fn get(&self, name: &str) -> f64 {
        self.group.get(name).unwrap_or(f64::NAN)
    }

    fn step(&mut self) -> Result<Tensor> {
        let (lr, max_iter) = (self.get("lr"), self.get("max_iter") as u64);
        let max_eval = match self.get("max_eval") as u64 {
            0 => max_iter * 5 / 4,
            max_eval => max_eval,
        };
        let tolerance_grad = self.get("tolerance_grad");
        let tolerance_change = self.get("tolerance_change");
        let history_size = self.get("history_size") as usize;
        let search = self.get("line_search_fn") != 0.0;

        let before = (self.closure)()?.detach();
        let (mut loss, mut grad) = (self.signed(before.item()?), self.gradient()?);
        let mut evaluations = 1;
        self.memory.func_evals += 1;
        let mut optimal = largest(&grad)? <= tolerance_grad;
        let mut iteration = 0;
        while !optimal && iteration < max_iter {
            iteration += 1;
            let d = self.memory.direction(&grad, history_size)?;
            let previous_loss = loss;
            let shortened = match self.memory.n_iter {
                1 => (1.0 / get_total_norm([&grad], 1.0)?.item()?).min(1.0),
                _ => 1.0,
            };
            let slope = dot(&grad, &d)?;
            self.memory.t = shortened * lr;
            if slope > -tolerance_change {
                break;
            }
            let mut spent = 0;
            if search {
                let start = Point { t: 0.0, loss, grad: grad.clone(), slope };
                let (point, count) = self.search(&start, &d, max_eval - evaluations)?;
                self.move_to(&self.values(), &d, point.t)?;
                (loss, grad, self.memory.t, spent) = (point.loss, point.grad, point.t, count);
                optimal = largest(&grad)? <= tolerance_grad;
            } else {
                self.move_to(&self.values(), &d, self.memory.t)?;
                if iteration != max_iter {
                    let value = (self.closure)()?.item()?;
                    loss = self.signed(value);
                    grad = self.gradient()?;
                    optimal = largest(&grad)? <= tolerance_grad;
                    spent = 1;
                }
            }
            evaluations += spent;
            self.memory.func_evals += spent;
            let stuck = largest(&d)? * self.memory.t.abs() <= tolerance_change
                || (loss - previous_loss).abs() < tolerance_change;
            if evaluations >= max_eval || stuck {
                break;
            }
        }
        Ok(before)
    }

    /// A line search; afterwards the parameters are where they were.
    fn search(&mut self, start: &Point, d: &Tensor, max_ls: u64) -> Result<(Point, u64)> {
        let (t, d_max) = (self.memory.t, largest(d)?);
        let values = self.values();
        let evaluate = |t: f64| {
            self.move_to(&values, d, t)?;
            let loss = (self.closure)().and_then(|loss| loss.item());
            let grad = self.gradient();
            self.put_back(&values)?;
            let (loss, grad) = (self.signed(loss?), grad?);
            let slope = dot(&grad, d)?;
            Ok(Point { t, loss, grad, slope })
        };
        strong_wolfe(evaluate, start, t, d_max, max_ls)
    }

    /// The loss to descend on.
    fn signed(&self, loss: f64) -> f64 {
        if self.get("maximize") == 0.0 { loss } else { -loss }
    }

    /// All gradients as one vector, zeros for parameters without one.
    fn gradient(&self) -> Result<Tensor> {
        let parts = self.group.params().iter().map(|p| {
            let grad = p.grad().unwrap_or_else(|| Tensor::zeros(p.shape(), &p.device()));
            grad.detach().to_dtype(p.dtype())?.reshape(&[-1])
        });
        let parts: Vec<Tensor> = parts.collect::<Result<_>>()?;
        let grad = cat(&parts.iter().collect::<Vec<_>>(), 0.into())?;
        computed(if self.get("maximize") == 0.0 { grad } else { (&grad * -1.0)? })
    }

    fn values(&self) -> Vec<Tensor> {
        self.group.params().iter().map(Tensor::detach).collect()
    }

    fn put_back(&self, values: &[Tensor]) -> Result<()> {
        self.group.params().iter().zip(values).try_for_each(|(p, value)| p.set_value(value))
    }

    /// Sets the parameters to `values + t · d`.
    fn move_to(&self, values: &[Tensor], d: &Tensor, t: f64) -> Result<()> {
        let mut start = 0;
        let mut moved = Vec::with_capacity(values.len());
        for value in values {
            let part = d.narrow(0.into(), start, value.numel())?;
            let part =
                part.reshape(&value.shape().dims().iter().map(|&n| n as i64).collect::<Vec<_>>())?;
            moved.push(computed((value + &(&part * t)?)?)?);
            start += value.numel();
        }
        self.put_back(&moved)
    }
}

/// The tensor with its elements computed, so that no expression grows from step to step.
fn computed(tensor: Tensor) -> Result<Tensor> {
    tensor.array()?;
    Ok(tensor)
}

fn dot(a: &Tensor, b: &Tensor) -> Result<f64> {
    no_grad(|| (a * b)?.sum_all()?.item())
}

/// The largest magnitude.
fn largest(x: &Tensor) -> Result<f64> {
    get_total_norm([x], f64::INFINITY)?.item()
}
