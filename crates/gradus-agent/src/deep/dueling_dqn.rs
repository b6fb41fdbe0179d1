//! Dueling DQN.

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

/// DQN whose network says apart what a state is worth and what each action adds to it.
///
/// *Formula*: `Q(s, a) = V(s) + A(s, a) - mean A(s, ·)`; the loss is DQN's.
/// *Source*: Wang et al. 2015, arXiv:1511.06581, equation 9.
pub type DuelingDqn<S> = DeepAgent<DuelingDqnObjective, S>;

/// The objective of [`DuelingDqn`].
#[derive(Clone, Copy, Debug)]
pub struct DuelingDqnObjective {
    loss: DqnLoss,
}

impl<S: crate::spaces::Space> DuelingDqn<S> {
    /// For an environment whose actions are numbered.
    ///
    /// # Errors
    /// `Kind::Argument` for options outside their domain.
    pub fn new<E>(env: &E, options: DqnOptions) -> Result<Self>
    where
        E: Env<ObservationSpace = S, ActionSpace = Discrete>,
    {
        let loss = options.loss;
        DeepAgent::with_objective(env, options, DuelingDqnObjective { loss })
    }
}

impl Objective for DuelingDqnObjective {
    fn network(&self, options: &DqnOptions) -> NetworkOptions {
        let hidden = options.net_arch.clone();
        NetworkOptions { hidden, dueling: true, ..Default::default() }
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
