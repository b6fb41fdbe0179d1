//! Environments that step as Gymnasium 1.4's do: the same transitions, and the same random
//! numbers for the same seed.
//!
//! | Environment | Observation | Actions | Limit | Threshold |
//! |---|---|---|---|---|
//! | [`FrozenLake`] | cell, 16 or 64 | left, down, right, up | 100, 200 | 0.70, 0.85 |
//! | [`CliffWalking`] | cell, 48 | up, right, down, left | none | none |
//! | [`Taxi`] | 500 states | south, north, east, west, pick up, drop off | 200 | 8 |
//! | [`Blackjack`] | sum, dealer's card, usable ace | stick, hit | none | none |
//! | [`CartPole`] | x, ẋ, θ, θ̇ | push left, push right | 500 | 475 |
//! | [`MountainCar`] | x, ẋ | left, none, right | 200 | -110 |
//! | [`Acrobot`] | cos θ₁, sin θ₁, cos θ₂, sin θ₂, θ̇₁, θ̇₂ | torque -1, 0, 1 | 500 | -100 |
//! | [`Pendulum`] | cos θ, sin θ, θ̇ | torque in \[-2, 2\] | 200 | none |
//!
//! `new` gives the bare environment, `make` the one with its time limit.

mod acrobot;
mod blackjack;
mod bounds;
mod cart_pole;
mod cliff_walking;
mod frozen_lake;
mod lake_map;
mod mountain_car;
mod pendulum;
mod table;
mod taxi;
mod walker;

pub use acrobot::Acrobot;
pub use blackjack::{Blackjack, BlackjackOptions};
pub use bounds::ResetBounds;
pub use cart_pole::{CartPole, CartPoleOptions};
pub use cliff_walking::{CliffWalking, CliffWalkingOptions};
pub use frozen_lake::{FrozenLake, FrozenLakeOptions};
pub use lake_map::{LakeMap, generate_random_map};
pub use mountain_car::{MountainCar, MountainCarOptions};
pub use pendulum::{Pendulum, PendulumOptions, PendulumStart};
pub use table::{Outcome, Tabular, Transitions};
pub use taxi::{Taxi, TaxiInfo, TaxiOptions};
pub use walker::Probability;
