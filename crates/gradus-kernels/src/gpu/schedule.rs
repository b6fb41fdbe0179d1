//! Launches that are held back, so that those that do not depend on each other run as one.
//!
//! Every call gets a level: one more than the highest level of the earlier calls that it depends
//! on, because it reads what they write, or writes what they read or write. Calls of one level
//! are independent, and those that fit together are joined into one kernel. Recording goes level
//! by level, so each call still runs after all that it depends on.

use std::collections::HashMap;
use std::sync::Arc;

use gradus_tensor::Result;
use gradus_tensor::gpu::{Access, Dispatch, Gpu, HeldSlots, MAX_WORKGROUPS, Profile, Slot};
use smallvec::SmallVec;

use super::join;
use super::pipeline::{Compiled, Pipelines, Source};

/// Calls held back at most: a training step of a small network fits.
const MOST_CALLS: usize = 64;
/// Calls that are joined at most.
const MOST_PARTS: usize = 8;
/// Words that the parameters of joined calls have at most.
const MOST_WORDS: usize = 256;
/// Invocations from which a call keeps every device busy by itself, and an adapter that computes
/// on the processor.
const MOST_THREADS: [u64; 2] = [1 << 20, 1 << 16];

/// A kernel with everything it runs on.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) source: Arc<Source>,
    pub(super) slots: SmallVec<[Arc<Slot>; 6]>,
    pub(super) params: SmallVec<[u32; 40]>,
    /// Invocations in a row; `None` for a grid of another kind.
    pub(super) threads: Option<u64>,
    /// In workgroups of the source's own size.
    pub(super) grid: [u32; 3],
}

/// A call that is held back.
struct Held {
    call: Call,
    _slots: HeldSlots,
}

/// Calls of one level that become one dispatch.
struct Group {
    level: u32,
    parts: SmallVec<[Held; 4]>,
    /// Sums over the parts.
    bindings: usize,
    words: usize,
}

/// The levels that last read and wrote a buffer; 0 for none.
#[derive(Clone, Copy, Default)]
struct Uses {
    read: u32,
    written: u32,
}

/// What is held back.
#[derive(Default)]
pub(super) struct Schedule {
    groups: Vec<Group>,
    uses: HashMap<u64, Uses>,
    calls: usize,
}

impl Schedule {
    /// Holds a call back, and records everything when that is much.
    pub(super) fn add(&mut self, gpu: &Gpu, call: Call) -> Result<()> {
        let level = self.level(&call);
        let held = Held { _slots: HeldSlots::new(call.slots.clone()), call };
        let profile = gpu.profile();
        match self
            .groups
            .iter_mut()
            .find(|group| group.level == level && group.fits(&held.call, profile))
        {
            Some(group) => group.push(held),
            None => {
                let mut group = Group { level, parts: SmallVec::new(), bindings: 0, words: 0 };
                group.push(held);
                self.groups.push(group);
            }
        }
        self.calls += 1;
        if self.calls == MOST_CALLS { self.release(gpu) } else { Ok(()) }
    }

    /// The level of the next call, which is noted as its buffers' last use.
    fn level(&mut self, call: &Call) -> u32 {
        let uses = || call.slots.iter().zip(&call.source.access);
        let before = uses().map(|(slot, access)| {
            let last = self.uses.get(&slot.id()).copied().unwrap_or_default();
            if *access == Access::Read { last.written } else { last.written.max(last.read) }
        });
        let level = before.max().unwrap_or(0) + 1;
        for (slot, access) in uses() {
            let last = self.uses.entry(slot.id()).or_default();
            match access {
                Access::Read => last.read = last.read.max(level),
                Access::ReadWrite => last.written = level,
            }
        }
        level
    }

    /// Records everything, level by level. After an error nothing is held any more.
    pub(super) fn release(&mut self, gpu: &Gpu) -> Result<()> {
        self.uses.clear();
        self.calls = 0;
        let mut groups = std::mem::take(&mut self.groups);
        groups.sort_by_key(|group| group.level);
        let result = groups.iter().try_for_each(|group| group.record(gpu));
        groups.clear();
        self.groups = groups;
        result
    }
}

impl Call {
    /// Workgroups when a workgroup has `size` invocations.
    fn workgroups(&self, size: u32) -> u64 {
        self.threads.unwrap_or(0).div_ceil(u64::from(size))
    }

    fn uses(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().map(|slot| &**slot)
    }

    /// Records the call alone.
    fn record(&self, gpu: &Gpu) -> Result<()> {
        let kernel = Pipelines::of(gpu)?.single(gpu, &self.source)?;
        let uses: SmallVec<[&Slot; 8]> = self.uses().collect();
        dispatch(gpu, &kernel, &uses, &self.params, self.grid)
            .map_err(|error| error.within(self.source.name))
    }
}

impl Group {
    fn push(&mut self, held: Held) {
        self.bindings += held.call.slots.len();
        self.words += join::words(held.call.params.len());
        self.parts.push(held);
    }

    fn calls(&self) -> impl Iterator<Item = &Call> + Clone {
        self.parts.iter().map(|held| &held.call)
    }

    /// Whether a call can become another part.
    fn fits(&self, call: &Call, profile: &Profile) -> bool {
        let most_threads = MOST_THREADS[usize::from(profile.software)];
        let small = |call: &Call| call.threads.is_some_and(|threads| threads <= most_threads);
        let calls = || self.calls().chain([call]);
        let Some(size) = join::size(&calls().map(|call| &call.source)) else { return false };
        let header = join::header(self.parts.len() + 1);
        self.parts.len() < MOST_PARTS
            && self.bindings + call.slots.len() <= profile.max_storage_buffers as usize
            && header + self.words + join::words(call.params.len()) <= MOST_WORDS
            && calls().all(small)
            && calls().map(|call| call.workgroups(size)).sum::<u64>() <= u64::from(MAX_WORKGROUPS)
    }

    fn record(&self, gpu: &Gpu) -> Result<()> {
        let sources: SmallVec<[&Arc<Source>; 8]> = self.calls().map(|call| &call.source).collect();
        let joined = match sources.len() {
            1 => None,
            _ => Pipelines::of(gpu)?.joined(gpu, &sources)?,
        };
        let (Some(joined), Some(size)) = (joined, join::size(&sources.iter().copied())) else {
            return self.calls().try_for_each(|call| call.record(gpu));
        };
        let counts: SmallVec<[u32; 8]> =
            self.calls().map(|call| call.workgroups(size) as u32).collect();
        let blocks = self.calls().map(|call| &call.params[..]);
        let params = join::params(&counts, gpu.profile().software, blocks);
        let uses: SmallVec<[&Slot; 24]> = self.calls().flat_map(Call::uses).collect();
        dispatch(gpu, &joined, &uses, &params, [counts.iter().sum(), 1, 1])
            .map_err(|error| error.within(joined.name.clone()))
    }
}

fn dispatch(
    gpu: &Gpu,
    kernel: &Compiled,
    uses: &[&Slot],
    params: &[u32],
    grid: [u32; 3],
) -> Result<()> {
    let bind_group = &gpu.bind_group(&kernel.layout, uses)?;
    let (name, pipeline) = (&kernel.name, &kernel.pipeline);
    gpu.dispatch(&Dispatch { name, pipeline, bind_group, params, uses, grid })
}
