//! `ReduceLrOnPlateau`: lowers the learning rate when a metric stops improving.

use gradus_tensor::{Error, Result};

use super::scheduler::{get, get_list, made_by, put, put_list, rates};
use super::{PerGroup, require};
use crate::optimizer::{Optimizer, StateDict};

const NAME: &str = "ReduceLROnPlateau";

/// Which metrics are better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlateauMode {
    /// Smaller ones, such as losses.
    #[default]
    Min,
    /// Larger ones, such as accuracies.
    Max,
}

/// What the threshold is a part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThresholdMode {
    /// The best metric.
    #[default]
    Rel,
    /// Nothing: it is the improvement itself.
    Abs,
}

/// Multiplies the learning rate by `factor` once a metric has not improved for more than
/// `patience` steps.
///
/// *Source*: `torch.optim.lr_scheduler.ReduceLROnPlateau`: same defaults.
///
/// ```
/// use gradus_autodiff::{Device, Tensor};
/// use gradus_optim::{ReduceLrOnPlateau, Sgd};
/// let w = Tensor::zeros(3, &Device::cpu()).requires_grad_(true);
/// let mut optimizer = Sgd::new([&w], 1.0);
/// let mut scheduler = ReduceLrOnPlateau::new(&optimizer).factor(0.5).patience(1);
/// for loss in [3.0, 2.0, 2.0, 2.0] {
///     scheduler.step(&mut optimizer, loss)?;
/// }
/// assert_eq!(scheduler.get_last_lr(), [0.5]);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ReduceLrOnPlateau {
    mode: PlateauMode,
    factor: f64,
    patience: u64,
    threshold: f64,
    threshold_mode: ThresholdMode,
    cooldown: u64,
    min_lr: PerGroup,
    eps: f64,
    progress: Progress,
    last_lr: Vec<f64>,
}

/// How the metric has been doing.
#[derive(Clone, Copy, Debug)]
struct Progress {
    /// None before the first metric that is a number.
    best: Option<f64>,
    num_bad_epochs: u64,
    cooldown_counter: u64,
    last_epoch: u64,
}

impl ReduceLrOnPlateau {
    /// For this optimizer, with PyTorch's defaults: factor 0.1, patience 10, threshold 1e-4 of the
    /// best metric, the smaller the better.
    pub fn new(optimizer: &dyn Optimizer) -> Self {
        let progress =
            Progress { best: None, num_bad_epochs: 0, cooldown_counter: 0, last_epoch: 0 };
        ReduceLrOnPlateau {
            mode: PlateauMode::Min,
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            threshold_mode: ThresholdMode::Rel,
            cooldown: 0,
            min_lr: 0.0.into(),
            eps: 1e-8,
            progress,
            last_lr: rates(optimizer),
        }
    }

    /// Which metrics are better.
    #[must_use]
    pub fn mode(mut self, mode: PlateauMode) -> Self {
        self.mode = mode;
        self
    }

    /// By what rates are multiplied; less than 1.
    #[must_use]
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// How many steps without improvement are forgiven.
    #[must_use]
    pub fn patience(mut self, patience: u64) -> Self {
        self.patience = patience;
        self
    }

    /// By how much a metric must be better than the best to count.
    #[must_use]
    pub fn threshold(mut self, threshold: f64, mode: ThresholdMode) -> Self {
        (self.threshold, self.threshold_mode) = (threshold, mode);
        self
    }

    /// How many steps after a reduction are not counted.
    #[must_use]
    pub fn cooldown(mut self, cooldown: u64) -> Self {
        self.cooldown = cooldown;
        self
    }

    /// The lowest rate: one for all groups, or one each.
    #[must_use]
    pub fn min_lr(mut self, min_lr: impl Into<PerGroup>) -> Self {
        self.min_lr = min_lr.into();
        self
    }

