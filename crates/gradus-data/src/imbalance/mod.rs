//! Classes of different sizes: counts, weights, and samples repeated, left out or made up.

mod counts;
mod over;
mod smote;
mod strategy;
mod under;

pub use counts::{class_counts, class_weights, sample_weights};
pub use over::RandomOverSampler;
pub use smote::Smote;
pub use strategy::Strategy;
pub use under::RandomUnderSampler;
