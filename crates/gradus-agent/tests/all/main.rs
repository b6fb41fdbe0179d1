//! Tests of the crate as its users see it.

#[cfg(feature = "deep")]
mod deep;
mod environments;
mod golden;
mod runs;
mod tabular;
