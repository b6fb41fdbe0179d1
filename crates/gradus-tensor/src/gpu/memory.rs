//! Allocation: from the pool, else from the driver, else after letting go of what is free.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::buffer::{GpuBuffer, Slot};
use super::engine::Gpu;
use crate::capture::{self, Arena};
use crate::cpu::{Home, size_class};
use crate::error::{Error, Kind, Result};

/// Least bytes of a buffer: zero-sized bindings are illegal, and small ones share a class.
const LEAST_BYTES: usize = 256;
/// Destroyed buffers whose bind groups are looked for together.
const RETIRED_COUNT: usize = 32;
/// Bytes of destroyed buffers that bind groups may keep alive until then.
const RETIRED_BYTES: u64 = 64 << 20;

/// Source of buffer ids, unique over all GPUs so that no cache can confuse two.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Destroyed buffers that bind groups may still hold.
#[derive(Default)]
pub(crate) struct Retired {
    ids: Vec<u64>,
    bytes: u64,
}

impl Gpu {
    /// Memory for `bytes` bytes with unspecified content; for 0 bytes too.
    ///
    /// # Errors
    /// `Kind::OutOfMemory` when the request exceeds what one binding may span or the budget, or
    /// when the driver refuses although everything free was given back.
    pub fn alloc(self: &Arc<Self>, bytes: usize) -> Result<Arc<GpuBuffer>> {
        match capture::arena() {
            Some(arena) => self.alloc_in(bytes, &arena),
            None => self.obtain(bytes, false),
        }
    }

    /// As [`Gpu::alloc`], for a recording.
    pub(crate) fn alloc_in(
        self: &Arc<Self>,
        bytes: usize,
        arena: &Arc<Arena>,
    ) -> Result<Arc<GpuBuffer>> {
        let home = Home::Arena(arena.clone());
        let (class, _) = self.class_of(bytes)?;
        let slot = match arena.take_gpu(class) {
            Some(slot) => slot,
            None => self.obtain_slot(bytes, false)?,
        };
        Ok(Arc::new(GpuBuffer::new(slot, self.clone(), home)))
    }

    /// As [`Gpu::alloc`]; with `idle`, a buffer that no unsubmitted command names.
    pub(crate) fn obtain(self: &Arc<Self>, bytes: usize, idle: bool) -> Result<Arc<GpuBuffer>> {
        let slot = self.obtain_slot(bytes, idle)?;
        Ok(Arc::new(GpuBuffer::new(slot, self.clone(), Home::Pool)))
    }

    fn obtain_slot(&self, bytes: usize, idle: bool) -> Result<Arc<Slot>> {
        self.fault.check()?;
        let (class, size) = self.class_of(bytes)?;
        let idle_before = idle.then(|| self.current_batch());
        if let Some(slot) = self.pool.lock().reuse(class, idle_before) {
            return Ok(slot);
        }
        if let Some(slot) = self.create(class, size) {
            return Ok(slot);
        }
        self.reclaim()?;
        match self.create(class, size) {
            Some(slot) => Ok(slot),
            None => Err(self.out_of_memory(bytes as u64, self.budget_bytes())),
        }
    }

    /// Takes a dropped buffer's memory back.
    pub(crate) fn give_back(&self, slot: Arc<Slot>) {
        let gone = self.pool.lock().give(slot);
        if gone.is_empty() {
            return;
        }
        let batch = self.current_batch();
        let named = gone.iter().filter(|slot| slot.used.load(Ordering::Relaxed) == batch);
        self.released_bytes.fetch_add(named.map(|slot| slot.bytes).sum(), Ordering::Relaxed);
        self.retire(&gone, false);
    }

    /// Gives all free memory back to the driver. Waits until the GPU no longer uses it.
    ///
    /// # Errors
    /// `Kind::DeviceLost` when the GPU went away.
    pub fn reclaim(&self) -> Result<()> {
        self.synchronize()?;
        let gone = self.pool.lock().drain();
        self.retire(&gone, true);
        drop(gone);
        // Destroyed buffers are freed when the driver layer next looks at finished work.
        self.poll(wgpu::PollType::wait_indefinitely())
    }

    fn class_of(&self, bytes: usize) -> Result<(usize, u64)> {
        let profile = self.profile();
        let most = profile.max_binding_bytes.min(profile.max_buffer_bytes) & !3;
        if bytes as u64 > most {
            return Err(self.out_of_memory(bytes as u64, most));
        }
        let (class, size) = size_class(bytes, LEAST_BYTES);
        // The largest class is cut to the limit, the same for all its buffers.
        Ok((class, (size as u64).min(most)))
    }

    /// A new buffer; `None` when the budget or the driver refuses.
    fn create(&self, class: usize, size: u64) -> Option<Arc<Slot>> {
        if !self.pool.lock().reserve(size) {
            return None;
        }
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_SRC
            | wgpu::BufferUsages::COPY_DST;
        let raw = self.create_raw(size, usage);
        self.pool.lock().settle(size, raw.is_some());
        let raw = raw?;
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Some(Arc::new(Slot {
            raw,
            id,
            class,
            bytes: size,
            used: AtomicU64::new(0),
            held: AtomicU32::new(0),
        }))
    }

    /// A buffer from the driver; `None` when there is no memory.
    pub(crate) fn create_raw(&self, size: u64, usage: wgpu::BufferUsages) -> Option<wgpu::Buffer> {
        let scope = self.device().push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let descriptor =
            wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
        let raw = self.device().create_buffer(&descriptor);
        pollster::block_on(scope.pop()).is_none().then_some(raw)
    }

    /// Makes sure that no cached bind group keeps destroyed buffers alive for long.
    fn retire(&self, gone: &[Arc<Slot>], now: bool) {
        let ids = {
            let mut retired = self.retired.lock();
            retired.ids.extend(gone.iter().map(|slot| slot.id));
            retired.bytes += gone.iter().map(|slot| slot.bytes).sum::<u64>();
            let due = retired.ids.len() >= RETIRED_COUNT || retired.bytes >= RETIRED_BYTES;
            if !now && !due {
                return;
            }
            std::mem::take(&mut *retired).ids
        };
        let groups = self.groups.lock().forget(&ids);
        drop(groups);
    }

    /// Most bytes that the pool may hold.
    pub(crate) fn budget_bytes(&self) -> u64 {
        self.pool.lock().budget()
    }

    pub(crate) fn out_of_memory(&self, requested_bytes: u64, limit_bytes: u64) -> Error {
        let in_use_bytes = self.pool.lock().stats().in_use_bytes;
        let device = format!("gpu ({})", self.info().name);
        Kind::OutOfMemory { device, requested_bytes, in_use_bytes, limit_bytes }.into()
    }
}
