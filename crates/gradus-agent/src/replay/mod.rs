//! Memories of transitions, to learn from more than once.

mod memory;
mod n_step;
mod prioritized;
mod sum_tree;

pub use memory::{Replay, Stored};
pub use n_step::NStep;
pub use prioritized::{Prioritized, PrioritizedOptions};
pub use sum_tree::SumTree;
