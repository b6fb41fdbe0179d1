//! Options of the agents with networks.

use gradus_autodiff::{Device, Tensor};
use gradus_nn::{Reduction, huber_loss, mse_loss};
use gradus_tensor::{Error, Result};

use crate::replay::PrioritizedOptions;
use crate::schedule::Schedule;

/// What is made of the distance to a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DqnLoss {
    /// Half the square, linear beyond 1.
    #[default]
    Huber,
    /// The square.
    Mse,
}

impl DqnLoss {
    pub(super) fn of(self, values: &Tensor, target: &Tensor) -> Result<Tensor> {
        match self {
            DqnLoss::Huber => huber_loss(values, target, 1.0, Reduction::None),
            DqnLoss::Mse => mse_loss(values, target, Reduction::None),
        }
    }
}

/// Options of all agents with networks. Names and defaults are stable-baselines3's `DQN`, but for
/// the memory's size and that exploration is counted in steps.
#[derive(Clone, Debug)]
pub struct DqnOptions {
    /// Adam's step, as a function of steps.
    pub learning_rate: Schedule,
    /// Adam's ε.
    pub adam_eps: f64,
    /// How many transitions are remembered.
    pub buffer_size: usize,
    /// Steps of chance before the first update.
    pub learning_starts: u64,
    /// Transitions an update.
    pub batch_size: usize,
    /// How far the target network goes towards the online one each time; 1 copies.
    pub tau: f64,
    /// Steps between that.
    pub target_update_interval: u64,
    /// The discount.
    pub gamma: f64,
    /// Steps between updates.
    pub train_freq: u64,
    /// Updates then.
    pub gradient_steps: usize,
    /// The probability of a random action, as a function of steps.
    pub exploration: Schedule,
    /// The largest norm of a gradient.
    pub max_grad_norm: f64,
    /// Rewards before a value is believed.
    pub n_steps: usize,
    /// Whether nothing follows the end of an episode. Without it targets look past the end, as
    /// loops without a mask do.
    pub terminal_mask: bool,
    /// Whether what surprised is drawn more often.
    pub prioritized: Option<PrioritizedOptions>,
    /// What is made of the distance to a target; of agents that learn no distribution.
    pub loss: DqnLoss,
    /// The noise of weights at the beginning, σ₀, 0.5 in the paper; of agents that explore by it.
    pub sigma0: f64,
    /// Sizes of the hidden layers.
    pub net_arch: Vec<usize>,
    /// Of the weights, of chance and of the draws from memory.
    pub seed: u64,
    /// Where the networks live. Small ones are fastest on the CPU.
    pub device: Device,
}

impl Default for DqnOptions {
    fn default() -> Self {
        DqnOptions {
            learning_rate: Schedule::Constant(1e-4),
            adam_eps: 1e-8,
            buffer_size: 100_000,
            learning_starts: 100,
            batch_size: 32,
            tau: 1.0,
            target_update_interval: 10_000,
            gamma: 0.99,
            train_freq: 4,
            gradient_steps: 1,
            exploration: Schedule::linear(1.0, 0.05, 10_000),
            max_grad_norm: 10.0,
            n_steps: 1,
            terminal_mask: true,
            prioritized: None,
            loss: DqnLoss::Huber,
            sigma0: 0.5,
            net_arch: vec![64, 64],
            seed: 0,
            device: Device::cpu(),
        }
    }
}

impl DqnOptions {
    /// What rl-baselines3-zoo uses for CartPole over 50,000 steps.
    pub fn cart_pole() -> Self {
        DqnOptions {
            learning_rate: Schedule::Constant(2.3e-3),
            batch_size: 64,
            learning_starts: 1000,
            target_update_interval: 10,
            train_freq: 256,
            gradient_steps: 128,
            exploration: Schedule::linear(1.0, 0.04, 8_000),
            net_arch: vec![256, 256],
            ..DqnOptions::default()
        }
    }

    /// # Errors
    /// `Kind::Argument` for what makes no sense.
    pub(super) fn check(&self) -> Result<()> {
        const OP: &str = "dqn";
        let positive = [
            ("batch_size", self.batch_size as u64),
            ("buffer_size", self.buffer_size as u64),
            ("train_freq", self.train_freq),
            ("target_update_interval", self.target_update_interval),
            ("n_steps", self.n_steps as u64),
        ];
        for (name, value) in positive {
            if value == 0 {
                return Err(Error::argument(OP, name, value, "1 or more"));
            }
        }
        for (name, value) in [("tau", self.tau), ("gamma", self.gamma)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::argument(OP, name, value, "within [0, 1]"));
            }
        }
        Ok(())
    }
}
