//! State dicts: an optimizer's states and options under names, and back.

use std::collections::BTreeMap;

use gradus_autodiff::Tensor;
use gradus_tensor::{Array, DType, Error, Kind, Problem, Result, Shape};

use crate::bucket::{Bucket, apart};
use crate::engine::Engine;
use crate::group::ParamGroup;
use crate::optimizer::StateDict;
use crate::rule::Rule;

const OP: &str = "load_state_dict";
/// Metadata that names the optimizer.
pub(crate) const OPTIMIZER: &str = "optimizer";
/// Metadata in place of a state that the options ask for but that has not begun.
const PENDING: &str = "pending";

pub(crate) fn state_key(index: usize, name: &str) -> String {
    format!("state.{index}.{name}")
}

pub(crate) fn group_key(group: usize, name: &str) -> String {
    format!("param_groups.{group}.{name}")
}

/// A state dict without states: the optimizer's name and its groups' options.
pub(crate) fn header(name: &str, groups: &[ParamGroup]) -> StateDict {
    let mut state = StateDict::default();
    state.metadata.insert(OPTIMIZER.into(), name.into());
    for (i, group) in groups.iter().enumerate() {
        state.metadata.insert(group_key(i, "params"), group.params().len().to_string());
        for (name, value) in group.options() {
            // The shortest text that reads back as the same number.
            state.metadata.insert(group_key(i, name), value.to_string());
        }
    }
    state
}

/// The state dict of an optimizer.
pub(crate) fn of<R: Rule>(engine: &Engine<R>) -> Result<StateDict> {
    let mut state = header(engine.rule.name(), &engine.groups);
    for bucket in engine.buckets.iter().filter(|bucket| bucket.steps() > 0) {
        let steps = i32::try_from(bucket.steps()).unwrap_or(i32::MAX);
        for (i, slot) in bucket.slots.iter().enumerate() {
            let step = Array::from_slice(&[steps], ())?;
            state.tensors.insert(state_key(slot.index, "step"), step);
            for &(name, value) in bucket.numbers() {
                let number = Array::from_slice(&[value], ())?;
                state.tensors.insert(state_key(slot.index, name), number);
            }
            for name in engine.rule.states(&engine.groups[bucket.group]) {
                let key = state_key(slot.index, name);
                match bucket.state(name, i) {
                    Some(array) => drop(state.tensors.insert(key, array)),
                    None => drop(state.metadata.insert(key, PENDING.into())),
                }
            }
        }
    }
    Ok(state)
}

