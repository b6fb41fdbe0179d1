//! Double DQN.

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

/// DQN in which the online network says which action is best and the target network what it is
/// worth, so that a lucky error is not taken for value.
///
/// *Formula*: `Q(s, a)` towards `r + γ Q⁻(s′, argmax Q(s′, ·))`.
/// *Source*: van Hasselt, Guez & Silver 2015, arXiv:1509.06461.
pub type DoubleDqn<S> = DeepAgent<DoubleDqnObjective, S>;

/// The objective of [`DoubleDqn`].
#[derive(Clone, Copy, Debug)]
pub struct DoubleDqnObjective {
    loss: DqnLoss,
}

impl<S: crate::spaces::Space> DoubleDqn<S> {
    /// For an environment whose actions are numbered.
    ///
    /// # Errors
    /// `Kind::Argument` for options outside their domain.
    pub fn new<E>(env: &E, options: DqnOptions) -> Result<Self>
    where
        E: Env<ObservationSpace = S, ActionSpace = Discrete>,
    {
        let loss = options.loss;
        DeepAgent::with_objective(env, options, DoubleDqnObjective { loss })
    }
}

impl Objective for DoubleDqnObjective {
    fn network(&self, options: &DqnOptions) -> NetworkOptions {
        NetworkOptions { hidden: options.net_arch.clone(), ..Default::default() }
    }

    fn judge(&self, online: &QNetwork, target: &QNetwork, batch: &Batch) -> Result<Judged> {
        let goal = no_grad(|| {
            let chosen = online.forward(&batch.next_observations)?;
            let best = best_actions(&chosen, batch.allowed.as_ref())?;
            let worth = taken(&target.forward(&batch.next_observations)?, &best)?;
            td_target(&batch.rewards, &batch.discounts, &worth)
        })?;
        let values = taken(&online.forward(&batch.observations)?, &batch.actions)?;
        let errors = goal.sub(values.detach())?;
        Ok(Judged { losses: self.loss.of(&values, &goal)?, errors })
    }
}
