//! Spaces: which actions and observations there are. Gymnasium: `gymnasium.spaces`.
//!
//! Simple spaces draw what Gymnasium draws from the same generator. Composite ones are Rust tuples
//! where the parts are known when a program is written, [`Dict`] and [`AnySpace`] where not.

mod any;
mod box_space;
mod discrete;
mod multi_binary;
mod multi_discrete;
mod space;
mod tuple;

pub use any::{AnySpace, Dict, Mask, Value};
pub use box_space::{BoxSpace, Floats};
pub use discrete::Discrete;
pub use multi_binary::MultiBinary;
pub use multi_discrete::MultiDiscrete;
pub use space::Space;
