//! The command stream: dispatches recorded into one open pass, submitted in large batches.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use super::buffer::{GpuBuffer, Slot};
use super::engine::Gpu;
use super::ring::{Ring, WINDOW};
use super::stats::Counters;
use super::timing::Timing;
use crate::capture;
use crate::error::{Error, Kind, Result};

/// Workgroups that one dimension of a dispatch can have, on every device.
pub const MAX_WORKGROUPS: u32 = 65_535;
/// Dispatches per submit. A submit costs tens of microseconds, a recorded dispatch about one:
/// from here on larger batches gain nothing, smaller ones let the GPU start earlier.
const MAX_RECORDED: u32 = 256;
/// Bytes let go of while commands still name them; a submit lets the driver free them.
const MAX_RELEASED_BYTES: u64 = 256 << 20;
/// Submits that may be unfinished before the host waits: it bounds the memory of commands and
/// uploads in flight, and still keeps the GPU busy.
const MAX_IN_FLIGHT: usize = 8;

/// How a kernel receives its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParamsMode {
    /// `var<immediate>`
    Immediate,
    /// `var<uniform>` in group 1, with a dynamic offset.
    Uniform,
}

/// One kernel launch, ready to be recorded.
#[derive(Debug)]
pub struct Dispatch<'a> {
    /// The kernel's name, for profiles.
    pub name: &'a str,
    /// Built for [`Gpu::params_mode`] of as many words as `params` has.
    pub pipeline: &'a wgpu::ComputePipeline,
    /// Group 0.
    pub bind_group: &'a wgpu::BindGroup,
    /// The parameter block.
    pub params: &'a [u32],
    /// The buffers in the bind group.
    pub uses: &'a [&'a Slot],
    /// Workgroups in x, y, z; each at most [`MAX_WORKGROUPS`].
    pub grid: [u32; 3],
}

/// What is being recorded.
pub(crate) struct Stream {
    // Before the encoder: a pass ends when dropped, and must end first.
    pass: Option<wgpu::ComputePass<'static>>,
    encoder: Option<wgpu::CommandEncoder>,
    recorded: u32,
    /// Set in the open pass.
    pipeline: Option<wgpu::ComputePipeline>,
    group: Option<wgpu::BindGroup>,
    pub(crate) ring: Ring,
    /// Upload bytes that wait for the next submit.
    pub(crate) staged_bytes: u64,
    in_flight: VecDeque<wgpu::SubmissionIndex>,
    /// Pipelines that existed at the last launch.
    pipelines: u64,
    /// Set while kernels are timed.
    pub(super) timing: Option<Timing>,
}

impl Stream {
    pub(crate) fn new(ring: Ring) -> Self {
        Stream {
            pass: None,
            encoder: None,
            recorded: 0,
            pipeline: None,
            group: None,
            ring,
            staged_bytes: 0,
            in_flight: VecDeque::new(),
            pipelines: 0,
            timing: None,
        }
    }

    /// The encoder with no pass open.
    pub(crate) fn encoder(&mut self, device: &wgpu::Device) -> &mut wgpu::CommandEncoder {
        self.end_pass();
        self.encoder.get_or_insert_with(|| device.create_command_encoder(&Default::default()))
    }

    fn end_pass(&mut self) {
        self.pass = None;
        self.pipeline = None;
        self.group = None;
    }

    fn record(&mut self, device: &wgpu::Device, d: &Dispatch<'_>, mode: ParamsMode) {
        if self.timing.is_some() {
            self.begin_timed(device, d);
        }
        let encoder = &mut self.encoder;
        let pass = self.pass.get_or_insert_with(|| {
            encoder
                .get_or_insert_with(|| device.create_command_encoder(&Default::default()))
                .begin_compute_pass(&Default::default())
                .forget_lifetime()
        });
        if self.pipeline.as_ref() != Some(d.pipeline) {
            pass.set_pipeline(d.pipeline);
            self.pipeline = Some(d.pipeline.clone());
        }
        if self.group.as_ref() != Some(d.bind_group) {
            pass.set_bind_group(0, d.bind_group, &[]);
            self.group = Some(d.bind_group.clone());
        }
        match mode {
            ParamsMode::Immediate if d.params.is_empty() => {}
            ParamsMode::Immediate => pass.set_immediates(0, bytemuck::cast_slice(d.params)),
            ParamsMode::Uniform => {
                let offset = self.ring.push(d.params);
                pass.set_bind_group(1, self.ring.group(device), &[offset]);
            }
        }
        let [x, y, z] = d.grid;
        pass.dispatch_workgroups(x, y, z);
        self.recorded += 1;
    }

