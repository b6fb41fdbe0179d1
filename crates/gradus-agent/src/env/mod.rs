//! The interface between an agent and its world. Gymnasium: `gymnasium.Env`.

mod check;
mod environment;
mod old;

pub use check::check_env;
pub use environment::{Env, Info, Reset, Step};
pub(crate) use environment::{no_action, not_reset};
pub use old::OldEnv;
