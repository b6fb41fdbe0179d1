//! Values to the GPU and back.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::buffer::GpuBuffer;
use super::engine::Gpu;
use super::stats::Counters;
use crate::array::{Array, Storage};
use crate::cpu::size_class;
use crate::dtype::DType;
use crate::error::{Error, Kind, Result};
use crate::layout::Layout;

/// Bytes moved at once: it bounds the staging memory of a large transfer.
const CHUNK_BYTES: usize = 32 << 20;
/// Read-back buffers kept.
const MAX_STAGING: usize = 16;
/// Least bytes of a read-back buffer.
const LEAST_BYTES: usize = 256;
/// How often a thread looks for a result before it sleeps until it is there.
const MOST_LOOKS: u32 = 4096;

/// Free read-back buffers.
#[derive(Default)]
pub(crate) struct Staging(Vec<wgpu::Buffer>);

/// The state of a mapping request, filled by the driver layer's callback.
#[derive(Default)]
struct Mapping {
    done: Option<bool>,
    waker: Option<Waker>,
}

/// A read-back on its way.
struct Pending {
    staging: wgpu::Buffer,
    /// Bytes before the first wanted one: copies start at multiples of 4.
    head: usize,
    len: usize,
    mapping: Arc<Mutex<Mapping>>,
    submission: Option<wgpu::SubmissionIndex>,
}

impl Gpu {
    /// A dense copy of a host array in GPU memory.
    ///
    /// # Errors
    /// `Kind::Unsupported` for float64; `Kind::OutOfMemory`; `Kind::DeviceLost`.
    pub fn upload(self: &Arc<Self>, host: &Array) -> Result<Array> {
        if host.dtype() == DType::F64 {
            return Err(Kind::Unsupported {
                op: "to",
                what: "float64".into(),
                place: "on a GPU; cast to float32 first",
            }
            .into());
        }
        let len = host.shape().numel() * host.dtype().size();
        let start = host.layout().offset() * host.dtype().size();
        let copy;
        let bytes = match host.cpu_buffer() {
            Some(buffer) if host.layout().is_dense() => &buffer.bytes()[start..start + len],
            _ => {
                copy = host.to_bytes()?;
                &copy[..]
            }
        };
        let buffer = self.upload_bytes(bytes)?;
        let layout = Layout::dense(host.shape().clone());
        Ok(Array::new(Storage::Gpu(buffer), layout, host.dtype()))
    }

    /// New memory that holds `bytes`, the rest of it unspecified.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`; `Kind::DeviceLost`.
    pub fn upload_bytes(self: &Arc<Self>, bytes: &[u8]) -> Result<Arc<GpuBuffer>> {
        // The queue's writes run before all commands of the next submit, so the buffer must be
        // one that none of them names; nor may a launch that is held back become one of them.
        self.release()?;
        let buffer = self.obtain(bytes.len(), true)?;
        for (at, chunk) in bytes.chunks(CHUNK_BYTES).enumerate() {
            self.write(&buffer, (at * CHUNK_BYTES) as u64, chunk)?;
        }
        Counters::add(&self.counters.upload_bytes, bytes.len() as u64);
        Ok(buffer)
    }

    /// Reads `len` bytes from `offset` on, any alignment. Waits for everything recorded.
    ///
    /// # Errors
    /// `Kind::Argument` for a range outside the buffer; `Kind::OutOfMemory`; `Kind::DeviceLost`.
    pub fn read(&self, buffer: &GpuBuffer, offset: usize, len: usize) -> Result<Vec<u8>> {
        check_read(buffer, offset, len)?;
        let mut out = Vec::with_capacity(len);
        for (start, len) in chunks(offset, len) {
            let pending = self.begin_read(buffer, start, len)?;
            if !self.is_mapped_soon(&pending.mapping)? {
                let submission_index = pending.submission.clone();
                self.poll(wgpu::PollType::Wait { submission_index, timeout: None })?;
            }
            let done = self.wait_mapping(&pending.mapping)?;
            self.finish_read(pending, done, &mut out)?;
        }
        Ok(out)
    }

    /// As [`Gpu::read`], without blocking. Outside a browser the future drives the device itself.
    ///
    /// # Errors
    /// As [`Gpu::read`].
    pub async fn read_async(
        &self,
        buffer: &GpuBuffer,
        offset: usize,
        len: usize,
    ) -> Result<Vec<u8>> {
        check_read(buffer, offset, len)?;
        let mut out = Vec::with_capacity(len);
        for (start, len) in chunks(offset, len) {
            let pending = self.begin_read(buffer, start, len)?;
            let done = poll_fn(|cx| self.poll_mapping(&pending.mapping, cx)).await?;
            self.finish_read(pending, done, &mut out)?;
        }
        Ok(out)
    }

    /// Whether the mapping is there after a few milliseconds at most. An adapter that computes on
    /// the processor hands every kernel to threads of its own: where this one sleeps meanwhile, so
    /// does its core between two kernels, and waking it takes longer than most of them. So this
    /// thread stays awake and lets the others go first.
    fn is_mapped_soon(&self, mapping: &Mutex<Mapping>) -> Result<bool> {
        let looks = if self.profile().software { MOST_LOOKS } else { 0 };
        for _ in 0..looks {
            if mapping.lock().done.is_some() {
                return Ok(true);
            }
            std::thread::yield_now();
            self.poll(wgpu::PollType::Poll)?;
        }
        Ok(false)
    }