    /// Opens a pass with time stamps around it.
    fn begin_timed(&mut self, device: &wgpu::Device, d: &Dispatch<'_>) {
        self.end_pass();
        let Some(timing) = &mut self.timing else { return };
        let bytes = d.uses.iter().map(|buffer| buffer.size()).sum();
        let stamps = timing.stamps(d.name, bytes, d.grid);
        let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes: stamps };
        let encoder =
            self.encoder.get_or_insert_with(|| device.create_command_encoder(&Default::default()));
        self.pass = Some(encoder.begin_compute_pass(&descriptor).forget_lifetime());
    }
}

impl Gpu {
    /// How a kernel with this many parameter words receives them.
    pub fn params_mode(&self, words: usize) -> ParamsMode {
        let room = self.profile().max_immediate_bytes.unwrap_or(0) as usize;
        if words * 4 <= room { ParamsMode::Immediate } else { ParamsMode::Uniform }
    }

    /// Records one kernel launch. It runs after everything recorded before.
    ///
    /// # Errors
    /// `Kind::Unsupported` for more than 256 parameter words; the fault of an earlier call.
    pub fn dispatch(&self, d: &Dispatch<'_>) -> Result<()> {
        debug_assert!(
            d.grid.iter().all(|&n| n > 0 && n <= MAX_WORKGROUPS),
            "the caller folds the grid: {:?}",
            d.grid
        );
        self.fault.check()?;
        if d.params.len() * 4 > WINDOW {
            let what = format!("a block of {} parameter words", d.params.len());
            return Err(Kind::Unsupported { op: "launch", what, place: "on a GPU" }.into());
        }
        let mode = self.params_mode(d.params.len());
        let mut stream = self.stream.lock();
        if mode == ParamsMode::Uniform && stream.ring.is_full() {
            self.submit(&mut stream)?;
        }
        stream.record(self.device(), d, mode);
        let batch = self.current_batch();
        for buffer in d.uses {
            buffer.mark(batch);
        }
        Counters::add(&self.counters.dispatches, 1);
        // Some drivers compile a kernel when they first run it: they begin while the host
        // prepares the next one.
        let pipelines = self.counters.pipelines.load(Ordering::Relaxed);
        if std::mem::replace(&mut stream.pipelines, pipelines) != pipelines {
            return self.submit(&mut stream).map(drop);
        }
        self.submit_if_long(&mut stream)
    }

    /// Records a copy of `bytes` bytes between two buffers.
    ///
    /// # Errors
    /// `Kind::Argument` when offsets or length are not multiples of 4, a range leaves its buffer,
    /// or both are the same buffer; the fault of an earlier call.
    pub fn copy(
        &self,
        src: &GpuBuffer,
        src_off: u64,
        dst: &GpuBuffer,
        dst_off: u64,
        bytes: u64,
    ) -> Result<()> {
        self.fault.check()?;
        check_range("source", src, src_off, bytes)?;
        check_range("destination", dst, dst_off, bytes)?;
        if src.id() == dst.id() {
            return Err(Error::argument("copy", "destination", src.id(), "another buffer"));
        }
        if bytes == 0 {
            return Ok(());
        }
        self.transfer("a copy between buffers", &[src, dst], |encoder| {
            encoder.copy_buffer_to_buffer(src.raw(), src_off, dst.raw(), dst_off, Some(bytes));
        })
    }

