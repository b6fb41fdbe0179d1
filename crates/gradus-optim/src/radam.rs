//! RAdam: Adam that begins without its denominator.

use gradus_autodiff::Tensor;

use crate::engine::Engine;
use crate::flat::Flat;
use crate::group::ParamGroup;
use crate::rule::{Domain, Rule, Setting, StepContext};

/// RAdam (arXiv:1908.03265): Adam's denominator is left out while too few gradients support it, and
/// its variance corrected afterwards.
///
/// *Formula*: m and v as [`Adam`](crate::Adam)'s; `ρ∞ = 2 / (1 - β₂) - 1`;
/// `ρ = ρ∞ - 2 t β₂ᵗ / (1 - β₂ᵗ)`; where ρ > 5,
/// `r = √((ρ - 4)(ρ - 2) ρ∞ / ((ρ∞ - 4)(ρ∞ - 2) ρ))` and
/// `p -= lr · m / (1 - β₁ᵗ) · r · √(1 - β₂ᵗ) / (√v + eps)`; else `p -= lr · m / (1 - β₁ᵗ)`.
///
/// *Source*: `torch.optim.RAdam`: same defaults, same order of operations.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::{RAdam, Optimizer};
/// let w = Tensor::from_vec(vec![1.0f32], [1])?.requires_grad_(true);
/// let mut optimizer = RAdam::new([&w], 0.1);
/// w.mul(3.0)?.sum_all()?.backward()?;
/// optimizer.step()?; // the first steps are as long as the gradient
/// assert!((w.item()? - 0.7).abs() < 1e-6);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
pub type RAdam = Engine<RAdamRule>;

/// The formula of [`RAdam`].
#[derive(Clone, Copy, Debug)]
pub struct RAdamRule;

impl Rule for RAdamRule {
    fn name(&self) -> &'static str {
        "radam"
    }

    fn settings(&self) -> &'static [Setting] {
        const SETTINGS: &[Setting] = &[
            Setting::new("lr", 1e-3, Domain::NonNegative),
            Setting::new("beta1", 0.9, Domain::Fraction),
            Setting::new("beta2", 0.999, Domain::Fraction),
            Setting::new("eps", 1e-8, Domain::NonNegative),
            Setting::new("weight_decay", 0.0, Domain::NonNegative),
            Setting::new("decoupled_weight_decay", 0.0, Domain::Flag),
            Setting::MAXIMIZE,
        ];
        SETTINGS
    }

    fn states(&self, _: &ParamGroup) -> &'static [&'static str] {
        &["exp_avg", "exp_avg_sq"]
    }

    fn update(&self, cx: &StepContext<'_>, p: &Flat, g: &Flat, states: &[Flat]) -> Vec<Flat> {
        let (beta1, beta2, t) = (cx.get("beta1"), cx.get("beta2"), cx.step());
        let (p, g) = cx.decay(p, g);
        let m = states[0].lerp(&g, 1.0 - beta1);
        let v = &states[1] * beta2 + g.square() * (1.0 - beta2);

        let step_size = cx.get("lr") / (1.0 - beta1.powf(t));
        let correction = 1.0 - beta2.powf(t);
        let longest = 2.0 / (1.0 - beta2) - 1.0;
        let length = longest - 2.0 * t * beta2.powf(t) / correction;
        let p = if length > 5.0 {
            let rectified = (length - 4.0) * (length - 2.0) * longest;
            let rectified = rectified / ((longest - 4.0) * (longest - 2.0) * length);
            let factor = step_size * (rectified * correction).sqrt();
            p - &m * factor / (v.sqrt() + cx.get("eps"))
        } else {
            p - &m * step_size
        };
        vec![p, m, v]
    }
}

impl Engine<RAdamRule> {
    /// Descends on `params` with learning rate `lr`, PyTorch's default being 1e-3.
    pub fn new<P: Into<Tensor>>(params: impl IntoIterator<Item = P>, lr: f64) -> Self {
        RAdam::groups(vec![ParamGroup::new(params)], lr)
    }

    /// As [`RAdam::new`], for groups with options of their own.
    pub fn groups(groups: Vec<ParamGroup>, lr: f64) -> Self {
        Engine::with_rule(RAdamRule, groups).with("lr", lr)
    }

    /// How slowly the averages of the gradient and of its square forget; 0.9 and 0.999
    /// unless set.
    #[must_use]
    pub fn betas(self, beta1: f64, beta2: f64) -> Self {
        self.with("beta1", beta1).with("beta2", beta2)
    }

    /// Added to the denominator; 1e-8 unless set.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        self.with("eps", eps)
    }

    /// Whether weight decay shrinks the parameters apart from the gradient, as AdamW's.
    #[must_use]
    pub fn decoupled_weight_decay(self, decoupled: bool) -> Self {
        self.with("decoupled_weight_decay", f64::from(decoupled))
    }
}
