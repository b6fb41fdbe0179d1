//! Laws of loaders, samplers, splits and preprocessing; one binary, so that it links once.

mod datasets;
mod folders;
mod golden;
mod gpu;
mod imbalance;
mod loader;
mod preprocessing;
mod samplers;
mod splits;
mod workers;
