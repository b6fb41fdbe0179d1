//! Agents that keep the value of every action in every state in a table, and exact planning.
//!
//! | Agent | Learns towards |
//! |---|---|
//! | [`QLearning`] | reward + γ max Q(s′, ·) |
//! | [`Sarsa`] | reward + γ Q(s′, a′) of the action that follows |
//! | [`ExpectedSarsa`] | reward + γ Σ π(a′) Q(s′, a′) |
//! | [`DoubleQ`] | one table's choice, the other's value |
//! | [`NStepSarsa`] | n rewards, then Q |
//! | [`QLambda`] | Q-learning, spread over the steps before by traces |
//! | [`DynaQ`] | Q-learning, again for remembered steps |
//!
//! All are a [`TableAgent`] with a rule each; a new one is a [`Rule`].

mod core;
mod double_q;
mod dyna_q;
mod expected_sarsa;
mod exploration;
mod n_step;
mod planning;
mod policy;
mod q_lambda;
mod q_learning;
mod q_table;
mod sarsa;

pub use core::{Core, Moment, Rule, TableAgent};
pub use double_q::{DoubleQ, DoubleQRule};
pub use dyna_q::{DynaQ, DynaQRule};
pub use expected_sarsa::{ExpectedSarsa, ExpectedSarsaRule};
pub use exploration::Exploration;
pub use n_step::{NStepSarsa, NStepSarsaRule};
pub use planning::{Plan, finite_horizon, policy_iteration, value_iteration};
pub use policy::Policy;
pub use q_lambda::{QLambda, QLambdaRule};
pub use q_learning::{QLearning, QLearningRule};
pub use q_table::QTable;
#[cfg(feature = "deep")]
pub(crate) use q_table::first_best;
pub use sarsa::{Sarsa, SarsaRule};
