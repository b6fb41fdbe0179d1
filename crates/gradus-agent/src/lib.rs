//! Reinforcement learning: environments that are exact, and Q-learning from a table to Rainbow.
//!
//! ```
//! use gradus_agent::{Env, envs::FrozenLake, run::train, tabular::QLearning, Schedule};
//!
//! let mut env = FrozenLake::make(Default::default())?; // slippery, 4x4, 100 steps
//! let mut agent = QLearning::new(&env, 0)?
//!     .alpha(Schedule::linear(0.1, 0.01, 4_000))
//!     .epsilon(Schedule::linear(1.0, 0.05, 2_000));
//! train(&mut agent, &mut env, 4_000)?;
//! let success = agent.values().greedy().expected_return(&env, 100)?; // exact, not sampled
//! assert!(success > 0.7, "{success}");
//! # Ok::<(), gradus_tensor::Error>(())
//! ```
//!
//! | Module | What it holds |
//! |---|---|
//! | [`envs`] | FrozenLake, CliffWalking, Taxi, Blackjack, CartPole, MountainCar, Acrobot, … |
//! | [`spaces`] | Discrete, Box, MultiDiscrete, MultiBinary, tuples, dictionaries |
//! | [`wrappers`] | time limits, statistics, one-hot, normalisation, frame stacks, … |
//! | [`vector`] | many environments at once, in turn or in threads |
//! | [`tabular`] | Q-learning, SARSA, double Q, n-step, Q(λ), Dyna-Q, value and policy iteration |
//! | `deep` | DQN, double, dueling, noisy, C51, QR-DQN, Rainbow; with the feature of that name |
//! | [`replay`] | memories: uniform, prioritised, n steps |
//! | [`run`] | training as a sequence of events, evaluation, files that resume exactly |
//! | [`rng`] | NumPy's generator, bit for bit |

// The code of the page is run with the tests of the documentation.
#[cfg(all(doctest, feature = "deep"))]
#[doc = include_str!("../../../docs/AGENTS.md")]
mod agents_page {}

mod agent;
#[cfg(feature = "deep")]
pub mod deep;
pub mod env;
pub mod envs;
pub mod persist;
pub mod render;
pub mod replay;
pub mod rng;
pub mod run;
mod schedule;
pub mod spaces;
pub mod tabular;
pub mod vector;
pub mod wrappers;

pub use agent::{Agent, Learned, Transition, VectorAgent};
pub use env::{Env, Info, OldEnv, Step, check_env};
pub use gradus_tensor::{Error, Kind, Result};
pub use schedule::Schedule;
