//! Tests of training as users see it, in one binary.

#![allow(clippy::unwrap_used, reason = "a test fails where it is surprised")]

mod accumulate;
mod callbacks;
mod capture;
mod corruption;
mod fit;
mod gpu;
mod predict;
mod report;
mod resume;
mod schedules;
mod support;
mod tensorboard;
mod transforms;
mod turns;
