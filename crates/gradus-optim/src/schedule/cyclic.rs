//! Cyclical learning rates: up and down between two bounds.

use std::fmt;

use gradus_tensor::Result;

use super::{Moment, PerGroup, Schedule, require};

/// How the height of the cycles changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CyclicMode {
    /// It does not.
    #[default]
    Triangular,
    /// It halves with every cycle.
    Triangular2,
    /// It falls by gamma with every step.
    ExpRange,
}

/// What a scale function is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScaleMode {
    /// The number of the cycle, from 1.
    #[default]
    Cycle,
    /// The number of the step, from 0.
    Iterations,
}

/// A function of the caller's in place of a [`CyclicMode`].
type Scale = (Box<dyn Fn(f64) -> f64 + Send + Sync>, ScaleMode);

/// Lets the learning rate go up and down between two bounds, and the momentum down and up.
///
/// *Formula*: `lr = base_lr + (max_lr - base_lr) · height · scale`, the height going from 0 to 1 in
/// `step_size_up` steps and back in `step_size_down`.
///
/// *Source*: `torch.optim.lr_scheduler.CyclicLR`: same defaults; arXiv:1506.01186.
///
/// ```
/// use gradus_optim::{CyclicLr, preview};
/// let schedule = CyclicLr::new(1.0, 2.0).step_size_up(2);
/// assert_eq!(preview(&schedule, 0.1, 6)?, [1.0, 1.5, 2.0, 1.5, 1.0, 1.5]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub struct CyclicLr {
    base_lr: PerGroup,
    max_lr: PerGroup,
    step_size_up: f64,
    step_size_down: Option<f64>,
    mode: CyclicMode,
    gamma: f64,
    scale: Option<Scale>,
    cycle_momentum: bool,
    base_momentum: PerGroup,
    max_momentum: PerGroup,
}

impl fmt::Debug for CyclicLr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CyclicLr")
            .field("base_lr", &self.base_lr)
            .field("max_lr", &self.max_lr)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

impl CyclicLr {
    /// Between these bounds: one for all groups, or one each.
    pub fn new(base_lr: impl Into<PerGroup>, max_lr: impl Into<PerGroup>) -> Self {
        CyclicLr {
            base_lr: base_lr.into(),
            max_lr: max_lr.into(),
            step_size_up: 2000.0,
            step_size_down: None,
            mode: CyclicMode::Triangular,
            gamma: 1.0,
            scale: None,
            cycle_momentum: true,
            base_momentum: 0.8.into(),
            max_momentum: 0.9.into(),
        }
    }

    /// In how many steps the rate rises; 2000 unless set.
    #[must_use]
    pub fn step_size_up(mut self, step_size_up: u64) -> Self {
        self.step_size_up = step_size_up as f64;
        self
    }

    /// In how many steps the rate falls; as it rises unless set.
    #[must_use]
    pub fn step_size_down(mut self, step_size_down: u64) -> Self {
        self.step_size_down = Some(step_size_down as f64);
        self
    }

    /// How the height changes.
    #[must_use]
    pub fn mode(mut self, mode: CyclicMode) -> Self {
        self.mode = mode;
        self
    }

    /// The factor of [`CyclicMode::ExpRange`]; 1 unless set.
    #[must_use]
    pub fn gamma(mut self, gamma: f64) -> Self {
        self.gamma = gamma;
        self
    }

    /// A function that scales the height, in place of the mode.
    #[must_use]
    pub fn scale_fn(
        mut self,
        scale_fn: impl Fn(f64) -> f64 + Send + Sync + 'static,
        scale_mode: ScaleMode,
    ) -> Self {
        self.scale = Some((Box::new(scale_fn), scale_mode));
        self
    }

    /// Whether the momentum changes, too; on unless set.
    #[must_use]
    pub fn cycle_momentum(mut self, cycle_momentum: bool) -> Self {
        self.cycle_momentum = cycle_momentum;
        self
    }

    /// The momentum at the highest rate; 0.8 unless set.
    #[must_use]
    pub fn base_momentum(mut self, base_momentum: impl Into<PerGroup>) -> Self {
        self.base_momentum = base_momentum.into();
        self
    }

    /// The momentum at the lowest rate; 0.9 unless set.
    #[must_use]
    pub fn max_momentum(mut self, max_momentum: impl Into<PerGroup>) -> Self {
        self.max_momentum = max_momentum.into();
        self
    }

    /// The height above the base, 1 being the whole way to the other bound.
    fn height(&self, at: &Moment) -> (f64, f64) {
        let total = self.step_size_up + self.step_size_down.unwrap_or(self.step_size_up);
        let ratio = self.step_size_up / total;
        let cycle = (1.0 + at.t() / total).floor();
        let x = 1.0 + at.t() / total - cycle;
        let height = if x <= ratio { x / ratio } else { (x - 1.0) / (ratio - 1.0) };
        let scale = match (&self.scale, self.mode) {
            (Some((scale, ScaleMode::Cycle)), _) => scale(cycle),
            (Some((scale, ScaleMode::Iterations)), _) => scale(at.t()),
            (None, CyclicMode::Triangular) => 1.0,
            (None, CyclicMode::Triangular2) => 1.0 / 2f64.powf(cycle - 1.0),
            (None, CyclicMode::ExpRange) => self.gamma.powf(at.t()),
        };
        (height, scale)
    }
}

impl Schedule for CyclicLr {
    fn name(&self) -> &'static str {
        "CyclicLR"
    }

    fn check(&self, groups: usize) -> Result<()> {
        let op = self.name();
        require(op, "step_size_up", self.step_size_up, self.step_size_up > 0.0, "1 or more")?;
        self.base_lr.check(op, "base_lr", groups)?;
        self.max_lr.check(op, "max_lr", groups)?;
        self.base_momentum.check(op, "base_momentum", groups)?;
        self.max_momentum.check(op, "max_momentum", groups)
    }

    fn lr(&self, at: &Moment) -> Result<f64> {
        let (height, scale) = self.height(at);
        let base = self.base_lr.get(at.group);
        Ok(base + (self.max_lr.get(at.group) - base) * height * scale)
    }

    fn momentum(&self, at: &Moment) -> Result<Option<f64>> {
        if !self.cycle_momentum {
            return Ok(None);
        }
        let (height, scale) = self.height(at);
        let (low, high) = (self.base_momentum.get(at.group), self.max_momentum.get(at.group));
        Ok(Some(high - (high - low) * height * scale))
    }
}
