//! Host memory: aligned buffers that return to a pool, so that a training step reuses its own.

use std::alloc::{Layout as MemLayout, alloc, alloc_zeroed, dealloc};
use std::fmt;
use std::ptr::NonNull;

use std::sync::Arc;

use parking_lot::Mutex;

use crate::capture::Arena;
use crate::error::{Kind, Result};

/// Cache-line alignment, enough for every SIMD load.
const ALIGN: usize = 64;
/// A huge page. Blocks of that size and more lie on them where Linux gives them to those who ask:
/// a sum of 64 MiB then takes a seventh less, because it waits less for addresses.
const HUGE: usize = 2 << 20;
/// Free bytes that the pool keeps; more is given back to the system.
const KEEP_BYTES: u64 = 2 << 30;
/// Size classes per power of two: rounding wastes at most an eighth.
const STEPS: usize = 8;
const CLASSES: usize = 64 * STEPS;

/// What a memory pool holds. The same numbers for host and GPU memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// Bytes held by live buffers.
    pub in_use_bytes: u64,
    /// Largest `in_use_bytes` so far.
    pub peak_bytes: u64,
    /// Bytes kept for reuse.
    pub free_bytes: u64,
    /// Live buffers.
    pub live_buffers: u64,
    /// Requests that the system had to serve since the start; flat in steady state.
    pub fresh_allocations: u64,
    /// Requests served from the pool.
    pub reuses: u64,
}

impl PoolStats {
    pub(crate) fn take(&mut self, bytes: u64, reused: bool) {
        self.in_use_bytes += bytes;
        self.peak_bytes = self.peak_bytes.max(self.in_use_bytes);
        self.live_buffers += 1;
        if reused {
            self.free_bytes -= bytes;
            self.reuses += 1;
        } else {
            self.fresh_allocations += 1;
        }
    }

    pub(crate) fn give(&mut self, bytes: u64, kept: bool) {
        self.in_use_bytes -= bytes;
        self.live_buffers -= 1;
        if kept {
            self.free_bytes += bytes;
        }
    }
}

/// Size class of a request: its index and the bytes that are really taken.
pub(crate) fn size_class(bytes: usize, least: usize) -> (usize, usize) {
    let bytes = bytes.max(least);
    let power = usize::BITS as usize - 1 - bytes.leading_zeros() as usize;
    let step = (1usize << power) / STEPS;
    let steps = (bytes - (1 << power)).div_ceil(step);
    (power * STEPS + steps, (1 << power) + steps * step)
}

/// The process-wide pool of host memory.
#[derive(Debug)]
pub struct CpuPool {
    inner: Mutex<PoolInner>,
}

#[derive(Debug)]
struct PoolInner {
    free: [Vec<Block>; CLASSES],
    stats: PoolStats,
}

/// Memory that nobody refers to.
#[derive(Debug)]
pub(crate) struct Block(NonNull<u8>);
// SAFETY: a free block is plain memory that nobody else refers to.
unsafe impl Send for Block {}

impl Block {
    /// Returns the block, of this size class, to the pool.
    pub(crate) fn give_back(self, class: usize) {
        let bytes = class_bytes(class);
        let mut inner = POOL.inner.lock();
        let keep = inner.stats.free_bytes + bytes as u64 <= KEEP_BYTES;
        inner.stats.give(bytes as u64, keep);
        if keep {
            inner.free[class].push(self);
        } else {
            drop(inner);
            // SAFETY: the block came from `fresh` with the same class's layout.
            unsafe { dealloc(self.0.as_ptr(), mem_layout(bytes)) };
        }
    }
}

static POOL: CpuPool = CpuPool {
    inner: Mutex::new(PoolInner {
        free: [const { Vec::new() }; CLASSES],
        stats: PoolStats {
            in_use_bytes: 0,
            peak_bytes: 0,
            free_bytes: 0,
            live_buffers: 0,
            fresh_allocations: 0,
            reuses: 0,
        },
    }),
};

impl CpuPool {
    /// What the pool holds now.
    pub fn stats() -> PoolStats {
        POOL.inner.lock().stats
    }

    /// Forgets the peak, so that the next one belongs to what follows.
    pub fn reset_peak() {
        let stats = &mut POOL.inner.lock().stats;
        stats.peak_bytes = stats.in_use_bytes;
    }

    /// Gives every free block back to the system.
    pub fn release_free() {
        let mut inner = POOL.inner.lock();
        for class in 0..CLASSES {
            for block in std::mem::take(&mut inner.free[class]) {
                // SAFETY: the block came from `fresh` with this class's layout.
                unsafe { dealloc(block.0.as_ptr(), mem_layout(class_bytes(class))) };
            }
        }
        inner.stats.free_bytes = 0;
    }
}

fn class_bytes(class: usize) -> usize {
    let power = class / STEPS;
    (1usize << power) + (class % STEPS) * ((1usize << power) / STEPS)
}

/// Zeroed memory from the system.
fn fresh(bytes: usize) -> Option<NonNull<u8>> {
    let layout = mem_layout(bytes);
    if bytes < HUGE {
        // SAFETY: the layout is not zero-sized.
        return NonNull::new(unsafe { alloc_zeroed(layout) });
    }
    // SAFETY: as above.
    let block = NonNull::new(unsafe { alloc(layout) })?;
    #[cfg(target_os = "linux")]
    // SAFETY: whole pages inside the block. It is advice: without it everything is as before.
    unsafe {
        libc::madvise(block.as_ptr().cast(), bytes / HUGE * HUGE, libc::MADV_HUGEPAGE);
    }
    // After the advice, because pages come into being when they are first written.
    // SAFETY: `bytes` bytes that nobody else refers to.
    unsafe { block.write_bytes(0, bytes) };
    Some(block)
}

