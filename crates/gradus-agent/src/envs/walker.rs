//! What the environments with a table of transitions share: a state, a stream, the last action.

use gradus_tensor::Result;

use super::table::{Outcome, Transitions};
use crate::env::{Info, no_action, not_reset};
use crate::rng::Pcg64;

/// Information of environments with a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probability {
    /// How likely what happened was.
    pub prob: f64,
}

impl Info for Probability {}

/// A position in a table of transitions.
#[derive(Clone, Debug)]
pub(super) struct Walker {
    pub(super) state: Option<usize>,
    pub(super) last_action: Option<usize>,
    pub(super) rng: Pcg64,
}

crate::persist! { Walker { state, last_action, rng } }

impl Walker {
    pub(super) fn new() -> Self {
        Walker { state: None, last_action: None, rng: Pcg64::new(0) }
    }

    pub(super) fn reset(&mut self, seed: Option<u64>, table: &Transitions) -> usize {
        if let Some(seed) = seed {
            self.rng = Pcg64::new(seed);
        }
        let state = table.draw_start(&mut self.rng);
        (self.state, self.last_action) = (Some(state), None);
        state
    }

    #[inline]
    pub(super) fn step<'t>(
        &mut self,
        op: &'static str,
        action: i64,
        table: &'t Transitions,
    ) -> Result<&'t Outcome> {
        let Some(state) = self.state else { return Err(not_reset(op)) };
        let Some(index) = usize::try_from(action).ok().filter(|&a| a < table.actions()) else {
            return Err(no_action(op, action));
        };
        let outcome = table.draw(state, index, &mut self.rng);
        (self.state, self.last_action) = (Some(outcome.next), Some(index));
        Ok(outcome)
    }
}
