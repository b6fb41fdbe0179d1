//! `LrFinder`: tries growing learning rates to find one to begin with.

use gradus_autodiff::Tensor;
use gradus_tensor::{Error, Result};

use crate::optimizer::Optimizer;

const OP: &str = "lr_finder";

/// Trains with growing learning rates until the loss explodes, and puts everything back.
///
/// *Formula*: `lrᵢ = start_lr · (end_lr / start_lr)^(i / (num_iter - 1))`; losses are smoothed by
/// a running average, corrected as Adam's, and the search ends where it is `diverge_factor` times
/// the best.
///
/// *Source*: Smith, arXiv:1506.01186, section 3.3, as in fastai.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::{LrFinder, Sgd};
/// let w = Tensor::from_vec(vec![1.0f32], [1])?.requires_grad_(true);
/// let mut optimizer = Sgd::new([&w], 0.3);
/// let curve = LrFinder::default().range(1e-3, 10.0).run(&mut optimizer, || {
///     w.square()?.sum_all() // w is a minimum away; steps above 1 explode
/// })?;
/// let lr = curve.suggestion().expect("a descent");
/// assert!(lr > 1e-3 && lr < 1.0, "{lr}");
/// assert_eq!(w.item()?, 1.0);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LrFinder {
    start_lr: f64,
    end_lr: f64,
    num_iter: usize,
    diverge_factor: f64,
    smoothing: f64,
}

impl Default for LrFinder {
    fn default() -> Self {
        LrFinder {
            start_lr: 1e-7,
            end_lr: 10.0,
            num_iter: 100,
            diverge_factor: 4.0,
            smoothing: 0.9,
        }
    }
}

impl LrFinder {
    /// The first and the last rate; 1e-7 and 10 unless set.
    #[must_use]
    pub fn range(mut self, start_lr: f64, end_lr: f64) -> Self {
        (self.start_lr, self.end_lr) = (start_lr, end_lr);
        self
    }

    /// How many rates are tried; 100 unless set.
    #[must_use]
    pub fn num_iter(mut self, num_iter: usize) -> Self {
        self.num_iter = num_iter;
        self
    }

    /// How many times the best loss is too much; 4 unless set.
    #[must_use]
    pub fn diverge_factor(mut self, diverge_factor: f64) -> Self {
        self.diverge_factor = diverge_factor;
        self
    }

    /// How slowly the running average of losses forgets; 0.9 unless set.
    #[must_use]
    pub fn smoothing(mut self, smoothing: f64) -> Self {
        self.smoothing = smoothing;
        self
    }

    /// Tries the rates. The closure computes the loss of the next batch; its gradient and the
    /// optimizer's step are taken here. Afterwards parameters, gradients, and the optimizer's
    /// states and options are as before, even after an error; buffers of the model, such as
    /// running estimates, are the caller's.
    ///
    /// # Errors
    /// `Kind::Argument` for options that are wrong; what the closure and the optimizer report.
    pub fn run(
        &self,
        optimizer: &mut dyn Optimizer,
        mut loss: impl FnMut() -> Result<Tensor>,
    ) -> Result<LrCurve> {
        let wrong = |name, value: f64, expected| Err(Error::argument(OP, name, value, expected));
        if !(self.start_lr > 0.0 && self.start_lr < self.end_lr) {
            return wrong("start_lr", self.start_lr, "more than 0 and less than `end_lr`");
        }
        if self.num_iter < 2 {
            return wrong("num_iter", self.num_iter as f64, "2 or more");
        }
        if !(0.0..1.0).contains(&self.smoothing) {
            return wrong("smoothing", self.smoothing, "in [0, 1)");
        }
        let state = optimizer.state_dict()?;
        let groups = optimizer.param_groups().iter();
        let params: Vec<Tensor> = groups.flat_map(|group| group.params().to_vec()).collect();
        let before: Vec<(Tensor, Option<Tensor>)> =
            params.iter().map(|p| (p.detach(), p.grad())).collect();

        let curve = self.search(optimizer, &mut loss);
        for (param, (value, grad)) in params.iter().zip(before) {
            param.set_value(&value)?;
            param.set_grad(grad);
        }
        optimizer.load_state_dict(&state)?;
        curve
    }

    fn search(
        &self,
        optimizer: &mut dyn Optimizer,
        loss: &mut impl FnMut() -> Result<Tensor>,
    ) -> Result<LrCurve> {
        let mut curve = LrCurve::default();
        let (mut average, mut best) = (0.0, f64::INFINITY);
        for i in 0..self.num_iter {
            let part = i as f64 / (self.num_iter - 1) as f64;
            let lr = self.start_lr * (self.end_lr / self.start_lr).powf(part);
            for group in optimizer.param_groups_mut() {
                group.set("lr", lr);
            }
            optimizer.zero_grad();
            let value = loss()?;
            value.backward()?;
            optimizer.step()?;
            let value = value.item()?;
            average = self.smoothing * average + (1.0 - self.smoothing) * value;
            let smooth = average / (1.0 - self.smoothing.powf(i as f64 + 1.0));
            if !smooth.is_finite() {
                break;
            }
            curve.lrs.push(lr);
            curve.losses.push(value);
            curve.smoothed.push(smooth);
            if i > 0 && smooth > self.diverge_factor * best {
                break;
            }
            best = best.min(smooth);
        }
        Ok(curve)
    }
}

/// Losses by learning rate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LrCurve {
    /// The rates that were tried.
    pub lrs: Vec<f64>,
    /// The loss that each rate began with.
    pub losses: Vec<f64>,
    /// The running average of the losses.
    pub smoothed: Vec<f64>,
}

impl LrCurve {
    /// Pairs of rate and loss.
    pub fn points(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.lrs.iter().copied().zip(self.losses.iter().copied())
    }

    /// The rate at which the smoothed loss falls fastest, by the logarithm of the rate; `None` if
    /// it never falls.
    pub fn suggestion(&self) -> Option<f64> {
        let slope = |i: usize| {
            let width = self.lrs[i + 1].ln() - self.lrs[i - 1].ln();
            ((self.smoothed[i + 1] - self.smoothed[i - 1]) / width, self.lrs[i])
        };
        let inner = 1..self.lrs.len().saturating_sub(1);
        let steepest = inner.map(slope).min_by(|a, b| a.0.total_cmp(&b.0));
        steepest.filter(|(slope, _)| *slope < 0.0).map(|(_, lr)| lr)
    }
}
