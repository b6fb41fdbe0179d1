//! Bookkeeping of GPU memory: free buffers by size class, budget, what to let go of.

use std::collections::VecDeque;
use std::sync::Arc;

use super::buffer::Slot;
use crate::cpu::PoolStats;

/// Four classes per power of two of a 64-bit size.
const CLASSES: usize = 64 * 4;
/// Free buffers kept. The driver layer's cost per submit grows with live buffers, so they are
/// held in the hundreds.
const MAX_FREE: usize = 512;
/// Free buffers left after letting go, so that it does not happen on every drop.
const KEEP_FREE: usize = MAX_FREE - MAX_FREE / 8;
/// Memory that is never worth letting go of.
const SMALL_BYTES: u64 = 256 << 20;

/// Free buffers and counts. Buffers to destroy are handed out, to be dropped without the lock.
pub(crate) struct Pool {
    free: [VecDeque<(u64, Arc<Slot>)>; CLASSES],
    free_count: usize,
    tick: u64,
    budget: u64,
    /// Bytes of buffers that are being made.
    reserved: u64,
    stats: PoolStats,
}

impl Pool {
    pub(crate) fn new(budget: u64) -> Self {
        Pool {
            free: [const { VecDeque::new() }; CLASSES],
            free_count: 0,
            tick: 0,
            budget,
            reserved: 0,
            stats: PoolStats::default(),
        }
    }

    pub(crate) fn stats(&self) -> PoolStats {
        self.stats
    }

    pub(crate) fn budget(&self) -> u64 {
        self.budget
    }

    /// The free buffer used last. With `idle_before`, one that no batch since then names.
    pub(crate) fn reuse(&mut self, class: usize, idle_before: Option<u64>) -> Option<Arc<Slot>> {
        let list = &mut self.free[class];
        let at = match idle_before {
            None => list.len().checked_sub(1),
            Some(batch) => list.iter().rposition(|(_, slot)| slot.is_idle(batch)),
        }?;
        let (_, slot) = list.remove(at)?;
        self.free_count -= 1;
        self.stats.take(slot.bytes, true);
        Some(slot)
    }

    /// Sets bytes aside for a buffer that is being made, if the budget allows it.
    pub(crate) fn reserve(&mut self, bytes: u64) -> bool {
        let held = self.stats.in_use_bytes + self.stats.free_bytes + self.reserved;
        let fits = held.checked_add(bytes).is_some_and(|total| total <= self.budget);
        if fits {
            self.reserved += bytes;
        }
        fits
    }

    /// Ends a reservation; `made` tells whether the buffer came to be.
    pub(crate) fn settle(&mut self, bytes: u64, made: bool) {
        self.reserved -= bytes;
        if made {
            self.stats.take(bytes, false);
        }
    }

    /// Takes a buffer back; returns buffers to destroy.
    pub(crate) fn give(&mut self, slot: Arc<Slot>) -> Vec<Arc<Slot>> {
        self.stats.give(slot.bytes, true);
        self.tick += 1;
        self.free_count += 1;
        self.free[slot.class].push_back((self.tick, slot));
        // A step needs its peak again, rarely much more.
        let peak = self.stats.peak_bytes;
        let most = (peak + peak / 2).max(SMALL_BYTES);
        let held = |pool: &Pool| pool.stats.in_use_bytes + pool.stats.free_bytes;
        let mut gone = Vec::new();
        if self.free_count > MAX_FREE {
            while self.free_count > KEEP_FREE {
                gone.extend(self.drop_oldest());
            }
        }
        while held(self) > most && self.free_count > 0 {
            gone.extend(self.drop_oldest());
        }
        gone
    }

    /// Lets go of every free buffer.
    pub(crate) fn drain(&mut self) -> Vec<Arc<Slot>> {
        self.free_count = 0;
        self.stats.free_bytes = 0;
        self.free.iter_mut().flat_map(std::mem::take).map(|(_, slot)| slot).collect()
    }

    fn drop_oldest(&mut self) -> Option<Arc<Slot>> {
        let front = |list: &VecDeque<(u64, Arc<Slot>)>| list.front().map(|(tick, _)| *tick);
        let list = self.free.iter_mut().filter(|l| !l.is_empty()).min_by_key(|l| front(l))?;
        let (_, slot) = list.pop_front()?;
        self.free_count -= 1;
        self.stats.free_bytes -= slot.bytes;
        Some(slot)
    }
}
