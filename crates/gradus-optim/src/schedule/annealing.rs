//! Annealing from one value to another, and to the rate of weight averaging.

use std::f64::consts::PI;

use gradus_tensor::Result;

use super::{Moment, PerGroup, Schedule};

/// The way from one value to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anneal {
    /// Along a half cosine.
    #[default]
    Cos,
    /// Along a straight line.
    Linear,
}

impl Anneal {
    /// The value after the share `part` of the way.
    pub(super) fn between(self, start: f64, end: f64, part: f64) -> f64 {
        match self {
            Anneal::Cos => end + (start - end) / 2.0 * ((PI * part).cos() + 1.0),
            Anneal::Linear => (end - start) * part + start,
        }
    }

    /// How much of the end there is after the share `part` of the way.
    fn share(self, part: f64) -> f64 {
        match self {
            Anneal::Cos => (1.0 - (PI * part).cos()) / 2.0,
            Anneal::Linear => part,
        }
    }
}

/// Anneals every group's learning rate to a fixed one, with which weights are averaged.
///
/// *Formula*: `lr = α swa_lr + (1 - α) lr₀`, α going from 0 to 1 in `anneal_epochs` steps.
///
/// *Source*: `torch.optim.swa_utils.SWALR`; 10 steps along a cosine unless set.
///
/// ```
/// use gradus_optim::{Anneal, SwaLr, preview};
/// let schedule = SwaLr::new(0.5).anneal_epochs(2).anneal_strategy(Anneal::Linear);
/// assert_eq!(preview(&schedule, 1.0, 4)?, [1.0, 0.75, 0.5, 0.5]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SwaLr {
    swa_lr: PerGroup,
    anneal_epochs: u64,
    strategy: Anneal,
}

impl SwaLr {
    /// Ends at `swa_lr`: one for all groups, or one each.
    pub fn new(swa_lr: impl Into<PerGroup>) -> Self {
        SwaLr { swa_lr: swa_lr.into(), anneal_epochs: 10, strategy: Anneal::Cos }
    }

    /// How many steps it takes.
    #[must_use]
    pub fn anneal_epochs(mut self, anneal_epochs: u64) -> Self {
        self.anneal_epochs = anneal_epochs;
        self
    }

    /// The way.
    #[must_use]
    pub fn anneal_strategy(mut self, strategy: Anneal) -> Self {
        self.strategy = strategy;
        self
    }
}

impl Schedule for SwaLr {
    fn name(&self) -> &'static str {
        "SWALR"
    }

    fn check(&self, groups: usize) -> Result<()> {
        self.swa_lr.check(self.name(), "swa_lr", groups)
    }

    fn lr(&self, at: &Moment) -> Result<f64> {
        let end = self.swa_lr.get(at.group);
        let step = if self.anneal_epochs == 0 { at.t().max(1.0) } else { at.t() };
        let share = |step: f64| {
            let part = step / self.anneal_epochs.max(1) as f64;
            self.strategy.share(part.clamp(0.0, 1.0))
        };
        let (before, now) = (share(step - 1.0), share(step));
        let start = if before == 1.0 { end } else { (at.lr - before * end) / (1.0 - before) };
        Ok(end * now + start * (1.0 - now))
    }
}
