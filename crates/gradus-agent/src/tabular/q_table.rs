//! The table.

use crate::persist;
use crate::rng::Pcg64;

use super::Policy;

/// The value of every action in every state.
///
/// ```
/// use gradus_agent::tabular::QTable;
/// let mut q = QTable::new(2, 3, 0.0);
/// q.set(0, 1, 0.5);
/// assert_eq!((q.row(0), q.best(0), q.max(0)), ([0.0, 0.5, 0.0].as_slice(), 1, 0.5));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct QTable {
    actions: usize,
    values: Vec<f64>,
}

persist! { QTable { actions, values } }

impl QTable {
    /// All values the same. A value above what can be reached makes an agent curious.
    pub fn new(states: usize, actions: usize, value: f64) -> Self {
        QTable { actions: actions.max(1), values: vec![value; states * actions.max(1)] }
    }

    /// Number of states.
    pub fn states(&self) -> usize {
        self.values.len() / self.actions
    }

    /// Number of actions.
    pub fn actions(&self) -> usize {
        self.actions
    }

    /// The values of all actions in a state; of states outside the table none.
    #[inline]
    pub fn row(&self, state: usize) -> &[f64] {
        self.values.get(state * self.actions..(state + 1) * self.actions).unwrap_or_default()
    }

    /// A value; 0 outside the table.
    #[inline]
    pub fn get(&self, state: usize, action: usize) -> f64 {
        self.row(state).get(action).copied().unwrap_or_default()
    }

    /// Changes a value inside the table.
    #[inline]
    pub fn set(&mut self, state: usize, action: usize, value: f64) {
        if action < self.actions
            && let Some(slot) = self.values.get_mut(state * self.actions + action)
        {
            *slot = value;
        }
    }

    /// The largest value in a state.
    #[inline]
    pub fn max(&self, state: usize) -> f64 {
        self.row(state).iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// The largest value among allowed actions; of all, where none is.
    pub fn max_allowed(&self, state: usize, mask: Option<&[bool]>) -> f64 {
        let Some(mask) = mask else { return self.max(state) };
        let allowed = self.row(state).iter().zip(mask).filter(|(_, allowed)| **allowed);
        let max = allowed.map(|(value, _)| *value).fold(f64::NEG_INFINITY, f64::max);
        if max == f64::NEG_INFINITY { self.max(state) } else { max }
    }

    /// The best action in a state, the first of equals.
    pub fn best(&self, state: usize) -> usize {
        first_best(self.row(state), None)
    }

    /// The best action for every state, the first of equals.
    pub fn greedy(&self) -> Policy {
        Policy::new((0..self.states()).map(|state| self.best(state)).collect())
    }

    /// All values, states one after another.
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

/// The place of the largest value that the mask allows, the first of equals; of all, where none
/// is.
pub(crate) fn first_best(values: &[f64], mask: Option<&[bool]>) -> usize {
    let allowed = |i: usize| mask.is_none_or(|mask| mask.get(i).copied().unwrap_or(false));
    let mut best = None;
    for (i, value) in values.iter().enumerate().filter(|(i, _)| allowed(*i)) {
        if best.is_none_or(|b: usize| *value > values[b]) {
            best = Some(i);
        }
    }
    best.unwrap_or_else(|| if mask.is_some() { first_best(values, None) } else { 0 })
}

/// The place of the largest value that the mask allows; among equals one at random.
#[inline]
pub(crate) fn random_best(values: &[f64], mask: Option<&[bool]>, rng: &mut Pcg64) -> usize {
    let allowed = |i: usize| mask.is_none_or(|mask| mask.get(i).copied().unwrap_or(false));
    let (mut best, mut equals) = (None, 0u64);
    for (i, value) in values.iter().enumerate().filter(|(i, _)| allowed(*i)) {
        match best {
            Some(b) if *value < values[b] => {}
            Some(b) if *value == values[b] => {
                // Of n equals each is kept with probability 1/n.
                equals += 1;
                if rng.below(equals) == 0 {
                    best = Some(i);
                }
            }
            _ => (best, equals) = (Some(i), 1),
        }
    }
    best.unwrap_or_else(|| first_best(values, None))
}
