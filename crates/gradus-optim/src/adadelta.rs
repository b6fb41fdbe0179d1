//! Adadelta: steps as long as earlier ones, in the units of the parameters.

use gradus_autodiff::Tensor;

use crate::engine::Engine;
use crate::flat::Flat;
use crate::group::ParamGroup;
use crate::rule::{Domain, Rule, Setting, StepContext};

/// Adadelta (arXiv:1212.5701): no learning rate to choose, 1 leaves the step as it is.
///
/// *Formula*: `g += weight_decay · p`; `v = rho · v + (1 - rho) · g²`;
/// `d = √(a + eps) / √(v + eps) · g`; `a = rho · a + (1 - rho) · d²`; `p -= lr · d`.
///
/// *Source*: `torch.optim.Adadelta`: same defaults, same order of operations.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::{Adadelta, Optimizer};
/// let w = Tensor::from_vec(vec![1.0f32], [1])?.requires_grad_(true);
/// let mut optimizer = Adadelta::new([&w], 1.0).eps(1e-4);
/// w.mul(2.0)?.sum_all()?.backward()?;
/// optimizer.step()?; // v = 0.4, a = 0
/// assert!((w.item()? - (1.0 - 2.0 * (1e-4f64 / 0.4001).sqrt())).abs() < 1e-6);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
pub type Adadelta = Engine<AdadeltaRule>;

/// The formula of [`Adadelta`].
#[derive(Clone, Copy, Debug)]
pub struct AdadeltaRule;

impl Rule for AdadeltaRule {
    fn name(&self) -> &'static str {
        "adadelta"
    }

    fn settings(&self) -> &'static [Setting] {
        const SETTINGS: &[Setting] = &[
            Setting::new("lr", 1.0, Domain::NonNegative),
            Setting::new("rho", 0.9, Domain::Unit),
            Setting::new("eps", 1e-6, Domain::NonNegative),
            Setting::new("weight_decay", 0.0, Domain::NonNegative),
            Setting::MAXIMIZE,
        ];
        SETTINGS
    }

    fn states(&self, _: &ParamGroup) -> &'static [&'static str] {
        &["square_avg", "acc_delta"]
    }

    fn update(&self, cx: &StepContext<'_>, p: &Flat, g: &Flat, states: &[Flat]) -> Vec<Flat> {
        let (rho, eps) = (cx.get("rho"), cx.get("eps"));
        let g = cx.l2(p, g);
        let square = &states[0] * rho + g.square() * (1.0 - rho);
        let delta = (&states[1] + eps).sqrt() / (&square + eps).sqrt() * g;
        let length = &states[1] * rho + delta.square() * (1.0 - rho);
        vec![p - delta * cx.get("lr"), square, length]
    }
}

impl Engine<AdadeltaRule> {
    /// Descends on `params` with learning rate `lr`, PyTorch's default being 1.
    pub fn new<P: Into<Tensor>>(params: impl IntoIterator<Item = P>, lr: f64) -> Self {
        Adadelta::groups(vec![ParamGroup::new(params)], lr)
    }

    /// As [`Adadelta::new`], for groups with options of their own.
    pub fn groups(groups: Vec<ParamGroup>, lr: f64) -> Self {
        Engine::with_rule(AdadeltaRule, groups).with("lr", lr)
    }

    /// How slowly both averages forget; 0.9 unless set.
    #[must_use]
    pub fn rho(self, rho: f64) -> Self {
        self.with("rho", rho)
    }

    /// Added under both roots; 1e-6 unless set.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        self.with("eps", eps)
    }
}
