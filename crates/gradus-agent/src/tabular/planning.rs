//! Planning where the law of the world is known: value iteration, policy iteration.

use gradus_tensor::Result;

use super::policy::{Policy, backup, settle};
use crate::envs::{Tabular, Transitions};

/// The best that can be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What every state is worth.
    pub values: Vec<f64>,
    /// What to do in it.
    pub policy: Policy,
    /// How many passes it took.
    pub iterations: usize,
}

impl Plan {
    /// The mean value of the states that episodes begin in.
    pub fn start_value(&self, env: &impl Tabular) -> f64 {
        env.transitions().start().iter().zip(&self.values).map(|(p, v)| p * v).sum()
    }
}

fn best(law: &Transitions, state: usize, gamma: f64, values: &[f64]) -> (usize, f64) {
    let mut best = (0, f64::NEG_INFINITY);
    for action in 0..law.actions() {
        let value = backup(law.outcomes(state, action), gamma, values);
        if value > best.1 {
            best = (action, value);
        }
    }
    best
}

fn greedy(law: &Transitions, gamma: f64, values: &[f64]) -> Policy {
    Policy::new((0..law.states()).map(|state| best(law, state, gamma, values).0).collect())
}

/// The best values, by value iteration (Bellman 1957) until none changes by more than `tolerance`.
///
/// ```
/// use gradus_agent::{envs::FrozenLake, tabular::value_iteration};
/// let lake = FrozenLake::new(Default::default())?;
/// let plan = value_iteration(&lake, 0.99, 1e-12)?;
/// assert!((plan.values[0] - 0.54203).abs() < 1e-5);
/// assert_eq!(plan.policy.actions()[14], 1); // beside the goal: down is the safest
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Argument` for γ outside \[0, 1\] or values that do not settle.
pub fn value_iteration(env: &impl Tabular, gamma: f64, tolerance: f64) -> Result<Plan> {
    let law = env.transitions();
    let renew = |state: usize, values: &[f64]| best(law, state, gamma, values).1;
    let (values, iterations) = settle(law, gamma, tolerance, renew)?;
    let policy = greedy(law, gamma, &values);
    Ok(Plan { values, policy, iterations })
}

/// The best policy, by policy iteration (Howard 1960): evaluate, improve, until nothing changes.
///
/// ```
/// use gradus_agent::{envs::Taxi, tabular::policy_iteration};
/// let taxi = Taxi::new(Default::default())?;
/// let plan = policy_iteration(&taxi, 0.99, 1e-8)?;
/// let mean = plan.policy.expected_return(&taxi, 200)?;
/// assert!((mean - 7.93).abs() < 0.01, "{mean}");
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// As [`value_iteration`].
pub fn policy_iteration(env: &impl Tabular, gamma: f64, tolerance: f64) -> Result<Plan> {
    let law = env.transitions();
    let mut actions = vec![0; law.states()];
    let mut iterations = 0;
    loop {
        iterations += 1;
        let policy = Policy::new(actions.clone());
        let values = policy.evaluate(env, gamma, tolerance)?;
        let mut changed = false;
        for (state, action) in actions.iter_mut().enumerate() {
            let (better, value) = best(law, state, gamma, &values);
            // Less is rounding, which could go round for ever.
            let present = backup(law.outcomes(state, *action), gamma, &values);
            if value > present + tolerance.max(f64::EPSILON) * 10.0 {
                (*action, changed) = (better, true);
            }
        }
        if !changed {
            return Ok(Plan { values, policy, iterations });
        }
    }
}

/// The best values when `horizon` steps are left, where what to do may depend on how many are.
///
/// ```
/// use gradus_agent::{envs::FrozenLake, tabular::finite_horizon};
/// let lake = FrozenLake::new(Default::default())?;
/// assert!((finite_horizon(&lake, 100)[0] - 0.7442).abs() < 1e-4);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub fn finite_horizon(env: &impl Tabular, horizon: usize) -> Vec<f64> {
    let law = env.transitions();
    let mut values = vec![0.0; law.states()];
    for _ in 0..horizon {
        values = (0..law.states()).map(|state| best(law, state, 1.0, &values).1).collect();
    }
    values
}
