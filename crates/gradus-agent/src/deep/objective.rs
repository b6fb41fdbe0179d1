//! `Objective`: what a variant of DQN is.

use gradus_autodiff::Tensor;
use gradus_tensor::Result;

use super::batch::Batch;
use super::network::{NetworkOptions, QNetwork};
use super::options::DqnOptions;

/// What a network made of a batch.
#[derive(Clone, Debug)]
pub struct Judged {
    /// `[N]`: what is minimised.
    pub losses: Tensor,
    /// `[N]`: how far the values were from their targets, for priorities.
    pub errors: Tensor,
}

/// A network's form, the meaning of its output, and a loss.
pub trait Objective {
    /// The form of the network.
    fn network(&self, options: &DqnOptions) -> NetworkOptions;

    /// The values of actions, `[N, A]`, in the network's output.
    ///
    /// # Errors
    /// `Kind::Shape`.
    fn values(&self, output: &Tensor) -> Result<Tensor> {
        Ok(output.clone())
    }

    /// Losses of a batch; gradients reach `online` alone.
    ///
    /// # Errors
    /// Those of the networks.
    fn judge(&self, online: &QNetwork, target: &QNetwork, batch: &Batch) -> Result<Judged>;

    /// Whether the agent tries actions by noise in its weights rather than by chance.
    fn explores_by_noise(&self) -> bool {
        false
    }
}
