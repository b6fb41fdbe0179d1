//! Datasets made of others: parts, joins, changes, windows, copies in memory.

mod cached;
mod concat;
mod items;
mod mapped;
mod subset;
mod windowed;

pub use cached::Cached;
pub use concat::Concat;
pub use items::{Collated, Items, default_collate, pad_collate};
pub use mapped::Mapped;
pub use subset::Subset;
pub use windowed::{WindowOptions, Windowed};
