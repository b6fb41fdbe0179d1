//! The 1cycle policy: one rise to a high rate, then a long fall.

use gradus_tensor::{Error, Result};

use super::{Anneal, Moment, PerGroup, Schedule, require};

/// Rises to `max_lr` and falls far below the start, while the momentum does the opposite.
///
/// *Formula*: from `max_lr / div_factor` to `max_lr` in `pct_start · total_steps - 1` steps, then
/// to `max_lr / div_factor / final_div_factor` at the last one; with three phases back to the
/// start first, in as many steps as the rise took.
///
/// *Source*: `torch.optim.lr_scheduler.OneCycleLR`: same defaults; arXiv:1708.07120.
///
/// ```
/// use gradus_optim::{Anneal, OneCycleLr, preview};
/// let schedule = OneCycleLr::new(1.0, 6)
///     .pct_start(0.5)
///     .div_factor(2.0)
///     .final_div_factor(1e4)
///     .anneal_strategy(Anneal::Linear);
/// let rates = preview(&schedule, 0.1, 6)?;
/// assert_eq!(rates[..3], [0.5, 0.75, 1.0]);
/// assert!((rates[5] - 0.5e-4).abs() < 1e-12);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct OneCycleLr {
    max_lr: PerGroup,
    total_steps: u64,
    pct_start: f64,
    strategy: Anneal,
    cycle_momentum: bool,
    base_momentum: PerGroup,
    max_momentum: PerGroup,
    div_factor: f64,
    final_div_factor: f64,
    three_phase: bool,
}

/// Rates and momenta that phases begin and end with.
struct Ends {
    initial: f64,
    max: f64,
    min: f64,
}

impl OneCycleLr {
    /// One cycle of `total_steps` steps up to `max_lr`: one for all groups, or one each. PyTorch's
    /// `epochs` and `steps_per_epoch` are factors of `total_steps`.
    pub fn new(max_lr: impl Into<PerGroup>, total_steps: u64) -> Self {
        OneCycleLr {
            max_lr: max_lr.into(),
            total_steps,
            pct_start: 0.3,
            strategy: Anneal::Cos,
            cycle_momentum: true,
            base_momentum: 0.85.into(),
            max_momentum: 0.95.into(),
            div_factor: 25.0,
            final_div_factor: 1e4,
            three_phase: false,
        }
    }

    /// The share of steps in which the rate rises; 0.3 unless set.
    #[must_use]
    pub fn pct_start(mut self, pct_start: f64) -> Self {
        self.pct_start = pct_start;
        self
    }

    /// The way up and down; a cosine unless set.
    #[must_use]
    pub fn anneal_strategy(mut self, strategy: Anneal) -> Self {
        self.strategy = strategy;
        self
    }

    /// Whether the momentum changes, too; on unless set.
    #[must_use]
    pub fn cycle_momentum(mut self, cycle_momentum: bool) -> Self {
        self.cycle_momentum = cycle_momentum;
        self
    }

    /// The momentum at the highest rate; 0.85 unless set.
    #[must_use]
    pub fn base_momentum(mut self, base_momentum: impl Into<PerGroup>) -> Self {
        self.base_momentum = base_momentum.into();
        self
    }

    /// The momentum at the beginning and the end; 0.95 unless set.
    #[must_use]
    pub fn max_momentum(mut self, max_momentum: impl Into<PerGroup>) -> Self {
        self.max_momentum = max_momentum.into();
        self
    }

    /// How many times the highest rate is the first one; 25 unless set.
    #[must_use]
    pub fn div_factor(mut self, div_factor: f64) -> Self {
        self.div_factor = div_factor;
        self
    }

    /// How many times the first rate is the last one; 1e4 unless set.
    #[must_use]
    pub fn final_div_factor(mut self, final_div_factor: f64) -> Self {
        self.final_div_factor = final_div_factor;
        self
    }

    /// Whether the rate falls back to its start before it falls to its end; off unless set.
    #[must_use]
    pub fn three_phase(mut self, three_phase: bool) -> Self {
        self.three_phase = three_phase;
        self
    }

    fn value(&self, at: &Moment, ends: &Ends) -> Result<f64> {
        let (t, total) = (at.t(), self.total_steps as f64);
        if at.step > self.total_steps {
            let expected = "no more steps than `total_steps`";
            return Err(Error::argument(self.name(), "step", at.step, expected));
        }
        let Ends { initial, max, min } = *ends;
        let rise = self.pct_start * total - 1.0;
        let fall = 2.0 * self.pct_start * total - 2.0;
        let phases: &[(f64, f64, f64)] = if self.three_phase {
            &[(rise, initial, max), (fall, max, initial), (total - 1.0, initial, min)]
        } else {
            &[(rise, initial, max), (total - 1.0, max, min)]
        };
        let mut begin = 0.0;
        for (i, &(end, from, to)) in phases.iter().enumerate() {
            if t <= end || i + 1 == phases.len() {
                return Ok(self.strategy.between(from, to, (t - begin) / (end - begin)));
            }
            begin = end;
        }
        Ok(min)
    }
}

impl Schedule for OneCycleLr {
    fn name(&self) -> &'static str {
        "OneCycleLR"
    }

    fn check(&self, groups: usize) -> Result<()> {
        let op = self.name();
        let total = self.total_steps as f64;
        require(op, "total_steps", total, self.total_steps > 0, "1 or more")?;
        let holds = (0.0..=1.0).contains(&self.pct_start);
        require(op, "pct_start", self.pct_start, holds, "in [0, 1]")?;
        self.max_lr.check(op, "max_lr", groups)?;
        self.base_momentum.check(op, "base_momentum", groups)?;
        self.max_momentum.check(op, "max_momentum", groups)
    }

    fn lr(&self, at: &Moment) -> Result<f64> {
        let max = self.max_lr.get(at.group);
        let initial = max / self.div_factor;
        self.value(at, &Ends { initial, max, min: initial / self.final_div_factor })
    }

    fn momentum(&self, at: &Moment) -> Result<Option<f64>> {
        if !self.cycle_momentum {
            return Ok(None);
        }
        // High where the rate is low.
        let high = self.max_momentum.get(at.group);
        let ends = Ends { initial: high, max: self.base_momentum.get(at.group), min: high };
        self.value(at, &ends).map(Some)
    }
}
