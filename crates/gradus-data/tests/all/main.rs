//! Laws of loaders, samplers, splits and preprocessing; one binary, so that it links once.

mod imbalance;
mod loader;
mod samplers;
mod splits;
mod workers;
