//! Times of single kernels, by the GPU's own clock: for profiles, not for training. While timing,
//! every launch has a pass of its own, which costs more than the overlap that it forbids.

use std::sync::Arc;

use super::engine::Gpu;
use crate::error::{Kind, Result};

/// Launches that one timing holds; a query set has two entries for each.
const MOST: u32 = wgpu::QUERY_SET_MAX_QUERIES / 2;

/// A launch and how long it ran.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelTime {
    /// The kernel's name; those of kernels that ran as one, joined by `+`.
    pub name: String,
    /// Time on the GPU in milliseconds.
    pub ms: f64,
    /// Bytes of the buffers bound to it, an upper bound of what it touches.
    pub bound_bytes: u64,
    /// Workgroups in x, y, z.
    pub grid: [u32; 3],
}

/// Launches recorded since timing began, in the order of their queries.
pub(super) struct Timing {
    queries: wgpu::QuerySet,
    launches: Vec<(String, u64, [u32; 3])>,
}

impl Timing {
    /// The time stamps around the next launch, if there is room for it.
    pub(super) fn stamps(
        &mut self,
        name: &str,
        bytes: u64,
        grid: [u32; 3],
    ) -> Option<wgpu::ComputePassTimestampWrites<'_>> {
        let at = self.launches.len() as u32;
        (at < MOST).then(|| {
            self.launches.push((name.to_owned(), bytes, grid));
            wgpu::ComputePassTimestampWrites {
                query_set: &self.queries,
                beginning_of_pass_write_index: Some(2 * at),
                end_of_pass_write_index: Some(2 * at + 1),
            }
        })
    }
}

impl Gpu {
    /// Times every launch from here on, until [`Gpu::take_times`].
    ///
    /// # Errors
    /// `Kind::Unsupported` when the adapter has no time stamps.
    pub fn start_timing(&self) -> Result<()> {
        if !self.device().features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            let what = "timing kernels".to_owned();
            let place = "on an adapter without time stamps";
            return Err(Kind::Unsupported { op: "profile", what, place }.into());
        }
        let queries = self.device().create_query_set(&wgpu::QuerySetDescriptor {
            label: None,
            ty: wgpu::QueryType::Timestamp,
            count: 2 * MOST,
        });
        self.release()?;
        self.stream.lock().timing = Some(Timing { queries, launches: Vec::new() });
        Ok(())
    }

    /// The times of the launches since [`Gpu::start_timing`], at most 2,048 of them, and waits
    /// for them. Empty when timing had not begun.
    ///
    /// # Errors
    /// `Kind::DeviceLost`, `Kind::Device`, `Kind::OutOfMemory`.
    pub fn take_times(self: &Arc<Self>) -> Result<Vec<KernelTime>> {
        self.release()?;
        let Some(timing) = self.stream.lock().timing.take() else { return Ok(Vec::new()) };
        let count = 2 * timing.launches.len() as u32;
        if count == 0 {
            return Ok(Vec::new());
        }
        let bytes = u64::from(count) * 8;
        let resolved = self.device().create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: bytes,
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let copy = self.alloc(bytes as usize)?;
        {
            let mut stream = self.stream.lock();
            let encoder = stream.encoder(self.device());
            encoder.resolve_query_set(&timing.queries, 0..count, &resolved, 0);
            encoder.copy_buffer_to_buffer(&resolved, 0, copy.raw(), 0, Some(bytes));
            copy.mark(self.current_batch());
        }
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&self.read(&copy, 0, bytes as usize)?);
        let period = f64::from(self.queue().get_timestamp_period()) * 1e-6;
        let times = timing.launches.into_iter().zip(ticks.chunks_exact(2));
        Ok(times
            .map(|((name, bound_bytes, grid), ticks)| {
                let ms = ticks[1].saturating_sub(ticks[0]) as f64 * period;
                KernelTime { name, ms, bound_bytes, grid }
            })
            .collect())
    }
}
