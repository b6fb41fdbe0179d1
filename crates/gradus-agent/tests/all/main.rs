//! Tests of the crate as its users see it.

#[cfg(feature = "deep")]
mod deep;
mod environments;
mod golden;
#[cfg(feature = "deep")]
mod pqn;
mod runs;
mod tabular;
