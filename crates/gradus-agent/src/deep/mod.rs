//! Agents with networks: DQN and what became of it.
//!
//! | Agent | Adds to DQN |
//! |---|---|
//! | [`Dqn`] | itself: replay and target network; n steps and priorities are options of all |
//! | [`DoubleDqn`] | one network chooses, the other values |
//! | [`DuelingDqn`] | value and advantages apart |
//! | [`NoisyDqn`] | exploration by noise in the weights |
//! | [`C51`] | the distribution of returns on 51 atoms |
//! | [`QrDqn`] | its quantiles |
//! | [`Rainbow`] | all of these |
//! | [`Pqn`] | many environments and layer norm, and takes away the memory and the target |
//!
//! Each is one file: a network and a loss. What they share, PQN apart, is [`DeepAgent`]; a new
//! variant is an [`Objective`].

mod agent;
mod batch;
mod c51;
mod double_dqn;
mod dqn;
mod dueling_dqn;
pub mod losses;
mod network;
mod noisy_dqn;
mod noisy_linear;
mod objective;
mod options;
mod pqn;
mod qr_dqn;
mod rainbow;
mod weights;

pub use agent::DeepAgent;
pub use batch::Batch;
pub use c51::{C51, C51Objective};
pub use double_dqn::{DoubleDqn, DoubleDqnObjective};
pub use dqn::{Dqn, DqnObjective};
pub use dueling_dqn::{DuelingDqn, DuelingDqnObjective};
pub use network::{NetworkOptions, QNetwork};
pub use noisy_dqn::{NoisyDqn, NoisyDqnObjective};
pub use noisy_linear::NoisyLinear;
pub use objective::{Judged, Objective};
pub use options::{DqnLoss, DqnOptions};
pub use pqn::{Pqn, PqnNetwork, PqnOptions};
pub use qr_dqn::{QrDqn, QrDqnObjective};
pub use rainbow::{Rainbow, RainbowObjective};