fn mem_layout(bytes: usize) -> MemLayout {
    MemLayout::from_size_align(bytes, if bytes < HUGE { ALIGN } else { HUGE })
        .expect("size classes stay below isize::MAX")
}

/// A block of host memory, 64-byte aligned, initialised, returned to the pool when dropped.
pub struct CpuBuffer {
    block: NonNull<u8>,
    class: usize,
    len: usize,
    home: Home,
}

/// Where memory goes when it is dropped.
pub(crate) enum Home {
    /// To the pool of its device.
    Pool,
    /// To the recording that it was taken for.
    Arena(Arc<Arena>),
    /// Nowhere: somebody else owns it.
    Alias,
}

// SAFETY: the memory is plain bytes; `&CpuBuffer` only reads, writers hold it alone.
unsafe impl Send for CpuBuffer {}
// SAFETY: as above.
unsafe impl Sync for CpuBuffer {}

impl CpuBuffer {
    /// A buffer of `len` bytes with unspecified (but initialised) content.
    ///
    /// # Errors
    /// `Kind::OutOfMemory` when the system refuses.
    pub fn new(len: usize) -> Result<Self> {
        let out_of_memory = || Kind::OutOfMemory {
            device: "cpu".into(),
            requested_bytes: len as u64,
            in_use_bytes: CpuPool::stats().in_use_bytes,
            limit_bytes: isize::MAX as u64,
        };
        if len > isize::MAX as usize / 4 {
            return Err(out_of_memory().into());
        }
        let (class, bytes) = size_class(len, ALIGN);
        {
            let mut inner = POOL.inner.lock();
            if let Some(Block(block)) = inner.free[class].pop() {
                inner.stats.take(bytes as u64, true);
                return Ok(CpuBuffer { block, class, len, home: Home::Pool });
            }
        }
        let block = fresh(bytes).ok_or_else(out_of_memory)?;
        POOL.inner.lock().stats.take(bytes as u64, false);
        Ok(CpuBuffer { block, class, len, home: Home::Pool })
    }

    /// As [`CpuBuffer::new`], for a recording.
    pub(crate) fn new_in(len: usize, arena: &Arc<Arena>) -> Result<Self> {
        let (class, _) = size_class(len.min(isize::MAX as usize / 4), ALIGN);
        let home = Home::Arena(arena.clone());
        if let Some(Block(block)) = arena.take(class) {
            return Ok(CpuBuffer { block, class, len, home });
        }
        let mut buffer = CpuBuffer::new(len)?;
        buffer.home = home;
        Ok(buffer)
    }

    /// The same memory, without a share in its life.
    pub(crate) fn alias(&self) -> Self {
        let CpuBuffer { block, class, len, .. } = *self;
        CpuBuffer { block, class, len, home: Home::Alias }
    }

    /// Whether a recording owns this memory.
    pub(crate) fn is_in(&self, arena: &Arc<Arena>) -> bool {
        matches!(&self.home, Home::Arena(own) if Arc::ptr_eq(own, arena))
    }

    /// A buffer that holds a copy of `bytes`.
    ///
    /// # Errors
    /// `Kind::OutOfMemory` when the system refuses.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut buffer = CpuBuffer::new(bytes.len())?;
        buffer.bytes_mut().copy_from_slice(bytes);
        Ok(buffer)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `len` initialised bytes belong to this buffer.
        unsafe { std::slice::from_raw_parts(self.block.as_ptr(), self.len) }
    }

    /// Its bytes, for the one owner.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: `len` initialised bytes belong to this buffer, borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.block.as_ptr(), self.len) }
    }

    /// The first byte. Writing through it needs the same exclusivity as `&mut self`.
    pub fn as_ptr(&self) -> *mut u8 {
        self.block.as_ptr()
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Drop for CpuBuffer {
    fn drop(&mut self) {
        match &self.home {
            Home::Pool => Block(self.block).give_back(self.class),
            Home::Arena(arena) => arena.give(self.class, Block(self.block)),
            Home::Alias => {}
        }
    }
}

impl fmt::Debug for CpuBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CpuBuffer {{ at: {:?}, bytes: {} }}", self.block, self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_cover_requests_with_at_most_an_eighth_of_waste() {
        for bytes in (1..5000).chain([1 << 20, (1 << 20) + 1, (1 << 30) - 1]) {
            let (class, taken) = size_class(bytes, ALIGN);
            assert_eq!(class_bytes(class), taken, "{bytes}");
            assert!(taken >= bytes && taken as f64 <= 1.125 * bytes.max(ALIGN) as f64, "{bytes}");
        }
    }

    #[test]
    fn a_dropped_buffer_serves_the_next_request() {
        let first = CpuBuffer::new(777_777).expect("memory");
        let address = first.as_ptr();
        drop(first);
        assert_eq!(CpuBuffer::new(776_000).expect("memory").as_ptr(), address);
    }

    #[test]
    fn large_blocks_begin_on_huge_pages() {
        for bytes in [HUGE, 3 * HUGE + 5] {
            let mut buffer = CpuBuffer::new(bytes).expect("memory");
            assert_eq!(buffer.as_ptr() as usize % HUGE, 0);
            buffer.bytes_mut().fill(7);
            assert!(buffer.bytes().iter().all(|&byte| byte == 7));
        }
    }

    #[test]
    fn an_absurd_request_is_an_error() {
        let error = CpuBuffer::new(usize::MAX / 2).expect_err("no machine has this");
        assert!(matches!(error.kind(), Kind::OutOfMemory { .. }), "{error}");
    }
}
