//! Tests of the crate as its users see it.

mod environments;
mod golden;
mod tabular;
