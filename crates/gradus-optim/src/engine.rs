//! `Engine`: turns a formula into an optimizer.

use gradus_autodiff::Tensor;
use gradus_tensor::{Array, Device, Error, Kind, Problem, Result};

use crate::bucket::{Bucket, apart};
use crate::group::ParamGroup;
use crate::optimizer::{Optimizer, StateDict};
use crate::rule::Rule;

/// An optimizer made of a [`Rule`]. [`Adam`](crate::Adam) and the others are names for engines.
///
/// Consecutive parameters of one type and device form a bucket: flat arrays that one kernel
/// updates. A bucket steps as a whole; when only some of its parameters have a gradient, it is
/// divided for good, so that each part has one step count and unused parameters cost nothing.
#[derive(Debug)]
pub struct Engine<R> {
    pub(crate) rule: R,
    pub(crate) groups: Vec<ParamGroup>,
    pub(crate) buckets: Vec<Bucket>,
    /// What the builder chose for all groups.
    defaults: Vec<(&'static str, f64)>,
    /// Groups whose parameters have been checked and put into buckets.
    placed: usize,
}

impl<R: Rule> Engine<R> {
    /// An optimizer by this formula.
    pub fn with_rule(rule: R, mut groups: Vec<ParamGroup>) -> Self {
        groups.iter_mut().for_each(|group| group.complete(rule.settings()));
        Engine { rule, groups, buckets: Vec::new(), defaults: Vec::new(), placed: 0 }
    }

    /// Sets an option of every group that did not choose it itself. The first step reports an
    /// option that does not exist and a value outside its domain.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: f64) -> Self {
        self.groups.iter_mut().for_each(|group| group.put_default(name, value));
        self.defaults.push((name, value));
        self
    }

    /// How strongly parameters are drawn to zero.
    #[must_use]
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        self.with("weight_decay", weight_decay)
    }

    /// Whether to climb instead of descend.
    #[must_use]
    pub fn maximize(self, maximize: bool) -> Self {
        self.with("maximize", f64::from(maximize))
    }

    /// Adds a group, for instance layers that are trained from now on.
    pub fn add_param_group(&mut self, mut group: ParamGroup) {
        group.complete(self.rule.settings());
        for &(name, value) in &self.defaults {
            group.put_default(name, value);
        }
        self.groups.push(group);
    }

    /// # Errors
    /// `Kind::Argument` for an option that does not exist or has a bad value.
    pub(crate) fn check_options(&self, group: &ParamGroup) -> Result<()> {
        group.check(self.rule.name(), self.rule.settings())?;
        self.rule.check(group)
    }

    /// Checks the parameters of new groups and puts them into buckets.
    pub(crate) fn place(&mut self) -> Result<()> {
        if self.placed == self.groups.len() && !self.buckets.is_empty() {
            return Ok(());
        }
        let op = self.rule.name();
        let params: Vec<&Tensor> = self.groups.iter().flat_map(ParamGroup::params).collect();
        check_params(op, &params)?;
        for (i, param) in params.iter().enumerate() {
            self.rule.check_param(param).map_err(|e| e.within(format!("parameter {i}")))?;
        }
        let mut index = self.groups[..self.placed].iter().map(|g| g.params().len()).sum();
        for (number, group) in self.groups.iter().enumerate().skip(self.placed) {
            let member = |p: &Tensor| {
                let index = next(&mut index);
                (index, p.clone(), apart(&self.rule, index))
            };
            let members: Vec<_> = group.params().iter().map(member).collect();
            self.buckets.extend(Bucket::all(number, &members).into_iter().map(|(b, _)| b));
        }
        self.placed = self.groups.len();
        Ok(())
    }

    /// Divides buckets whose parameters no longer go together: some lack a gradient in this step
    /// or were moved to another device.
    fn regroup(&mut self) -> Result<()> {
        for at in (0..self.buckets.len()).rev() {
            let bucket = &self.buckets[at];
            let keys: Vec<(bool, Device)> =
                bucket.tensors.iter().map(|t| (t.grad().is_some(), t.device())).collect();
            if !bucket.fits(&keys) {
                let parts = bucket.split(&keys)?;
                self.buckets.splice(at..=at, parts);
            }
        }
        Ok(())
    }

    /// The gradients of a bucket, dense; `None` when it has none, as all its parameters then.
    fn gradients(&self, bucket: &Bucket) -> Result<Option<Vec<Array>>> {
        let op = self.rule.name();
        let mut grads = Vec::with_capacity(bucket.tensors.len());
        for (param, slot) in bucket.tensors.iter().zip(&bucket.slots) {
            let Some(grad) = param.grad() else { return Ok(None) };
            let value = grad.value();
            let place = || format!("parameter {}", slot.index);
            if *value.shape() != slot.shape {
                let problem = Problem::Rule { rule: "a gradient has its parameter's shape" };
                let operands = [("parameter", &slot.shape), ("gradient", value.shape())];
                return Err(Error::shape(op, problem, &operands).within(place()));
            }
            if value.dtype() != bucket.dtype {
                let (got, expected) = (vec![value.dtype()], "the parameter's type as gradient");
                return Err(Error::from(Kind::DType { op, got, expected }).within(place()));
            }
            if *value.device() != bucket.device {
                let message = format!(
                    "the parameter is on {}, its gradient on {}; move it with `move_to`",
                    bucket.device,
                    value.device()
                );
                return Err(Error::from(Kind::Device { op, message }).within(place()));
            }
            grads.push(value.dense().map_err(|error| error.within(place()))?);
        }
        Ok(Some(grads))
    }
}

/// # Errors
/// What [`Optimizer::step`] says about parameters.
pub(crate) fn check_params(op: &'static str, params: &[&Tensor]) -> Result<()> {
    if params.is_empty() {
        return Err(Error::argument(op, "params", "empty", "at least one parameter"));
    }
    for (i, param) in params.iter().enumerate() {
        if params[..i].iter().any(|other| other.is_same(param)) {
            let value = format!("a list in which parameter {i} is there twice");
            return Err(Error::argument(op, "params", value, "distinct parameters"));
        }
        if !param.is_leaf() {
            let rule = "a parameter is the result of an operation; optimize a leaf";
            return Err(Kind::Autograd { op, rule }.into());
        }
        if !param.dtype().is_float() {
            let (got, expected) = (vec![param.dtype()], "parameters of a float type");
            return Err(Kind::DType { op, got, expected }.into());
        }
    }
    Ok(())
}

fn next(index: &mut usize) -> usize {
    *index += 1;
    *index - 1
}

impl<R: Rule> Optimizer for Engine<R> {
    fn step(&mut self) -> Result<()> {
        self.place()?;
        self.groups.iter().try_for_each(|group| self.check_options(group))?;
        self.regroup()?;
        // All gradients before the first update: what is wrong with one must change nothing.
        let grads: Vec<Option<Vec<Array>>> =
            self.buckets.iter().map(|bucket| self.gradients(bucket)).collect::<Result<_>>()?;
        for (bucket, grads) in self.buckets.iter_mut().zip(grads) {
            if let Some(grads) = grads {
                let group = &self.groups[bucket.group];
                bucket
                    .step(&self.rule, group, grads)
                    .map_err(|error| error.within(format!("a step of {}", self.rule.name())))?;
            }
        }
        Ok(())
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
        crate::state::of(self)
    }

    fn load_state_dict(&mut self, state: &StateDict) -> Result<()> {
        crate::state::load(self, state)
    }
}
