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

/// Lets the agent do its best for some episodes, the first seeded. Neither the agent nor its
/// random numbers change.
///
/// ```
/// use gradus_agent::{envs::Taxi, run::evaluate, tabular::QLearning};
/// let mut env = Taxi::make(Default::default())?;
/// let agent = QLearning::new(&env, 0)?; // which has learned nothing
/// assert_eq!(evaluate(&agent, &mut env, 5, 0)?.lengths, [200; 5]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// Those of agent and environment.
pub fn evaluate<A, E>(agent: &A, env: &mut E, episodes: usize, seed: u64) -> Result<Evaluation>
where
    A: Agent<E::Observation>,
    E: Env<Action = i64>,
{
    let mut all = Evaluation::default();
    for episode in 0..episodes {
        let (mut observation, info) = env.reset((episode == 0).then_some(seed))?;
        let mut mask = info.action_mask().map(<[bool]>::to_vec);
        let (mut reward, mut length) = (0.0, 0);
        loop {
            let step = env.step(agent.best(&observation, mask.as_deref())?)?;
            reward += step.reward;
            length += 1;
            if step.done() {
                break;
            }
            mask = step.info.action_mask().map(<[bool]>::to_vec);
            observation = step.observation;
        }
        all.returns.push(reward);
        all.lengths.push(length);
    }
    Ok(all)
}
