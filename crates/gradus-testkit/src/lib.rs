//! What the tests of gradus share: conformance cases and their runner, the comparison rule, the
//! devices that tests run on.
//!
//! A conformance directory holds, per group, `<group>.json` (the cases) and
//! `<group>.safetensors` (their tensors): inputs in float32 and what PyTorch computed from them
//! in float64. [`run_dir`] runs every case of such a directory on a device.

mod attrs;
mod call;
mod cases;
mod compare;
mod gpu;
mod ops;
mod runner;

pub use attrs::Attrs;
pub use cases::{Case, Group, read_dir};
pub use compare::{Agreement, Mismatch, Tolerance, compare};
pub use gpu::{gpu, skipped};
pub use ops::{MakeOptimizer, OPTIMIZERS, known_ops};
pub use runner::{Failure, Outcome, Report, Totals, run_case, run_dir};
