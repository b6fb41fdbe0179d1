//! The tests above the crates: conformance with PyTorch, properties, gradients, CPU against GPU,
//! flat memory, faults.
//!
//! Tests that need a GPU ask [`gradus_testkit::gpu`] for one: a software adapter will do, and
//! without any the test prints that it was skipped, or fails where `GRADUS_REQUIRE_GPU=1`.

mod averages;
mod captures;
mod chains;
mod conformance;
mod convs;
mod faults;
mod functional;
mod gradients;
mod layers;
mod lbfgs;
mod matmul;
mod memory;
mod optimizers;
mod pointwise;
mod pools;
mod pretrained;
mod schedules;
mod structured;
mod support;
mod twins;
mod views;
