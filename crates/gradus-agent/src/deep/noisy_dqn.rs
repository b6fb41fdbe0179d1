//! DQN with noisy weights.

use gradus_autodiff::no_grad;
use gradus_nn::Layer;
use gradus_tensor::Result;

use super::agent::DeepAgent;
use super::batch::Batch;
use super::losses::{best_actions, taken, td_target};
use super::network::{NetworkOptions, QNetwork};
use super::objective::{Judged, Objective};
use super::options::{DqnLoss, DqnOptions};
use crate::env::Env;
use crate::spaces::Discrete;

/// DQN that tries actions by noise in its weights, which it learns to need less of where it knows
/// enough. The probability of random actions in the options is not used.
///
/// The largest of noisy values is too large on average, and bootstrapping multiplies what is too
/// much by `1 / (1 - γⁿ)`: where returns are long, several rewards (`n_steps`) and less noise
/// (`sigma0`) keep values from drifting off.
///
/// *Formula*: the loss is DQN's, each network with noise of its own.
/// *Source*: Fortunato et al. 2017, arXiv:1706.10295.
pub type NoisyDqn<S> = DeepAgent<NoisyDqnObjective, S>;

/// The objective of [`NoisyDqn`].
#[derive(Clone, Copy, Debug)]
pub struct NoisyDqnObjective {
    loss: DqnLoss,
}

impl<S: crate::spaces::Space> NoisyDqn<S> {
    /// For an environment whose actions are numbered.
    ///
    /// # Errors
    /// `Kind::Argument` for options outside their domain.
    pub fn new<E>(env: &E, options: DqnOptions) -> Result<Self>
    where
        E: Env<ObservationSpace = S, ActionSpace = Discrete>,
    {
        let loss = options.loss;
        DeepAgent::with_objective(env, options, NoisyDqnObjective { loss })
    }
}

impl Objective for NoisyDqnObjective {
    fn network(&self, options: &DqnOptions) -> NetworkOptions {
        let hidden = options.net_arch.clone();
        NetworkOptions { hidden, noisy: Some(options.sigma0), ..Default::default() }
    }

    fn explores_by_noise(&self) -> bool {
        true
    }

    fn judge(&self, online: &QNetwork, target: &QNetwork, batch: &Batch) -> Result<Judged> {
        let goal = no_grad(|| {
            let next = target.forward(&batch.next_observations)?;
            let best = best_actions(&next, batch.allowed.as_ref())?;
            td_target(&batch.rewards, &batch.discounts, &taken(&next, &best)?)
        })?;
        let values = taken(&online.forward(&batch.observations)?, &batch.actions)?;
        let errors = goal.sub(values.detach())?;
        Ok(Judged { losses: self.loss.of(&values, &goal)?, errors })
    }
}
