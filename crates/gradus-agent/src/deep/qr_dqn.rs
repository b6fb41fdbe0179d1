//! QR-DQN: quantiles of returns.

use gradus_autodiff::{Tensor, no_grad};
use gradus_nn::Layer;
use gradus_tensor::{Error, Result};

use super::agent::DeepAgent;
use super::batch::Batch;
use super::losses::{best_actions, quantile_huber_loss, taken_rows};
use super::network::{NetworkOptions, QNetwork};
use super::objective::{Judged, Objective};
use super::options::DqnOptions;
use crate::env::Env;
use crate::spaces::Discrete;

/// DQN that learns quantiles of the return, without having to know its range, and chooses by
/// their mean.
///
/// *Formula*: each quantile of `Z(s, a)` is pulled to its share of `r + γ Z⁻(s′, a*)` by a Huber
/// loss with κ = 1.
/// *Source*: Dabney et al. 2017, arXiv:1710.10044.
pub type QrDqn<S> = DeepAgent<QrDqnObjective, S>;

/// The objective of [`QrDqn`].
#[derive(Clone, Copy, Debug)]
pub struct QrDqnObjective {
    quantiles: usize,
}

impl<S: crate::spaces::Space> QrDqn<S> {
    /// For an environment whose actions are numbered, with so many quantiles; 200 in the paper.
    ///
    /// # Errors
    /// `Kind::Argument` for options outside their domain or fewer than 2 quantiles.
    pub fn new<E>(env: &E, options: DqnOptions, quantiles: usize) -> Result<Self>
    where
        E: Env<ObservationSpace = S, ActionSpace = Discrete>,
    {
        if quantiles < 2 {
            return Err(Error::argument("qr_dqn", "quantiles", quantiles, "2 or more"));
        }
        DeepAgent::with_objective(env, options, QrDqnObjective { quantiles })
    }
}

impl Objective for QrDqnObjective {
    fn network(&self, options: &DqnOptions) -> NetworkOptions {
        let hidden = options.net_arch.clone();
        NetworkOptions { hidden, atoms: self.quantiles, ..Default::default() }
    }

    fn values(&self, output: &Tensor) -> Result<Tensor> {
        output.mean(&[2], false)
    }

    fn judge(&self, online: &QNetwork, target: &QNetwork, batch: &Batch) -> Result<Judged> {
        let goal = no_grad(|| {
            let next = target.forward(&batch.next_observations)?.computed()?; // [N, A, K]
            let best = best_actions(&next.mean(&[2], false)?, batch.allowed.as_ref())?;
            let (rewards, discounts) = (batch.rewards.unsqueeze(1)?, batch.discounts.unsqueeze(1)?);
            let follows = taken_rows(&next, &best)?; // [N, K]
            Ok::<_, Error>(rewards.add(&discounts.mul(&follows)?)?.detach())
        })?;
        let quantiles = taken_rows(&online.forward(&batch.observations)?, &batch.actions)?;
        let errors = goal.mean(&[1], false)?.sub(&quantiles.detach().mean(&[1], false)?)?;
        Ok(Judged { losses: quantile_huber_loss(&quantiles, &goal, 1.0)?, errors })
    }
}
