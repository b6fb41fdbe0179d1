//! Tests of the engine, on whatever adapter there is.

mod memory;
mod stream;
mod support;
mod transfer;
