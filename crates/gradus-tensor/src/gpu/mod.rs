//! The GPU engine: adapter, memory pool, command stream, transfer.
//!
//! Many dispatches are recorded into one open compute pass and submitted together; buffers come
//! from a pool, so that a repeated step takes the same ones and its bind groups are found again.

mod adapter;
mod bind;
mod buffer;
mod engine;
mod fault;
mod memory;
mod pool;
mod ring;
mod stats;
mod stream;
mod timing;
mod transfer;

#[cfg(test)]
mod tests;

pub use adapter::{GpuOptions, Profile};
pub use bind::{Access, BindLayout, check_bindings};
pub use buffer::{GpuBuffer, HeldSlots, Slot};
pub use engine::Gpu;
pub use stats::GpuStats;
pub use stream::{Dispatch, MAX_WORKGROUPS, ParamsMode};
pub use timing::KernelTime;