    /// Records that `bytes` bytes of a buffer become zero.
    ///
    /// # Errors
    /// `Kind::Argument` when offset or length are not multiples of 4 or the range leaves the
    /// buffer; the fault of an earlier call.
    pub fn clear(&self, dst: &GpuBuffer, offset: u64, bytes: u64) -> Result<()> {
        self.fault.check()?;
        check_range("destination", dst, offset, bytes)?;
        if bytes == 0 {
            return Ok(());
        }
        self.transfer("a buffer that is cleared", &[dst], |encoder| {
            encoder.clear_buffer(dst.raw(), offset, Some(bytes));
        })
    }

    /// Records what is not a launch; `what` it is tells a recording why it cannot be repeated.
    fn transfer(
        &self,
        what: &'static str,
        uses: &[&GpuBuffer],
        record: impl FnOnce(&mut wgpu::CommandEncoder),
    ) -> Result<()> {
        capture::refuse(what);
        self.release()?;
        let mut stream = self.stream.lock();
        record(stream.encoder(self.device()));
        let batch = self.current_batch();
        for buffer in uses {
            buffer.mark(batch);
        }
        stream.recorded += 1;
        Counters::add(&self.counters.copies, 1);
        self.submit_if_long(&mut stream)
    }

    /// Hands everything recorded to the driver, without waiting.
    ///
    /// # Errors
    /// The fault of this or an earlier call.
    pub fn flush(&self) -> Result<()> {
        self.release()?;
        let mut stream = self.stream.lock();
        self.submit(&mut stream)?;
        self.fault.check()
    }

    /// Submits and waits until everything recorded has been computed.
    ///
    /// # Errors
    /// `Kind::DeviceLost` when the GPU went away, `Kind::Device` when it refused a command.
    pub fn synchronize(&self) -> Result<()> {
        self.fault.check()?;
        self.flush()?;
        self.poll(wgpu::PollType::wait_indefinitely())
    }

    /// Sets what records the launches that are held back; the stream calls it before everything
    /// else that it records, submits or waits for, uploads included.
    pub fn on_release(&self, release: fn(&Gpu) -> Result<()>) {
        let _ = self.held.set(release);
    }

    /// Records the launches that are held back. Callers hold no lock.
    pub(crate) fn release(&self) -> Result<()> {
        self.held.get().map_or(Ok(()), |release| release(self))
    }

    /// The number of the batch that is being recorded, from 1.
    pub(crate) fn current_batch(&self) -> u64 {
        self.batch.load(Ordering::Acquire)
    }

    fn submit_if_long(&self, stream: &mut Stream) -> Result<()> {
        let released = self.released_bytes.load(Ordering::Relaxed);
        if stream.recorded >= MAX_RECORDED || released >= MAX_RELEASED_BYTES {
            self.submit(stream)?;
        }
        Ok(())
    }

    /// Submits what the stream holds; returns the submission if there was anything.
    pub(crate) fn submit(&self, stream: &mut Stream) -> Result<Option<wgpu::SubmissionIndex>> {
        if stream.encoder.is_none() && stream.staged_bytes == 0 {
            return Ok(None);
        }
        stream.end_pass();
        stream.ring.flush(self.queue());
        let commands = stream.encoder.take().map(wgpu::CommandEncoder::finish);
        let index = self.queue().submit(commands);
        stream.recorded = 0;
        stream.staged_bytes = 0;
        self.released_bytes.store(0, Ordering::Relaxed);
        stream.in_flight.push_back(index.clone());
        self.batch.fetch_add(1, Ordering::AcqRel);
        Counters::add(&self.counters.submits, 1);
        if stream.in_flight.len() > MAX_IN_FLIGHT {
            let oldest = stream.in_flight.pop_front();
            self.poll(wgpu::PollType::Wait { submission_index: oldest, timeout: None })?;
        }
        Ok(Some(index))
    }
}

fn check_range(name: &'static str, buffer: &GpuBuffer, offset: u64, bytes: u64) -> Result<()> {
    let inside = offset.checked_add(bytes).is_some_and(|end| end <= buffer.size());
    if inside && offset.is_multiple_of(4) && bytes.is_multiple_of(4) {
        return Ok(());
    }
    let range = format!("{bytes} bytes at {offset} of {}", buffer.size());
    Err(Error::argument("copy", name, range, "multiples of 4 inside the buffer"))
}