    /// The outcome of a mapping whose submission is finished.
    fn wait_mapping(&self, mapping: &Mutex<Mapping>) -> Result<bool> {
        loop {
            if let Some(done) = mapping.lock().done {
                return Ok(done);
            }
            // Another thread's poll has taken the callback and is about to run it.
            std::thread::yield_now();
            self.poll(wgpu::PollType::Poll)?;
        }
    }

    fn poll_mapping(&self, mapping: &Mutex<Mapping>, cx: &mut Context<'_>) -> Poll<Result<bool>> {
        mapping.lock().waker = Some(cx.waker().clone());
        if !cfg!(target_family = "wasm")
            && let Err(error) = self.poll(wgpu::PollType::Poll)
        {
            return Poll::Ready(Err(error));
        }
        if let Some(done) = mapping.lock().done {
            return Poll::Ready(Ok(done));
        }
        if !cfg!(target_family = "wasm") {
            // Nothing but a poll makes progress: ask for the next one, and let others run.
            cx.waker().wake_by_ref();
            std::thread::yield_now();
        }
        Poll::Pending
    }

    /// Records and submits the copy into a read-back buffer, and asks for its mapping.
    fn begin_read(&self, buffer: &GpuBuffer, start: usize, len: usize) -> Result<Pending> {
        self.fault.check()?;
        let head = start % 4;
        let size = (head + len).next_multiple_of(4) as u64;
        let staging = self.staging_buffer(size)?;
        self.release()?;
        let submission = {
            let mut stream = self.stream.lock();
            let from = (start - head) as u64;
            stream.encoder(self.device()).copy_buffer_to_buffer(
                buffer.raw(),
                from,
                &staging,
                0,
                Some(size),
            );
            buffer.mark(self.current_batch());
            self.submit(&mut stream)?
        };
        Counters::add(&self.counters.copies, 1);
        let mapping = Arc::new(Mutex::new(Mapping::default()));
        let filled = mapping.clone();
        staging.slice(..size).map_async(wgpu::MapMode::Read, move |result| {
            let mut mapping = filled.lock();
            mapping.done = Some(result.is_ok());
            let waker = mapping.waker.take();
            drop(mapping);
            if let Some(waker) = waker {
                waker.wake();
            }
        });
        Ok(Pending { staging, head, len, mapping, submission })
    }

    fn finish_read(&self, pending: Pending, mapped: bool, out: &mut Vec<u8>) -> Result<()> {
        let Pending { staging, head, len, .. } = pending;
        let size = (head + len).next_multiple_of(4) as u64;
        let view = mapped.then(|| staging.slice(..size).get_mapped_range());
        let Some(Ok(view)) = view else {
            return Err(self.broken("a read-back could not be mapped"));
        };
        out.extend_from_slice(&view[head..head + len]);
        drop(view);
        staging.unmap();
        Counters::add(&self.counters.read_bytes, len as u64);
        let mut free = self.staging.lock();
        if free.0.len() == MAX_STAGING {
            free.0.remove(0);
        }
        free.0.push(staging);
        Ok(())
    }

    fn staging_buffer(&self, size: u64) -> Result<wgpu::Buffer> {
        let (_, size) = size_class(size as usize, LEAST_BYTES);
        let size = size as u64;
        {
            let mut free = self.staging.lock();
            if let Some(at) = free.0.iter().rposition(|buffer| buffer.size() == size) {
                return Ok(free.0.remove(at));
            }
        }
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let made = self.create_raw(size, usage);
        made.ok_or_else(|| self.out_of_memory(size, self.budget_bytes()))
    }

    /// Queues a write that runs before the next submit.
    fn write(&self, buffer: &GpuBuffer, offset: u64, bytes: &[u8]) -> Result<()> {
        let padded = bytes.len().next_multiple_of(4);
        let Some(size) = wgpu::BufferSize::new(padded as u64) else {
            return Ok(());
        };
        let scope = self.device().push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let view = self.queue().write_buffer_with(buffer.raw(), offset, size);
        let refused = pollster::block_on(scope.pop()).is_some();
        let Some(mut view) = view.filter(|_| !refused) else {
            self.fault.check()?;
            return Err(self.out_of_memory(size.get(), self.budget_bytes()));
        };
        view.slice(..bytes.len()).copy_from_slice(bytes);
        view.slice(bytes.len()..).copy_from_slice(&[0; 4][..padded - bytes.len()]);
        drop(view);
        let mut stream = self.stream.lock();
        stream.staged_bytes += size.get();
        if stream.staged_bytes >= CHUNK_BYTES as u64 {
            self.submit(&mut stream)?;
        }
        Ok(())
    }
}

fn chunks(offset: usize, len: usize) -> impl Iterator<Item = (usize, usize)> {
    let starts = (0..len).step_by(CHUNK_BYTES);
    starts.map(move |at| (offset + at, CHUNK_BYTES.min(len - at)))
}

fn check_read(buffer: &GpuBuffer, offset: usize, len: usize) -> Result<()> {
    let size = buffer.size();
    if offset.checked_add(len).is_some_and(|end| end as u64 <= size) {
        return Ok(());
    }
    let range = format!("{len} bytes at {offset} of {size}");
    Err(Error::argument("read", "range", range, "inside the buffer"))
}
