//! Launches that are held back, so that those that do not depend on each other run as one.
//!
//! Every call gets a level: one more than the highest level of the earlier calls that it depends
//! on, because it reads what they write, or writes what they read or write. Calls of one level
//! are independent, and those that fit together are joined into one kernel. Recording goes level
//! by level, so each call still runs after all that it depends on.

use std::collections::HashMap;
use std::sync::Arc;

use gradus_tensor::Result;
use gradus_tensor::gpu::{Access, Dispatch, Gpu, HeldSlots, MAX_WORKGROUPS, Slot};
use smallvec::SmallVec;

use super::join;
use super::pipeline::{Pipelines, Source};

/// Calls held back at most: a training step of a small network fits.
const MOST_CALLS: usize = 64;
/// Calls that are joined at most.
const MOST_PARTS: usize = 8;
/// Words that the parameters of joined calls have at most.
const MOST_WORDS: usize = 256;
/// Invocations from which a call keeps every device busy by itself.
const MOST_THREADS: u64 = 1 << 20;

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
    source: Arc<Source>,
    slots: HeldSlots,
    params: SmallVec<[u32; 40]>,
    threads: Option<u64>,
    grid: [u32; 3],
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
        let Call { source, slots, params, threads, grid } = call;
        let held = Held { source, slots: HeldSlots::new(slots), params, threads, grid };
        let most = gpu.profile().max_storage_buffers as usize;
        match self.groups.iter_mut().find(|group| group.level == level && group.fits(&held, most)) {
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

impl Held {
    /// Workgroups when a workgroup has `size` invocations.
    fn workgroups(&self, size: u32) -> u64 {
        self.threads.unwrap_or(0).div_ceil(u64::from(size))
    }
}

impl Group {
    fn push(&mut self, held: Held) {
        self.bindings += held.slots.len();
        self.words += join::words(held.params.len());
        self.parts.push(held);
    }

    /// Whether a call can become another part.
    fn fits(&self, held: &Held, most_bindings: usize) -> bool {
        let small = |held: &Held| held.threads.is_some_and(|threads| threads <= MOST_THREADS);
        let parts = || self.parts.iter().chain([held]);
        let Some(size) = join::size(&parts().map(|held| &held.source)) else { return false };
        let header = join::words(self.parts.len() + 1);
        self.parts.len() < MOST_PARTS
            && self.bindings + held.slots.len() <= most_bindings
            && header + self.words + join::words(held.params.len()) <= MOST_WORDS
            && parts().all(small)
            && parts().map(|held| held.workgroups(size)).sum::<u64>() <= u64::from(MAX_WORKGROUPS)
    }

    fn record(&self, gpu: &Gpu) -> Result<()> {
        if let [held] = self.parts.as_slice() {
            return held.record(gpu);
        }
        let sources: SmallVec<[&Arc<Source>; 8]> = self.parts.iter().map(|p| &p.source).collect();
        let Some(joined) = Pipelines::of(gpu)?.compiled(gpu, &sources)? else {
            return self.parts.iter().try_for_each(|held| held.record(gpu));
        };
        let size = join::size(&sources.iter().copied()).unwrap_or(1);
        let counts: SmallVec<[u32; 8]> =
            self.parts.iter().map(|held| held.workgroups(size) as u32).collect();
        let params = join::params(&counts, self.parts.iter().map(|held| &held.params[..]));
        let uses: SmallVec<[&Slot; 24]> =
            self.parts.iter().flat_map(|held| held.slots.iter().map(|slot| &**slot)).collect();
        let named = |error: gradus_tensor::Error| error.within(sources[0].name);
        let bind_group = gpu.bind_group(&joined.layout, &uses).map_err(named)?;
        let dispatch = Dispatch {
            name: &joined.name,
            pipeline: &joined.pipeline,
            bind_group: &bind_group,
            params: &params,
            uses: &uses,
            grid: [counts.iter().sum(), 1, 1],
        };
        gpu.dispatch(&dispatch).map_err(named)
    }
}

impl Held {
    /// Records the call alone.
    fn record(&self, gpu: &Gpu) -> Result<()> {
        // A single source compiles or is an error.
        let Some(kernel) = Pipelines::of(gpu)?.compiled(gpu, &[&self.source])? else {
            return Ok(());
        };
        let named = |error: gradus_tensor::Error| error.within(self.source.name);
        let uses: SmallVec<[&Slot; 8]> = self.slots.iter().map(|slot| &**slot).collect();
        let bind_group = gpu.bind_group(&kernel.layout, &uses).map_err(named)?;
        let dispatch = Dispatch {
            name: &kernel.name,
            pipeline: &kernel.pipeline,
            bind_group: &bind_group,
            params: &self.params,
            uses: &uses,
            grid: self.grid,
        };
        gpu.dispatch(&dispatch).map_err(named)
    }
}