    /// The smallest reduction that is made.
    #[must_use]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    /// Takes note of a metric and reduces the rates when it is time.
    ///
    /// # Errors
    /// `Kind::Argument` for a factor of 1 or more, and unless there is one `min_lr` or one a
    /// group. Then nothing has changed.
    pub fn step(&mut self, optimizer: &mut dyn Optimizer, metric: f64) -> Result<()> {
        require(NAME, "factor", self.factor, self.factor < 1.0, "less than 1")?;
        self.min_lr.check(NAME, "min_lr", optimizer.param_groups().len())?;
        let progress = &mut self.progress;
        progress.last_epoch += 1;
        if better(metric, progress.best, self.mode, self.threshold, self.threshold_mode) {
            (progress.best, progress.num_bad_epochs) = (Some(metric), 0);
        } else {
            progress.num_bad_epochs += 1;
        }
        if progress.cooldown_counter > 0 {
            progress.cooldown_counter -= 1;
            progress.num_bad_epochs = 0;
        }
        if progress.num_bad_epochs > self.patience {
            for (i, group) in optimizer.param_groups_mut().iter_mut().enumerate() {
                let old = group.get("lr").unwrap_or(f64::NAN);
                let new = (old * self.factor).max(self.min_lr.get(i));
                if old - new > self.eps {
                    group.set("lr", new);
                }
            }
            progress.cooldown_counter = self.cooldown;
            progress.num_bad_epochs = 0;
        }
        self.last_lr = rates(optimizer);
        Ok(())
    }

    /// The learning rates set last, one a group.
    pub fn get_last_lr(&self) -> &[f64] {
        &self.last_lr
    }

    /// The best metric so far.
    pub fn best(&self) -> Option<f64> {
        self.progress.best
    }

    /// What the scheduler remembers; its options are not part of it.
    pub fn state_dict(&self) -> StateDict {
        let mut state = StateDict::default();
        put(&mut state, "scheduler", &NAME);
        put(&mut state, "last_epoch", &self.progress.last_epoch);
        put(&mut state, "best", &self.progress.best.unwrap_or(self.worst()));
        put(&mut state, "num_bad_epochs", &self.progress.num_bad_epochs);
        put(&mut state, "cooldown_counter", &self.progress.cooldown_counter);
        put_list(&mut state, "_last_lr", &self.last_lr);
        state
    }

    /// Goes on where the scheduler that made `state` was.
    ///
    /// # Errors
    /// As [`LrScheduler::load_state_dict`](crate::LrScheduler::load_state_dict).
    pub fn load_state_dict(&mut self, state: &StateDict) -> Result<()> {
        made_by(state, NAME)?;
        let best: f64 = get(state, "best")?;
        if best.is_nan() {
            return Err(Error::argument("load_state_dict", "best", best, "a number"));
        }
        let progress = Progress {
            best: (best != self.worst()).then_some(best),
            num_bad_epochs: get(state, "num_bad_epochs")?,
            cooldown_counter: get(state, "cooldown_counter")?,
            last_epoch: get(state, "last_epoch")?,
        };
        self.last_lr = get_list(state, "_last_lr", self.last_lr.len())?;
        self.progress = progress;
        Ok(())
    }

    fn worst(&self) -> f64 {
        match self.mode {
            PlateauMode::Min => f64::INFINITY,
            PlateauMode::Max => f64::NEG_INFINITY,
        }
    }
}

/// Whether a metric is better than the best by the threshold.
fn better(
    metric: f64,
    best: Option<f64>,
    mode: PlateauMode,
    threshold: f64,
    threshold_mode: ThresholdMode,
) -> bool {
    match (mode, threshold_mode, best) {
        (PlateauMode::Min, _, None) => metric < f64::INFINITY,
        (PlateauMode::Max, _, None) => metric > f64::NEG_INFINITY,
        (PlateauMode::Min, ThresholdMode::Rel, Some(best)) => metric < best * (1.0 - threshold),
        (PlateauMode::Min, ThresholdMode::Abs, Some(best)) => metric < best - threshold,
        (PlateauMode::Max, ThresholdMode::Rel, Some(best)) => metric > best * (1.0 + threshold),
        (PlateauMode::Max, ThresholdMode::Abs, Some(best)) => metric > best + threshold,
    }
}
