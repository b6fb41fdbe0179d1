//! Shaders, pipelines and launches: the only place of this crate that names wgpu.

mod compose;
#[cfg(test)]
mod facts;
mod join;
mod launch;
mod pipeline;
mod schedule;
mod shaders;

#[cfg(test)]
mod tests;

pub(crate) use launch::{Grid, Kernel, Launch, launch};
pub(crate) use shaders::{common, composed, composed_common};
