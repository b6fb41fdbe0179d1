//! Rainbow: all of it.

use gradus_autodiff::{Tensor, no_grad};
use gradus_nn::Layer;
use gradus_tensor::Result;

use super::agent::DeepAgent;
use super::batch::Batch;
use super::c51::{checked, means};
use super::losses::{best_actions, categorical_loss, categorical_projection, taken_rows};
use super::network::{NetworkOptions, QNetwork};
use super::objective::{Judged, Objective};
use super::options::DqnOptions;
use crate::env::Env;
use crate::replay::PrioritizedOptions;
use crate::spaces::Discrete;

/// Double, dueling and noisy DQN with distributions, priorities and n steps.
///
/// *Formula*: C51's loss, the online network choosing `a*`; the network dueling and noisy;
/// priorities by loss; options without n steps or priorities get the paper's, 3 and α = 0.5.
/// *Source*: Hessel et al. 2017, arXiv:1710.02298.
pub type Rainbow<S> = DeepAgent<RainbowObjective, S>;

/// The objective of [`Rainbow`].
#[derive(Clone, Copy, Debug)]
pub struct RainbowObjective {
    range: [f64; 2],
}

/// Number of atoms.
const ATOMS: usize = 51;

impl<S: crate::spaces::Space> Rainbow<S> {
    /// For an environment whose actions are numbered; returns are sought within `range`.
    ///
    /// # Errors
    /// `Kind::Argument` for options outside their domain or an empty range.
    pub fn new<E>(env: &E, mut options: DqnOptions, range: [f64; 2]) -> Result<Self>
    where
        E: Env<ObservationSpace = S, ActionSpace = Discrete>,
    {
        if options.n_steps == 1 {
            options.n_steps = 3;
        }
        let priorities = PrioritizedOptions { alpha: 0.5, ..Default::default() };
        options.prioritized.get_or_insert(priorities);
        DeepAgent::with_objective(env, options, RainbowObjective { range: checked(range)? })
    }
}

impl Objective for RainbowObjective {
    fn network(&self, options: &DqnOptions) -> NetworkOptions {
        let hidden = options.net_arch.clone();
        NetworkOptions { hidden, dueling: true, noisy: Some(options.sigma0), atoms: ATOMS }
    }

    fn values(&self, output: &Tensor) -> Result<Tensor> {
        means(output, self.range)
    }

    fn explores_by_noise(&self) -> bool {
        true
    }

    fn judge(&self, online: &QNetwork, target: &QNetwork, batch: &Batch) -> Result<Judged> {
        let goal = no_grad(|| {
            let chosen = means(&online.forward(&batch.next_observations)?, self.range)?;
            let best = best_actions(&chosen, batch.allowed.as_ref())?;
            let next = target.forward(&batch.next_observations)?; // [N, A, K]
            let likely = taken_rows(&next, &best)?.softmax(1)?;
            categorical_projection(&likely, &batch.rewards, &batch.discounts, self.range)
        })?;
        let logits = taken_rows(&online.forward(&batch.observations)?, &batch.actions)?;
        let losses = categorical_loss(&logits, &goal)?;
        Ok(Judged { errors: losses.detach(), losses })
    }
}
