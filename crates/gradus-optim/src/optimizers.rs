//! `Optimizers`: several optimizers as one.

use gradus_tensor::{Error, Result};

use crate::engine::check_params;
use crate::group::ParamGroup;
use crate::optimizer::{Optimizer, StateDict};
use crate::state::{OPTIMIZER, group_key};

const OP: &str = "optimizers";

/// Several optimizers, each of parameters of its own, as one: for matrices and vectors, for a
/// generator and its judge. Its groups are theirs in order, so a schedule changes the rates of
/// all of them; [`Optimizer::step_part`] lets one of them step alone. When one cannot step, those
/// before it have.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::{Adam, Optimizer, Optimizers, Sgd};
/// let leaf = || Tensor::from_vec(vec![1.0f32], [1]).map(|w| w.requires_grad_(true));
/// let (a, b) = (leaf()?, leaf()?);
/// let parts: Vec<Box<dyn Optimizer>> =
///     vec![Box::new(Sgd::new([&a], 0.5)), Box::new(Adam::new([&b], 0.25))];
/// let mut optimizer = Optimizers::new(parts)?;
/// (&a + &b)?.sum_all()?.backward()?;
/// optimizer.step()?;
/// assert_eq!((a.item()?, b.item()?), (0.5, 0.75));
/// optimizer.step_part(0)?;
/// assert_eq!((a.item()?, b.item()?), (0.0, 0.75));
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
pub struct Optimizers {
    parts: Vec<Box<dyn Optimizer>>,
    /// The groups of all parts: what callers see and change. The parts are told before they step.
    groups: Vec<ParamGroup>,
    /// Where the groups of each part begin, and where the last ones end.
    ends: Vec<usize>,
}

impl Optimizers {
    /// These optimizers, in this order.
    ///
    /// # Errors
    /// `Kind::Argument` for none, for a parameter that two of them move, and for one of them
    /// without parameters; as [`Optimizer::step`].
    pub fn new(parts: Vec<Box<dyn Optimizer>>) -> Result<Self> {
        if parts.is_empty() {
            return Err(Error::argument(OP, "optimizers", "empty", "one or more"));
        }
        let groups: Vec<ParamGroup> =
            parts.iter().flat_map(|part| part.param_groups().to_vec()).collect();
        let params: Vec<_> = groups.iter().flat_map(ParamGroup::params).collect();
        check_params(OP, &params)?;
        let mut ends = vec![0];
        ends.extend(parts.iter().scan(0, |end, part| {
            *end += part.param_groups().len();
            Some(*end)
        }));
        Ok(Optimizers { parts, groups, ends })
    }

    fn range(&self, part: usize) -> std::ops::Range<usize> {
        match (self.ends.get(part), self.ends.get(part.saturating_add(1))) {
            (Some(&from), Some(&to)) => from..to,
            _ => 0..0,
        }
    }

    /// Tells a part what was changed in its groups.
    fn tell(&mut self, part: usize) {
        let groups = &self.groups[self.range(part)];
        for (own, group) in self.parts[part].param_groups_mut().iter_mut().zip(groups) {
            for (name, value) in group.options() {
                if own.get(name) != Some(value) {
                    own.set(name, value);
                }
            }
        }
    }
}

fn prefix(part: usize) -> String {
    format!("{part}.")
}

impl Optimizer for Optimizers {
    fn step(&mut self) -> Result<()> {
        (0..self.parts.len()).try_for_each(|part| self.step_part(part))
    }

    fn zero_grad(&self) {
        self.parts.iter().for_each(Optimizer::zero_grad);
    }

    fn param_groups(&self) -> &[ParamGroup] {
        &self.groups
    }

    fn param_groups_mut(&mut self) -> &mut [ParamGroup] {
        &mut self.groups
    }

    fn parts(&self) -> usize {
        self.parts.len()
    }

    fn part_groups(&self, part: usize) -> &[ParamGroup] {
        &self.groups[self.range(part)]
    }

    fn step_part(&mut self, part: usize) -> Result<()> {
        if part >= self.parts.len() {
            let expected = "the number of one of the optimizers, from 0";
            return Err(Error::argument(OP, "part", part, expected));
        }
        self.tell(part);
        self.parts[part].step().map_err(|error| error.within(format!("optimizer {part}")))
    }

    fn state_dict(&self) -> Result<StateDict> {
        let mut all = StateDict::default();
        all.metadata.insert(OPTIMIZER.to_owned(), OP.to_owned());
        for (part, optimizer) in self.parts.iter().enumerate() {
            let mut state = optimizer.state_dict()?;
            // Options that were changed since the part stepped last.
            for (i, group) in self.part_groups(part).iter().enumerate() {
                for (name, value) in group.options() {
                    if let Some(saved) = state.metadata.get_mut(&group_key(i, name)) {
                        *saved = value.to_string();
                    }
                }
            }
            let prefix = prefix(part);
            let tensors = state.tensors.into_iter();
            all.tensors.extend(tensors.map(|(name, array)| (format!("{prefix}{name}"), array)));
            let metadata = state.metadata.into_iter();
            all.metadata.extend(metadata.map(|(name, text)| (format!("{prefix}{name}"), text)));
        }
        Ok(all)
    }

