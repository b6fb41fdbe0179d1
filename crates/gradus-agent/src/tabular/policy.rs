//! Policies, and what exactly they are worth.

use gradus_tensor::{Error, Result};

use crate::envs::{Outcome, Tabular, Transitions};

/// An action for every state.
///
/// ```
/// use gradus_agent::{envs::FrozenLake, tabular::Policy};
/// let lake = FrozenLake::new(Default::default())?;
/// let always_right = Policy::new(vec![2; 16]);
/// let success = always_right.expected_return(&lake, 100)?;
/// assert!((success - 0.031).abs() < 0.001, "{success}");
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    actions: Vec<usize>,
}

impl Policy {
    /// Of these actions.
    pub fn new(actions: Vec<usize>) -> Self {
        Policy { actions }
    }

    /// The actions.
    pub fn actions(&self) -> &[usize] {
        &self.actions
    }

    /// The exact mean of the sum of rewards within `horizon` steps, over starts and outcomes, by
    /// dynamic programming. Where the only reward is 1 at the goal, it is the probability of
    /// getting there.
    ///
    /// # Errors
    /// `Kind::Argument` for a policy of other states or actions.
    pub fn expected_return(&self, env: &impl Tabular, horizon: usize) -> Result<f64> {
        let law = env.transitions();
        self.check(law)?;
        let mut values = vec![0.0; law.states()];
        for _ in 0..horizon {
            values = (0..law.states())
                .map(|state| backup(law.outcomes(state, self.actions[state]), 1.0, &values))
                .collect();
        }
        Ok(law.start().iter().zip(&values).map(|(p, v)| p * v).sum())
    }

    /// The exact mean of the discounted sum of rewards from every state, without a limit of
    /// steps; repeated until no value changes by more than `tolerance`.
    ///
    /// # Errors
    /// As [`Policy::expected_return`]; `Kind::Argument` for γ outside \[0, 1\] or values that do
    /// not settle, as without a discount they may not.
    pub fn evaluate(&self, env: &impl Tabular, gamma: f64, tolerance: f64) -> Result<Vec<f64>> {
        let law = env.transitions();
        self.check(law)?;
        settle(law, gamma, tolerance, |state, values| {
            backup(law.outcomes(state, self.actions[state]), gamma, values)
        })
        .map(|(values, _)| values)
    }

    fn check(&self, law: &Transitions) -> Result<()> {
        let fits = self.actions.iter().all(|&action| action < law.actions());
        if self.actions.len() != law.states() || !fits {
            let value = format!("for {} states", self.actions.len());
            return Err(Error::argument("policy", "actions", value, "the environment's"));
        }
        Ok(())
    }
}

/// The mean of reward and discounted value over outcomes.
pub(super) fn backup(outcomes: &[Outcome], gamma: f64, values: &[f64]) -> f64 {
    let worth = |o: &Outcome| {
        let follows = if o.terminated { 0.0 } else { gamma * values[o.next] };
        o.probability * (o.reward + follows)
    };
    outcomes.iter().map(worth).sum()
}

/// Passes after which values count as not settling.
const MOST_PASSES: usize = 1_000_000;

/// Renews all values until none changes much; also how often.
pub(super) fn settle(
    law: &Transitions,
    gamma: f64,
    tolerance: f64,
    renew: impl Fn(usize, &[f64]) -> f64,
) -> Result<(Vec<f64>, usize)> {
    if !(0.0..=1.0).contains(&gamma) {
        return Err(Error::argument("planning", "gamma", gamma, "within [0, 1]"));
    }
    let mut values = vec![0.0; law.states()];
    for pass in 1..=MOST_PASSES {
        let mut change = 0.0f64;
        for state in 0..law.states() {
            let new = renew(state, &values);
            change = change.max((new - values[state]).abs());
            values[state] = new;
        }
        if change <= tolerance {
            return Ok((values, pass));
        }
    }
    Err(Error::argument("planning", "gamma", gamma, "a discount with which values settle"))
}
