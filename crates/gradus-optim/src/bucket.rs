//! Buckets: parameters whose elements lie in one flat array and are updated by one kernel.

use gradus_autodiff::{Tensor, update_leaves};
use gradus_kernels::{Assign, Value, assign};
use gradus_tensor::{Array, DType, Device, Error, Layout, Result, Shape};

use crate::flat::{Fault, Flat};
use crate::group::ParamGroup;
use crate::rule::{Rule, StepContext};

/// Parameters start at multiples of this many elements, as vector loads like it.
const ALIGN: usize = 4;
/// Gradients that one kernel reads.
const MOST_PARTS: usize = 16;
/// Bindings that a kernel needs besides the gradients: the parameters, three states, its own
/// parameter block.
#[cfg(feature = "gpu")]
const OTHER_BUFFERS: usize = 5;

/// Consecutive parameters of one group, type, device and step count.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) group: usize,
    pub(crate) dtype: DType,
    pub(crate) device: Device,
    pub(crate) tensors: Vec<Tensor>,
    /// Where each parameter lies.
    pub(crate) slots: Vec<Slot>,
    flat: Arenas,
}

/// A parameter's place in its bucket.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// Its number among all parameters of the optimizer.
    pub(crate) index: usize,
    pub(crate) shape: Shape,
    offset: usize,
}