    fn load_state_dict(&mut self, state: &StateDict) -> Result<()> {
        let maker = state.metadata.get(OPTIMIZER).map_or("unknown", String::as_str);
        let more = format!("{}{OPTIMIZER}", prefix(self.parts.len()));
        if maker != OP || state.metadata.contains_key(&more) {
            let value = format!("{maker} for {} optimizers", self.parts.len());
            return Err(Error::argument(OP, "state", value, "that of as many optimizers"));
        }
        // What is wrong with a later part must not leave the earlier ones changed.
        let before: Vec<StateDict> =
            self.parts.iter().map(Optimizer::state_dict).collect::<Result<_>>()?;
        for part in 0..self.parts.len() {
            let own = select(state, &prefix(part));
            if let Err(error) = self.parts[part].load_state_dict(&own) {
                for (part, state) in self.parts.iter_mut().zip(&before).take(part) {
                    part.load_state_dict(state)?;
                }
                return Err(error.within(format!("optimizer {part}")));
            }
        }
        self.groups = self.parts.iter().flat_map(|part| part.param_groups().to_vec()).collect();
        Ok(())
    }
}

/// The entries whose names begin with `prefix`, without it.
fn select(state: &StateDict, prefix: &str) -> StateDict {
    let mut own = StateDict::default();
    for (name, array) in &state.tensors {
        if let Some(name) = name.strip_prefix(prefix) {
            own.tensors.insert(name.to_owned(), array.clone());
        }
    }
    for (name, text) in &state.metadata {
        if let Some(name) = name.strip_prefix(prefix) {
            own.metadata.insert(name.to_owned(), text.clone());
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use gradus_autodiff::Tensor;

    use super::*;
    use crate::{Adam, LrScheduler, Scheduler, Sgd, StepLr};

    fn leaf(values: &[f32]) -> Tensor {
        Tensor::from_slice(values, [values.len()]).expect("a tensor").requires_grad_(true)
    }

    fn learn(params: [&Tensor; 2]) {
        for p in params {
            p.zero_grad();
            p.square().and_then(|y| y.sum_all()).and_then(|y| y.backward()).expect("a gradient");
        }
    }

    fn values(params: [&Tensor; 2]) -> Vec<f32> {
        params.iter().flat_map(|p| p.to_vec::<f32>().expect("float32")).collect()
    }

    fn both(a: &Tensor, b: &Tensor) -> Optimizers {
        let sgd = Sgd::new([a], 0.1).momentum(0.9);
        Optimizers::new(vec![Box::new(sgd), Box::new(Adam::new([b], 0.05))]).expect("distinct")
    }

    #[test]
    fn together_they_step_as_each_alone() {
        let (a, b) = (leaf(&[1.0, -2.0]), leaf(&[3.0]));
        let (c, d) = (a.detach().requires_grad_(true), b.detach().requires_grad_(true));
        let (mut sgd, mut adam) = (Sgd::new([&c], 0.1).momentum(0.9), Adam::new([&d], 0.05));
        let mut together = both(&a, &b);
        let mut schedule = Scheduler::new(&mut together, StepLr::new(2).gamma(0.5)).expect("new");
        for step in 1..6 {
            learn([&a, &b]);
            learn([&c, &d]);
            together.step().expect("a step");
            schedule.step(&mut together).expect("a step");
            sgd.step().expect("a step");
            adam.step().expect("a step");
            if step % 2 == 0 {
                let halve = |group: &mut ParamGroup| {
                    let lr = group.get("lr").expect("an option");
                    group.set("lr", lr * 0.5);
                };
                sgd.param_groups_mut().iter_mut().for_each(halve);
                adam.param_groups_mut().iter_mut().for_each(halve);
            }
            assert_eq!(values([&a, &b]), values([&c, &d]), "step {step}");
        }
        together.zero_grad();
        assert!(a.grad().is_none() && b.grad().is_none());
    }

    #[test]
    fn a_state_dict_holds_all_of_them_and_what_was_changed() {
        let (a, b) = (leaf(&[1.0, -2.0]), leaf(&[3.0]));
        let mut first = both(&a, &b);
        learn([&a, &b]);
        first.step().expect("a step");
        first.param_groups_mut()[1].set("lr", 0.2);
        let state = first.state_dict().expect("a state");
        let (c, d) = (a.detach().requires_grad_(true), b.detach().requires_grad_(true));
        let mut second = both(&c, &d);
        second.load_state_dict(&state).expect("it fits");
        assert_eq!(second.part_groups(1)[0].get("lr"), Some(0.2));
        for _ in 0..3 {
            learn([&a, &b]);
            learn([&c, &d]);
            first.step().expect("a step");
            second.step().expect("a step");
            assert_eq!(values([&a, &b]), values([&c, &d]));
        }
        let mut other = Optimizers::new(vec![Box::new(Sgd::new([&a], 0.1))]).expect("one");
        let error = other.load_state_dict(&state).expect_err("of two").to_string();
        assert!(error.contains("optimizers for 1 optimizers"), "{error}");
        let mut broken = state.clone();
        broken.tensors.retain(|name, _| name != "1.state.0.exp_avg");
        let kept = second.state_dict().expect("a state");
        let error = second.load_state_dict(&broken).expect_err("a part is missing").to_string();
        assert!(error.contains("exp_avg") && error.contains("optimizer 1"), "{error}");
        assert_eq!(second.state_dict().expect("a state").metadata, kept.metadata);
    }

    #[test]
    fn a_parameter_has_one_optimizer() {
        let a = leaf(&[1.0]);
        let twice: Vec<Box<dyn Optimizer>> =
            vec![Box::new(Sgd::new([&a], 0.1)), Box::new(Adam::new([&a], 0.1))];
        let error = Optimizers::new(twice).err().expect("twice").to_string();
        assert!(error.contains("expected distinct parameters"), "{error}");
        assert!(Optimizers::new(Vec::new()).is_err());
        let mut one = Optimizers::new(vec![Box::new(Sgd::new([&a], 0.1))]).expect("one");
        assert!(one.step_part(1).is_err() && one.part_groups(1).is_empty());
        let mut plain = Sgd::new([&a], 0.1);
        assert_eq!((plain.parts(), plain.part_groups(0).len()), (1, 1));
        assert!(plain.step_part(1).is_err());
    }
}
