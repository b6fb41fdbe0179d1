//! LAMB: Adam's direction, each parameter's step as long as the parameter is large.

use gradus_autodiff::Tensor;

use crate::engine::Engine;
use crate::flat::Flat;
use crate::group::ParamGroup;
use crate::rule::{Domain, Rule, Setting, StepContext};

/// LAMB (arXiv:1904.00962, algorithm 2), for very large batches.
///
/// *Formula*: m and v as [`Adam`](crate::Adam)'s;
/// `u = m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + eps) + weight_decay · p`; `p -= lr · ‖p‖ / ‖u‖ · u`,
/// the norms being those of a whole parameter and their quotient 1 where one of them is zero.
///
/// *Source*: the paper, its φ being the identity; weight decay is 1e-2 and eps 1e-6 unless set.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::{Lamb, Optimizer};
/// let w = Tensor::from_vec(vec![3.0f32, -4.0], [2])?.requires_grad_(true);
/// let mut optimizer = Lamb::new([&w], 0.5).weight_decay(0.0).eps(0.0);
/// (&w * 100.0)?.sum_all()?.backward()?;
/// optimizer.step()?; // u = [1, 1], ‖p‖ = 5
/// let step = 0.5 * 5.0 / 2f32.sqrt();
/// let got = w.to_vec::<f32>()?;
/// assert!((got[0] - (3.0 - step)).abs() < 1e-5 && (got[1] - (-4.0 - step)).abs() < 1e-5);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
pub type Lamb = Engine<LambRule>;

/// The formula of [`Lamb`].
#[derive(Clone, Copy, Debug)]
pub struct LambRule;

impl Rule for LambRule {
    fn name(&self) -> &'static str {
        "lamb"
    }

    fn settings(&self) -> &'static [Setting] {
        const SETTINGS: &[Setting] = &[
            Setting::new("lr", 1e-3, Domain::NonNegative),
            Setting::new("beta1", 0.9, Domain::Fraction),
            Setting::new("beta2", 0.999, Domain::Fraction),
            Setting::new("eps", 1e-6, Domain::NonNegative),
            Setting::new("weight_decay", 1e-2, Domain::NonNegative),
            Setting::MAXIMIZE,
        ];
        SETTINGS
    }

    fn states(&self, _: &ParamGroup) -> &'static [&'static str] {
        &["exp_avg", "exp_avg_sq"]
    }

    fn is_per_parameter(&self) -> bool {
        true
    }

    fn update(&self, cx: &StepContext<'_>, p: &Flat, g: &Flat, states: &[Flat]) -> Vec<Flat> {
        let (beta1, beta2, t) = (cx.get("beta1"), cx.get("beta2"), cx.step());
        let m = states[0].lerp(g, 1.0 - beta1);
        let v = &states[1] * beta2 + g.square() * (1.0 - beta2);
        let denominator = (&v / (1.0 - beta2.powf(t))).sqrt() + cx.get("eps");
        let u = &m / (1.0 - beta1.powf(t)) / denominator + p * cx.get("weight_decay");

        let (large, long) = (p.norm(), u.norm());
        let one = large.full_like(1.0);
        // One of both is zero where their smaller one is.
        let ratio = large.minimum(&long).gt(0.0).select(&(&large / &long), &one);
        vec![p - u * (ratio * cx.get("lr")), m, v]
    }
}

impl Engine<LambRule> {
    /// Descends on `params` with learning rate `lr`.
    pub fn new<P: Into<Tensor>>(params: impl IntoIterator<Item = P>, lr: f64) -> Self {
        Lamb::groups(vec![ParamGroup::new(params)], lr)
    }

    /// As [`Lamb::new`], for groups with options of their own.
    pub fn groups(groups: Vec<ParamGroup>, lr: f64) -> Self {
        Engine::with_rule(LambRule, groups).with("lr", lr)
    }

    /// How slowly the averages of the gradient and of its square forget; 0.9 and 0.999 unless
    /// set.
    #[must_use]
    pub fn betas(self, beta1: f64, beta2: f64) -> Self {
        self.with("beta1", beta1).with("beta2", beta2)
    }

    /// Added to the denominator; 1e-6 unless set.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        self.with("eps", eps)
    }
}
