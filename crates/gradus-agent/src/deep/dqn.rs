//! DQN.

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

/// Deep Q-learning with a memory and a target network.
///
/// *Formula*: `Q(s, a)` towards `r + γ Q⁻(s′, argmax Q⁻(s′, ·))`.
/// *Source*: Mnih et al. 2015, doi:10.1038/nature14236.
///
/// ```
/// use gradus_agent::{deep::{Dqn, DqnOptions}, envs::CartPole, run::Run};
/// let mut env = CartPole::make(Default::default());
/// let mut agent = Dqn::new(&env, DqnOptions { learning_starts: 50, ..Default::default() })?;
/// for event in Run::new(&mut agent, &mut env, 0).steps(100) {
///     event?;
/// }
/// assert_eq!(agent.updates(), 13); // every 4 steps after 50
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub type Dqn<S> = DeepAgent<DqnObjective, S>;

/// The objective of [`Dqn`].
#[derive(Clone, Copy, Debug)]
pub struct DqnObjective {
    loss: DqnLoss,
}

impl<S: crate::spaces::Space> Dqn<S> {
    /// For an environment whose actions are numbered.
    ///
    /// # Errors
    /// `Kind::Argument` for options outside their domain.
    pub fn new<E>(env: &E, options: DqnOptions) -> Result<Self>
    where
        E: Env<ObservationSpace = S, ActionSpace = Discrete>,
    {
        let loss = options.loss;
        DeepAgent::with_objective(env, options, DqnObjective { loss })
    }
}

impl Objective for DqnObjective {
    fn network(&self, options: &DqnOptions) -> NetworkOptions {
        NetworkOptions { hidden: options.net_arch.clone(), ..Default::default() }
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