/// The flat arrays of a bucket.
#[derive(Debug, Default)]
struct Arenas {
    len: usize,
    step: u64,
    /// The parameters' elements, from the first step on; the parameters' values are views of it.
    params: Option<Array>,
    states: Vec<(&'static str, Array)>,
    /// The rule's numbers, from the first step on.
    numbers: Vec<(&'static str, f64)>,
}

/// How many parameters a bucket may hold.
fn most_parts(device: &Device) -> usize {
    #[cfg(feature = "gpu")]
    if let Some(gpu) = device.as_gpu() {
        let buffers = gpu.profile().max_storage_buffers as usize;
        return buffers.saturating_sub(OTHER_BUFFERS).clamp(1, MOST_PARTS);
    }
    let _ = device;
    MOST_PARTS
}

/// A bucket's key by which parameters that are updated one by one get a bucket each.
pub(crate) fn apart<R: Rule>(rule: &R, index: usize) -> Option<usize> {
    rule.is_per_parameter().then_some(index)
}

/// Where arrays of these sizes start in a flat one, and its length. A single array is flat as it
/// is; several end in a whole vector.
pub(crate) fn offsets(sizes: impl Iterator<Item = usize>) -> (Vec<usize>, usize) {
    let (mut starts, mut end) = (Vec::new(), 0usize);
    for size in sizes {
        let start = end.next_multiple_of(ALIGN);
        starts.push(start);
        end = start + size;
    }
    let len = if starts.len() > 1 { end.next_multiple_of(ALIGN) } else { end };
    (starts, len)
}

/// Dense arrays as one flat value of `len` elements, each at its offset; nothing is copied.
pub(crate) fn join(parts: &[Array], offsets: &[usize], len: usize) -> Option<Value> {
    if let [only] = parts {
        let layout = Layout::dense_at(len, only.layout().offset());
        return Some(Value::from(only.with_layout(layout)));
    }
    let filled = parts.iter().zip(offsets).filter(|(part, _)| part.shape().numel() > 0);
    Value::concat(filled.map(|(part, &offset)| (part.clone(), offset)).collect(), len)
}

/// Splits positions into runs: of equal keys, in order, at most as many as a bucket holds.
pub(crate) fn runs<K: PartialEq>(keys: &[K], device: impl Fn(&K) -> Device) -> Vec<Vec<usize>> {
    let mut runs: Vec<Vec<usize>> = Vec::new();
    for (i, key) in keys.iter().enumerate() {
        let open = runs.iter_mut().rev().find(|run| keys[run[0]] == *key);
        match open {
            Some(run) if run.len() < most_parts(&device(key)) => run.push(i),
            _ => runs.push(vec![i]),
        }
    }
    runs
}

impl Bucket {
    fn new(group: usize, members: Vec<(usize, Tensor)>) -> Self {
        let (starts, len) = offsets(members.iter().map(|(_, tensor)| tensor.numel()));
        let first = &members[0].1;
        let (dtype, device) = (first.dtype(), first.device());
        let (mut tensors, mut slots) = (Vec::new(), Vec::new());
        for ((index, tensor), offset) in members.into_iter().zip(starts) {
            slots.push(Slot { index, shape: tensor.shape(), offset });
            tensors.push(tensor);
        }
        let flat = Arenas { len, ..Arenas::default() };
        Bucket { group, dtype, device, tensors, slots, flat }
    }

    /// Buckets for parameters, each with its number and a key that a bucket's parameters share;
    /// the positions of each bucket's members come with it.
    pub(crate) fn all<K: PartialEq>(
        group: usize,
        members: &[(usize, Tensor, K)],
    ) -> Vec<(Bucket, Vec<usize>)> {
        let keys: Vec<_> = members.iter().map(|(_, t, k)| (t.device(), t.dtype(), k)).collect();
        let runs = runs(&keys, |key| key.0.clone());
        let member = |&at: &usize| (members[at].0, members[at].1.clone());
        runs.into_iter()
            .map(|run| (Bucket::new(group, run.iter().map(member).collect()), run))
            .collect()
    }

    /// Steps taken.
    pub(crate) fn steps(&self) -> u64 {
        self.flat.step
    }

    /// State `name` of member `i`, if it has begun.
    pub(crate) fn state(&self, name: &str, i: usize) -> Option<Array> {
        let (_, arena) = self.flat.states.iter().find(|(n, _)| *n == name)?;
        Some(self.slots[i].view(arena))
    }

    /// The rule's numbers; empty before the first step.
    pub(crate) fn numbers(&self) -> &[(&'static str, f64)] {
        &self.flat.numbers
    }

    /// Sets the step count, the numbers and the states, each as the members' arrays in their
    /// order.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`.
    pub(crate) fn restore(
        &mut self,
        step: u64,
        numbers: &[(&'static str, f64)],
        states: Vec<(&'static str, Vec<Array>)>,
    ) -> Result<()> {
        let starts: Vec<usize> = self.slots.iter().map(|slot| slot.offset).collect();
        self.flat.step = step;
        self.flat.numbers = numbers.to_vec();
        for (name, parts) in states {
            let parts: Vec<Array> = parts
                .iter()
                .map(|part| Value::from(part.to(&self.device)?).dense())
                .collect::<Result<_>>()?;
            let joined = join(&parts, &starts, self.flat.len);
            let arena = match joined {
                Some(joined) => joined.array()?,
                None => Array::alloc(&self.device, self.flat.len, self.dtype)?,
            };
            self.flat.states.push((name, arena));
        }
        Ok(())
    }

    /// Whether the members, by whether they have a gradient and where they are, can still be
    /// updated together.
    pub(crate) fn fits(&self, keys: &[(bool, Device)]) -> bool {
        keys.iter().all(|(has_grad, device)| *device == self.device && *has_grad == keys[0].0)
    }

    /// Buckets of the members with equal keys, each with its members' states.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`; what moving states to another device can report.
    pub(crate) fn split(&self, keys: &[(bool, Device)]) -> Result<Vec<Bucket>> {
        let members = self.tensors.iter().zip(&self.slots).zip(keys);
        let members: Vec<_> =
            members.map(|((t, slot), key)| (slot.index, t.clone(), key)).collect();
        let mut buckets = Vec::new();
        for (mut bucket, run) in Bucket::all(self.group, &members) {
            let part = |arena| run.iter().map(|&i| self.slots[i].view(arena)).collect();
            let states = self.flat.states.iter().map(|(name, arena)| (*name, part(arena)));
            bucket.restore(self.flat.step, &self.flat.numbers, states.collect())?;
            buckets.push(bucket);
        }
        Ok(buckets)
    }

    /// One step along dense gradients, one a member.
    ///
    /// # Errors
    /// What computing and memory can report; then nothing has changed.
    pub(crate) fn step<R: Rule>(
        &mut self,
        rule: &R,
        group: &ParamGroup,
        grads: Vec<Array>,
    ) -> Result<()> {
        let Bucket { dtype, device, tensors, slots, flat, .. } = self;
        let starts: Vec<usize> = slots.iter().map(|slot| slot.offset).collect();
        let Some(gradient) = join(&grads, &starts, flat.len).filter(|_| flat.len > 0) else {
            // Only parameters without elements.
            flat.step += 1;
            return Ok(());
        };
        drop(grads);
        update_leaves(tensors, |values| {
            let mut arena = flat.adopt(slots, values)?;
            // The arena alone may hold the elements now: then they are written in place.
            let empty = Value::constant(0.0, (), *dtype, device);
            values.fill(empty);
            let result = flat.advance(rule, group, &slots[0].shape, &mut arena, gradient);
            for (value, slot) in values.iter_mut().zip(slots.iter()) {
                *value = Value::from(slot.view(&arena));
            }
            flat.params = Some(arena);
            result
        })
    }
}

impl Slot {
    /// The parameter's elements in a flat array.
    fn view(&self, arena: &Array) -> Array {
        arena.with_layout(Layout::dense_at(&self.shape, arena.layout().offset() + self.offset))
    }

    fn is_viewed_by(&self, value: &Value, arena: &Array) -> bool {
        let same = |array: Array| {
            let layout = array.layout();
            array.storage().same(arena.storage())
                && layout.offset() == arena.layout().offset() + self.offset
                && *layout.shape() == self.shape
                && layout.is_dense()
        };
        value.is_computed() && value.array().is_ok_and(same)
    }
}

impl Arenas {
    /// The flat array that the parameters' values are views of. It is made anew when a value was
    /// replaced from outside; on error the old one stays.
    fn adopt(&mut self, slots: &[Slot], values: &[Value]) -> Result<Array> {
        if let Some(arena) = self.params.take_if(|arena| {
            slots.iter().zip(values).all(|(slot, value)| slot.is_viewed_by(value, arena))
        }) {
            return Ok(arena);
        }
        let parts: Vec<Array> = values.iter().map(Value::dense).collect::<Result<_>>()?;
        let starts: Vec<usize> = slots.iter().map(|slot| slot.offset).collect();
        join(&parts, &starts, self.len).expect("a bucket with elements has parts").array()
    }

    /// Evaluates the formula and stores its results in the arenas.
    fn advance<R: Rule>(
        &mut self,
        rule: &R,
        group: &ParamGroup,
        shape: &Shape,
        arena: &mut Array,
        gradient: Value,
    ) -> Result<()> {
        let begun = self.states.len();
        let mut numbers = match self.numbers.is_empty() {
            true => rule.numbers(group),
            false => self.numbers.clone(),
        };
        let names = rule.states(group);
        let has = |name: &&str| self.states.iter().any(|(n, _)| n == name);
        let fresh: Vec<bool> = names.iter().map(|name| !has(name)).collect();
        let step = self.step + 1;
        let cx = StepContext { group, step, fresh: &fresh, numbers: &numbers, shape };
        let next = rule.next_numbers(&cx);
        let result =
            self.begin(rule, &cx, arena).and_then(|()| self.update(rule, &cx, arena, gradient));
        match result {
            Ok(()) => {
                self.step = step;
                numbers.iter_mut().zip(next).for_each(|(number, next)| number.1 = next);
                self.numbers = numbers;
            }
            // States that began with the failed step have not begun.
            Err(_) => self.states.truncate(begun),
        }
        result
    }

    /// Makes the states that are missing.
    fn begin<R: Rule>(&mut self, rule: &R, cx: &StepContext<'_>, arena: &Array) -> Result<()> {
        let fresh = rule.states(cx.group).iter().zip(cx.fresh).filter(|(_, fresh)| **fresh);
        for (&name, _) in fresh {
            let p = Fault::default().flat(Value::from(arena));
            if let Some(value) = rule.init(cx, name, &p).finish()? {
                self.states.push((name, value.dense()?));
            }
        }
        Ok(())
    }

    fn update<R: Rule>(
        &mut self,
        rule: &R,
        cx: &StepContext<'_>,
        arena: &mut Array,
        gradient: Value,
    ) -> Result<()> {
        let names = rule.states(cx.group);
        let fault = Fault::default();
        let p = fault.flat(Value::from(&*arena));
        let mut g = fault.flat(gradient);
        if cx.group.get("maximize").is_some_and(|on| on != 0.0) {
            g = -g;
        }
        let old: Vec<Flat> = names
            .iter()
            .filter_map(|name| self.states.iter().find(|(n, _)| n == name))
            .map(|(_, state)| fault.flat(Value::from(state)))
            .collect();
        let new = rule.update(cx, &p, &g, &old);
        if new.len() != names.len() + 1 {
            let value = format!("a list of {} results", new.len());
            let expected = "the parameters and every state";
            return Err(Error::argument(rule.name(), "update", value, expected));
        }
        // Only the results may refer to the arenas from here on.
        drop((p, g, old));
        let mut results = Vec::with_capacity(new.len());
        for flat in new {
            results.push(flat.finish()?);
        }
        let mut results = results.into_iter();
        let mut items = Vec::with_capacity(names.len() + 1);
        items.extend(results.next().flatten().map(|value| Assign { dest: arena, value }));
        let mut values: Vec<Option<Value>> = results.collect();
        for (name, dest) in &mut self.states {
            let at = names.iter().position(|n| n == name);
            if let Some(value) = at.and_then(|at| values[at].take()) {
                items.push(Assign { dest, value });
            }
        }
        assign(items)
    }
}
