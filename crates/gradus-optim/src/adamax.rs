//! Adamax: Adam with the largest gradient in place of the average square.

use gradus_autodiff::Tensor;

use crate::engine::Engine;
use crate::flat::Flat;
use crate::group::ParamGroup;
use crate::rule::{Domain, Rule, Setting, StepContext};

/// Adamax (arXiv:1412.6980, section 7), Adam by the infinity norm.
///
/// *Formula*: `g += weight_decay · p`; `m = β₁ m + (1 - β₁) g`; `u = max(β₂ u, |g| + eps)`;
/// `p -= lr / (1 - β₁ᵗ) · m / u`.
///
/// *Source*: `torch.optim.Adamax`: same defaults, same order of operations.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::{Adamax, Optimizer};
/// let w = Tensor::from_vec(vec![1.0f32, -1.0], [2])?.requires_grad_(true);
/// let mut optimizer = Adamax::new([&w], 0.25);
/// (&w * 8.0)?.sum_all()?.backward()?;
/// optimizer.step()?; // the first step has the length lr, whatever the gradient
/// assert_eq!(w.to_vec::<f32>()?, [0.75, -1.25]);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
pub type Adamax = Engine<AdamaxRule>;

/// The formula of [`Adamax`].
#[derive(Clone, Copy, Debug)]
pub struct AdamaxRule;

impl Rule for AdamaxRule {
    fn name(&self) -> &'static str {
        "adamax"
    }

    fn settings(&self) -> &'static [Setting] {
        const SETTINGS: &[Setting] = &[
            Setting::new("lr", 2e-3, Domain::NonNegative),
            Setting::new("beta1", 0.9, Domain::Fraction),
            Setting::new("beta2", 0.999, Domain::Fraction),
            Setting::new("eps", 1e-8, Domain::NonNegative),
            Setting::new("weight_decay", 0.0, Domain::NonNegative),
            Setting::MAXIMIZE,
        ];
        SETTINGS
    }

    fn states(&self, _: &ParamGroup) -> &'static [&'static str] {
        &["exp_avg", "exp_inf"]
    }

    fn update(&self, cx: &StepContext<'_>, p: &Flat, g: &Flat, states: &[Flat]) -> Vec<Flat> {
        let beta1 = cx.get("beta1");
        let g = cx.l2(p, g);
        let m = states[0].lerp(&g, 1.0 - beta1);
        let largest = (&states[1] * cx.get("beta2")).maximum(&(g.abs() + cx.get("eps")));
        let step_size = cx.get("lr") / (1.0 - beta1.powf(cx.step()));
        vec![p - &m * step_size / &largest, m, largest]
    }
}

impl Engine<AdamaxRule> {
    /// Descends on `params` with learning rate `lr`, PyTorch's default being 2e-3.
    pub fn new<P: Into<Tensor>>(params: impl IntoIterator<Item = P>, lr: f64) -> Self {
        Adamax::groups(vec![ParamGroup::new(params)], lr)
    }

    /// As [`Adamax::new`], for groups with options of their own.
    pub fn groups(groups: Vec<ParamGroup>, lr: f64) -> Self {
        Engine::with_rule(AdamaxRule, groups).with("lr", lr)
    }

    /// How slowly the average of the gradient and its largest size forget; 0.9 and 0.999
    /// unless set.
    #[must_use]
    pub fn betas(self, beta1: f64, beta2: f64) -> Self {
        self.with("beta1", beta1).with("beta2", beta2)
    }

    /// Added to the gradient's size; 1e-8 unless set.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        self.with("eps", eps)
    }
}
