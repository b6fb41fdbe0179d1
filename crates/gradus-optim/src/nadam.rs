//! NAdam: Adam that looks one step ahead.

use gradus_autodiff::Tensor;

use crate::engine::Engine;
use crate::flat::Flat;
use crate::group::ParamGroup;
use crate::rule::{Domain, Rule, Setting, StepContext};

/// NAdam (Dozat 2016): Adam with Nesterov's momentum.
///
/// *Formula*: `μₜ = β₁ (1 - ½ · 0.96^(t · momentum_decay))`; `Πₜ = μ₁ μ₂ … μₜ`; m and v as
/// [`Adam`](crate::Adam)'s;
/// `p -= lr · ((1 - μₜ) / (1 - Πₜ) · g + μₜ₊₁ / (1 - Πₜ₊₁) · m) / (√(v / (1 - β₂ᵗ)) + eps)`.
///
/// *Source*: `torch.optim.NAdam`: same defaults, same order of operations. The product is kept in
/// double precision, PyTorch's in single.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::{NAdam, Optimizer};
/// let w = Tensor::from_vec(vec![1.0f32], [1])?.requires_grad_(true);
/// let mut optimizer = NAdam::new([&w], 0.1).momentum_decay(0.0).betas(0.8, 0.9);
/// w.mul(7.0)?.sum_all()?.backward()?;
/// optimizer.step()?; // μ = 0.4: 1 · g + 0.4 / (1 - 0.16) · 0.2 g, by |g|
/// assert!((w.item()? - (1.0 - 0.1 * (1.0 + 0.08 / 0.84))).abs() < 1e-6);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
pub type NAdam = Engine<NAdamRule>;

/// The formula of [`NAdam`].
#[derive(Clone, Copy, Debug)]
pub struct NAdamRule;

impl Rule for NAdamRule {
    fn name(&self) -> &'static str {
        "nadam"
    }

    fn settings(&self) -> &'static [Setting] {
        const SETTINGS: &[Setting] = &[
            Setting::new("lr", 2e-3, Domain::NonNegative),
            Setting::new("beta1", 0.9, Domain::Fraction),
            Setting::new("beta2", 0.999, Domain::Fraction),
            Setting::new("eps", 1e-8, Domain::NonNegative),
            Setting::new("weight_decay", 0.0, Domain::NonNegative),
            Setting::new("momentum_decay", 4e-3, Domain::NonNegative),
            Setting::new("decoupled_weight_decay", 0.0, Domain::Flag),
            Setting::MAXIMIZE,
        ];
        SETTINGS
    }

    fn states(&self, _: &ParamGroup) -> &'static [&'static str] {
        &["exp_avg", "exp_avg_sq"]
    }

    fn numbers(&self, _: &ParamGroup) -> Vec<(&'static str, f64)> {
        vec![("mu_product", 1.0)]
    }

    fn next_numbers(&self, cx: &StepContext<'_>) -> Vec<f64> {
        vec![cx.number(0) * mu(cx, cx.step())]
    }

    fn update(&self, cx: &StepContext<'_>, p: &Flat, g: &Flat, states: &[Flat]) -> Vec<Flat> {
        let (lr, beta2) = (cx.get("lr"), cx.get("beta2"));
        let (p, g) = cx.decay(p, g);
        let m = states[0].lerp(&g, 1.0 - cx.get("beta1"));
        let v = &states[1] * beta2 + g.square() * (1.0 - beta2);

        let (mu, mu_next) = (mu(cx, cx.step()), mu(cx, cx.step() + 1.0));
        let product = cx.number(0) * mu;
        let denominator = (&v / (1.0 - beta2.powf(cx.step()))).sqrt() + cx.get("eps");
        let p = p - g * (lr * (1.0 - mu) / (1.0 - product)) / &denominator;
        let p = p - &m * (lr * mu_next / (1.0 - product * mu_next)) / denominator;
        vec![p, m, v]
    }
}

impl Engine<NAdamRule> {
    /// Descends on `params` with learning rate `lr`, PyTorch's default being 2e-3.
    pub fn new<P: Into<Tensor>>(params: impl IntoIterator<Item = P>, lr: f64) -> Self {
        NAdam::groups(vec![ParamGroup::new(params)], lr)
    }

    /// As [`NAdam::new`], for groups with options of their own.
    pub fn groups(groups: Vec<ParamGroup>, lr: f64) -> Self {
        Engine::with_rule(NAdamRule, groups).with("lr", lr)
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

    /// How fast the momentum grows to β₁; 4e-3 unless set.
    #[must_use]
    pub fn momentum_decay(self, momentum_decay: f64) -> Self {
        self.with("momentum_decay", momentum_decay)
    }

    /// Whether weight decay shrinks the parameters apart from the gradient, as AdamW's.
    #[must_use]
    pub fn decoupled_weight_decay(self, decoupled: bool) -> Self {
        self.with("decoupled_weight_decay", f64::from(decoupled))
    }
}

/// The momentum of step `t`.
fn mu(cx: &StepContext<'_>, t: f64) -> f64 {
    cx.get("beta1") * (1.0 - 0.5 * 0.96f64.powf(t * cx.get("momentum_decay")))
}
