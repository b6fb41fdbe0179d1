//! Counters of what the engine did: what tests of flat memory and few submits look at.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::cpu::PoolStats;

/// What a GPU did since it was opened. All but `pool` only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GpuStats {
    /// The memory pool.
    pub pool: PoolStats,
    /// Kernel launches recorded.
    pub dispatches: u64,
    /// Buffer copies recorded, read-backs included.
    pub copies: u64,
    /// Command buffers handed to the driver.
    pub submits: u64,
    /// Bytes sent to the GPU by uploads.
    pub upload_bytes: u64,
    /// Bytes read back.
    pub read_bytes: u64,
    /// Bind groups made; flat in steady state.
    pub bind_groups_created: u64,
    /// Pipelines compiled; flat in steady state.
    pub pipelines_created: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) dispatches: AtomicU64,
    pub(crate) copies: AtomicU64,
    pub(crate) submits: AtomicU64,
    pub(crate) upload_bytes: AtomicU64,
    pub(crate) read_bytes: AtomicU64,
    pub(crate) bind_groups: AtomicU64,
    pub(crate) pipelines: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, amount: u64) {
        counter.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self, pool: PoolStats) -> GpuStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        GpuStats {
            pool,
            dispatches: get(&self.dispatches),
            copies: get(&self.copies),
            submits: get(&self.submits),
            upload_bytes: get(&self.upload_bytes),
            read_bytes: get(&self.read_bytes),
            bind_groups_created: get(&self.bind_groups),
            pipelines_created: get(&self.pipelines),
        }
    }
}
