//! What an agent is worth without trials.

use gradus_tensor::Result;

use crate::agent::Agent;
use crate::env::{Env, Info};

/// Returns and lengths of episodes in which the agent did its best.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// The sums of rewards.
    pub returns: Vec<f64>,
    /// The numbers of steps.
    pub lengths: Vec<u64>,
}

impl Evaluation {
    /// The mean return; NaN without episodes.
    pub fn mean(&self) -> f64 {
        self.returns.iter().sum::<f64>() / self.returns.len() as f64
    }

    /// The standard deviation of the returns.
    pub fn std(&self) -> f64 {
        let (mean, n) = (self.mean(), self.returns.len() as f64);
        (self.returns.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / n).sqrt()
    }
}

/// Lets the agent do its best for some episodes, the first with a seed, the others with the seeds
/// after it. They run side by side in copies of the environment; neither it nor the agent
/// changes.
///
/// ```
/// use gradus_agent::{envs::Taxi, run::evaluate, tabular::QLearning};
/// let env = Taxi::make(Default::default())?;
/// let agent = QLearning::new(&env, 0)?; // which has learned nothing
/// assert_eq!(evaluate(&agent, &env, 5, 0)?.lengths, [200; 5]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// Those of agent and environment.
pub fn evaluate<A, E>(agent: &A, env: &E, episodes: usize, seed: u64) -> Result<Evaluation>
where
    A: Agent<E::Observation>,
    E: Env<Action = i64> + Clone,
{
    let mut running = Vec::with_capacity(episodes);
    for episode in 0..episodes {
        let mut env = env.clone();
        let (observation, info) = env.reset(seed.wrapping_add(episode as u64))?;
        let mask = info.action_mask().map(<[bool]>::to_vec);
        running.push(Going { episode, env, observation, mask, reward: 0.0, length: 0 });
    }
    let mut all = Evaluation { returns: vec![0.0; episodes], lengths: vec![0; episodes] };
    while !running.is_empty() {
        let seen: Vec<_> = running.iter().map(|g| (&g.observation, g.mask.as_deref())).collect();
        let mut actions = agent.best_of_all(&seen)?.into_iter();
        let mut next = Vec::with_capacity(running.len());
        for (mut going, action) in running.into_iter().zip(actions.by_ref()) {
            let step = going.env.step(action)?;
            going.reward += step.reward;
            going.length += 1;
            if step.done() {
                all.returns[going.episode] = going.reward;
                all.lengths[going.episode] = going.length;
                continue;
            }
            going.mask = step.info.action_mask().map(<[bool]>::to_vec);
            going.observation = step.observation;
            next.push(going);
        }
        running = next;
    }
    Ok(all)
}

/// An episode that is not over.
struct Going<E: Env> {
    episode: usize,
    env: E,
    observation: E::Observation,
    mask: Option<Vec<bool>>,
    reward: f64,
    length: u64,
}
