//! Training as a sequence of events, and what listens to them.
//!
//! A [`Run`] is an iterator; it knows nothing of logs, bars or files. Those are consumers, which
//! take the events that they are given.

mod checkpoint;
mod consumers;
mod evaluate;
mod event;
#[cfg(feature = "deep")]
mod logs;
#[cfg(feature = "deep")]
mod many;
mod training;

pub use checkpoint::{load_state, save_state};
pub use consumers::{BestKeeper, CsvLog, Statistics};
pub use evaluate::{Evaluation, evaluate};
pub use event::{EpisodeEnd, Event};
#[cfg(feature = "deep")]
pub use logs::{ProgressBar, TensorBoardLog};
#[cfg(feature = "deep")]
pub use many::VectorRun;
pub use training::{Run, train};
