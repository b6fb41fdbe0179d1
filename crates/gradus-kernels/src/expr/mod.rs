//! Lazy pointwise expressions: values, the plan that fuses them, and its two executors.

mod assign;
mod build;
mod loops;
mod plan;
mod run_cpu;
mod value;
mod window;

pub use assign::{Assign, assign};
pub(crate) use build::{must_be_index, must_have_elements, same_device};
pub(crate) use plan::{Code, LeafSlot, Plan, Reg};
pub(crate) use run_cpu::{Executor, TILE};
pub use value::Value;
pub(crate) use value::{Deferred, Leaf, Node};
