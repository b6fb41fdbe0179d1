//! Lazy pointwise expressions: values, the plan that fuses them, and its two executors.

mod assign;
mod build;
#[cfg(feature = "gpu")]
mod emit;
#[cfg(feature = "gpu")]
mod finish;
mod instructions;
mod loops;
#[cfg(feature = "gpu")]
mod merge;
mod plan;
mod run_cpu;
#[cfg(feature = "gpu")]
mod run_gpu;
mod value;
mod vanishing;
#[cfg(feature = "gpu")]
mod wgsl;
#[cfg(feature = "gpu")]
mod width;
mod window;

pub use assign::{Assign, assign};
pub(crate) use build::{must_be_index, must_have_elements, same_device};
#[cfg(feature = "gpu")]
pub(crate) use emit::{Emitted, Emitter};
#[cfg(feature = "gpu")]
pub(crate) use finish::emit_finish;
pub(crate) use plan::Plan;
pub use plan::copy_into;
pub(crate) use run_cpu::Executor;
pub(crate) use value::Deferred;
pub use value::Value;
#[cfg(feature = "gpu")]
pub(crate) use wgsl::{library, register_type};
#[cfg(feature = "gpu")]
pub(crate) use width::{Width, is_by_four};
