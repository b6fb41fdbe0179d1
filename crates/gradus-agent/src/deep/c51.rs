//! C51: the distribution of returns.

use gradus_autodiff::{Tensor, no_grad};
use gradus_nn::Layer;
use gradus_tensor::{Error, Result};

use super::agent::DeepAgent;
use super::batch::Batch;
use super::losses::{atoms, best_actions, categorical_loss, categorical_projection, taken_rows};
use super::network::{NetworkOptions, QNetwork};
use super::objective::{Judged, Objective};
use super::options::DqnOptions;
use crate::env::Env;
use crate::spaces::Discrete;

/// DQN that learns how likely each of 51 returns is, and chooses by their mean.
///
/// *Formula*: the distribution of `r + γ Z⁻(s′, a*)`, brought back onto the atoms, is the target
/// of a cross entropy.
/// *Source*: Bellemare, Dabney & Munos 2017, arXiv:1707.06887.
pub type C51<S> = DeepAgent<C51Objective, S>;

/// The objective of [`C51`].
#[derive(Clone, Copy, Debug)]
pub struct C51Objective {
    range: [f64; 2],
}

/// Number of atoms.
const ATOMS: usize = 51;

impl<S: crate::spaces::Space> C51<S> {
    /// For an environment whose actions are numbered; returns are sought within `range`.
    ///
    /// # Errors
    /// `Kind::Argument` for options outside their domain or an empty range.
    pub fn new<E>(env: &E, options: DqnOptions, range: [f64; 2]) -> Result<Self>
    where
        E: Env<ObservationSpace = S, ActionSpace = Discrete>,
    {
        DeepAgent::with_objective(env, options, C51Objective { range: checked(range)? })
    }
}

/// # Errors
/// `Kind::Argument` for an empty range.
pub(super) fn checked([low, high]: [f64; 2]) -> Result<[f64; 2]> {
    if !(low < high && (high - low).is_finite()) {
        return Err(Error::argument("c51", "range", format!("{low}..{high}"), "low below high"));
    }
    Ok([low, high])
}

/// The means, `[N, A]`, of logits `[N, A, K]`.
pub(super) fn means(logits: &Tensor, [low, high]: [f64; 2]) -> Result<Tensor> {
    let z = atoms(low, high, ATOMS, &logits.device())?;
    logits.softmax(2)?.mul(&z)?.sum(&[2], false)
}

impl Objective for C51Objective {
    fn network(&self, options: &DqnOptions) -> NetworkOptions {
        let hidden = options.net_arch.clone();
        NetworkOptions { hidden, atoms: ATOMS, ..Default::default() }
    }

    fn values(&self, output: &Tensor) -> Result<Tensor> {
        means(output, self.range)
    }

    fn judge(&self, online: &QNetwork, target: &QNetwork, batch: &Batch) -> Result<Judged> {
        let goal = no_grad(|| {
            let next = target.forward(&batch.next_observations)?.computed()?; // [N, A, K]
            let best = best_actions(&means(&next, self.range)?, batch.allowed.as_ref())?;
            let likely = taken_rows(&next, &best)?.softmax(1)?;
            categorical_projection(&likely, &batch.rewards, &batch.discounts, self.range)
        })?;
        let logits = taken_rows(&online.forward(&batch.observations)?, &batch.actions)?;
        let losses = categorical_loss(&logits, &goal)?;
        Ok(Judged { errors: losses.detach(), losses })
    }
}
