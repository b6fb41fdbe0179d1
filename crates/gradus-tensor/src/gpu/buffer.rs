//! A piece of GPU memory that returns to its pool when dropped.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use smallvec::SmallVec;

use super::engine::Gpu;
use crate::capture::Arena;
use crate::cpu::Home;

/// A real buffer, live or waiting in the pool. Whoever keeps one keeps it from the driver's free
/// memory, not from other uses: the pool hands it out again when its [`GpuBuffer`] is dropped.
pub struct Slot {
    pub(crate) raw: wgpu::Buffer,
    pub(crate) id: u64,
    pub(crate) class: usize,
    pub(crate) bytes: u64,
    /// The last batch of commands that names this buffer.
    pub(crate) used: AtomicU64,
    /// Launches that name it and are not part of a batch yet.
    pub(crate) held: AtomicU32,
}

/// The buffers that a launch names from when it is held back until it is recorded: uploads, which
/// overtake recorded commands, leave their memory alone.
#[derive(Debug)]
pub struct HeldSlots(SmallVec<[Arc<Slot>; 6]>);

impl HeldSlots {
    /// Holds the slots until it is dropped.
    #[must_use]
    pub fn new(slots: SmallVec<[Arc<Slot>; 6]>) -> Self {
        for slot in &slots {
            slot.held.fetch_add(1, Ordering::AcqRel);
        }
        HeldSlots(slots)
    }
}

impl Deref for HeldSlots {
    type Target = [Arc<Slot>];

    fn deref(&self) -> &[Arc<Slot>] {
        &self.0
    }
}

impl Drop for HeldSlots {
    fn drop(&mut self) {
        for slot in &self.0 {
            slot.held.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// GPU memory, returned to its pool when dropped.
///
/// Commands recorded later may reuse the memory at once: they run later.
pub struct GpuBuffer {
    slot: Arc<Slot>,
    gpu: Arc<Gpu>,
    home: Home,
}

// SAFETY: the parts may be sent and shared, which the assertion checks; stated for the reason
// given beside `Gpu`.
unsafe impl Send for GpuBuffer {}
// SAFETY: as above.
unsafe impl Sync for GpuBuffer {}

const _: () = {
    const fn both<T: Send + Sync>() {}
    both::<(Arc<Slot>, Arc<Gpu>, Home)>();
};

impl Slot {
    /// The driver's buffer: storage, copy source and copy destination.
    pub fn raw(&self) -> &wgpu::Buffer {
        &self.raw
    }

    /// Unique among the buffers of this process; a reused buffer keeps it.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Bytes of memory: the request rounded up to its size class, a multiple of 4.
    pub fn size(&self) -> u64 {
        self.bytes
    }

    /// Notes that batch `batch` names this buffer.
    pub(crate) fn mark(&self, batch: u64) {
        self.used.store(batch, Ordering::Release);
    }

    /// Whether no command names it that is submitted from batch `batch` on.
    pub(crate) fn is_idle(&self, batch: u64) -> bool {
        self.held.load(Ordering::Acquire) == 0 && self.used.load(Ordering::Acquire) < batch
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slot {{ id: {}, bytes: {} }}", self.id, self.bytes)
    }
}

impl GpuBuffer {
    pub(crate) fn new(slot: Arc<Slot>, gpu: Arc<Gpu>, home: Home) -> Self {
        GpuBuffer { slot, gpu, home }
    }

    /// The same memory, without a share in its life.
    pub(crate) fn alias(&self) -> Self {
        GpuBuffer::new(self.slot.clone(), self.gpu.clone(), Home::Alias)
    }

    /// Whether a recording owns this memory.
    pub(crate) fn is_in(&self, arena: &Arc<Arena>) -> bool {
        matches!(&self.home, Home::Arena(own) if Arc::ptr_eq(own, arena))
    }

    /// The buffer itself.
    pub fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    /// The GPU that owns the memory.
    pub fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }

    /// The last batch that names this buffer.
    #[cfg(test)]
    pub(crate) fn last_batch(&self) -> u64 {
        self.slot.used.load(Ordering::Relaxed)
    }
}

impl Deref for GpuBuffer {
    type Target = Slot;

    fn deref(&self) -> &Slot {
        &self.slot
    }
}

impl Drop for GpuBuffer {
    fn drop(&mut self) {
        match &self.home {
            Home::Pool => self.gpu.give_back(self.slot.clone()),
            Home::Arena(arena) => arena.give_gpu(&self.gpu, self.slot.clone()),
            Home::Alias => {}
        }
    }
}

impl fmt::Debug for GpuBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GpuBuffer {{ id: {}, bytes: {} }}", self.slot.id, self.slot.bytes)
    }
}