/// What a state dict holds for one parameter.
#[derive(Default)]
struct Loaded {
    step: u64,
    numbers: Vec<(&'static str, f64)>,
    states: Vec<(&'static str, Array)>,
}

/// Replaces states and options by those of a state dict, or nothing when something is wrong.
pub(crate) fn load<R: Rule>(engine: &mut Engine<R>, state: &StateDict) -> Result<()> {
    engine.place()?;
    let groups = options(engine.rule.name(), &engine.groups, state)?;
    groups.iter().try_for_each(|group| engine.check_options(group))?;

    let mut unexpected: BTreeMap<&String, &Array> = state.tensors.iter().collect();
    let mut missing = Vec::new();
    let mut loaded = Vec::new();
    let params = groups.iter().flat_map(|group| group.params().iter().map(move |p| (group, p)));
    for (index, (group, param)) in params.enumerate() {
        let mut entry = Loaded::default();
        let mut take = |name: &str| unexpected.remove(&state_key(index, name));
        match take("step") {
            Some(step) => entry.step = count(step, index)?,
            None => {
                // Without a step count there is no state at all: what is there is unexpected.
                loaded.push(entry);
                continue;
            }
        }
        for (name, _) in engine.rule.numbers(group) {
            match take(name) {
                Some(array) => entry.numbers.push((name, number(array, index, name)?)),
                None => missing.push(state_key(index, name)),
            }
        }
        for &name in engine.rule.states(group) {
            let key = state_key(index, name);
            match take(name) {
                Some(array) => {
                    fits(array, param).map_err(|error| error.within(key))?;
                    entry.states.push((name, array.clone()));
                }
                None if state.metadata.get(&key).is_some_and(|text| text == PENDING) => {}
                None => missing.push(key),
            }
        }
        loaded.push(entry);
    }
    if !missing.is_empty() || !unexpected.is_empty() {
        let unexpected = unexpected.into_keys().cloned().collect();
        return Err(Kind::StateDict { missing, unexpected }.into());
    }
    engine.buckets = buckets(&engine.rule, &groups, &loaded)?;
    engine.groups = groups;
    Ok(())
}

/// The groups with the state dict's options.
pub(crate) fn options(
    optimizer: &str,
    groups: &[ParamGroup],
    state: &StateDict,
) -> Result<Vec<ParamGroup>> {
    let text = |key: &str| state.metadata.get(key).map(String::as_str);
    let maker = text(OPTIMIZER).unwrap_or("unknown");
    if maker != optimizer {
        let value = format!("{maker} for {optimizer}");
        return Err(Error::argument(OP, OPTIMIZER, value, "the optimizer that was saved"));
    }
    let mut groups = groups.to_vec();
    if text(&group_key(groups.len(), "params")).is_some() {
        let value = format!("{} in the optimizer, more in the state", groups.len());
        return Err(Error::argument(OP, "param_groups", value, "as many groups as were saved"));
    }
    for (i, group) in groups.iter_mut().enumerate() {
        let (own, saved) = (group.params().len(), text(&group_key(i, "params")).unwrap_or("no"));
        if saved != own.to_string() {
            let value = format!("{own} parameters in group {i}, {saved} in the state");
            return Err(Error::argument(OP, "params", value, "as many parameters as were saved"));
        }
        let names: Vec<&'static str> = group.options().map(|(name, _)| name).collect();
        for name in names {
            let key = group_key(i, name);
            let Some(value) = text(&key) else {
                let missing = vec![key];
                return Err(Kind::StateDict { missing, unexpected: Vec::new() }.into());
            };
            let number = value
                .parse()
                .map_err(|_| Error::argument(OP, name, value, "a number").within(key))?;
            group.set(name, number);
        }
    }
    Ok(groups)
}

/// The elements as doubles, whatever number type they are stored as.
pub(crate) fn wide(array: &Array) -> Result<Vec<f64>> {
    Ok(match array.dtype() {
        DType::F64 => array.to_vec()?,
        DType::F32 => array.to_vec::<f32>()?.into_iter().map(f64::from).collect(),
        _ => array.to_vec::<i64>()?.into_iter().map(|v| v as f64).collect(),
    })
}

/// A step count.
fn count(step: &Array, index: usize) -> Result<u64> {
    match wide(step)?[..] {
        [value] if value >= 0.0 && value.fract() == 0.0 => Ok(value as u64),
        _ => Err(Error::argument(OP, "step", format!("{step}"), "a whole number, 0 or more")
            .within(state_key(index, "step"))),
    }
}

/// One of a rule's numbers.
fn number(array: &Array, index: usize, name: &'static str) -> Result<f64> {
    match wide(array)?[..] {
        [value] => Ok(value),
        _ => Err(Error::argument(OP, name, format!("{array}"), "one number")
            .within(state_key(index, name))),
    }
}

/// # Errors
/// `Kind::Shape` and `Kind::DType` unless the state has the parameter's shape and type.
pub(crate) fn fits(state: &Array, param: &Tensor) -> Result<()> {
    let (shape, dtype): (Shape, DType) = (param.shape(), param.dtype());
    if *state.shape() != shape {
        let problem = Problem::Rule { rule: "a state has its parameter's shape" };
        let operands = [("parameter", &shape), ("state", state.shape())];
        return Err(Error::shape(OP, problem, &operands));
    }
    if state.dtype() != dtype {
        let got = vec![state.dtype()];
        return Err(Kind::DType { op: OP, got, expected: "the parameter's type" }.into());
    }
    Ok(())
}

fn buckets<R: Rule>(rule: &R, groups: &[ParamGroup], loaded: &[Loaded]) -> Result<Vec<Bucket>> {
    let mut buckets = Vec::new();
    let mut first = 0;
    for (number, group) in groups.iter().enumerate() {
        let members = group.params().iter().enumerate().map(|(i, param)| {
            let Loaded { step, numbers, states } = &loaded[first + i];
            let names: Vec<&str> = states.iter().map(|(name, _)| *name).collect();
            (first + i, param.clone(), (*step, names, numbers, apart(rule, first + i)))
        });
        for (mut bucket, run) in Bucket::all(number, &members.collect::<Vec<_>>()) {
            let Loaded { step, numbers, states } = &loaded[first + run[0]];
            let part = |s: usize| run.iter().map(move |&i| loaded[first + i].states[s].1.clone());
            let states = states.iter().enumerate().map(|(s, (name, _))| (*name, part(s).collect()));
            bucket.restore(*step, numbers, states.collect())?;
            buckets.push(bucket);
        }
        first += group.params().len();
    }
    Ok(buckets)
}
