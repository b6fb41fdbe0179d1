//! Lion: the sign of a momentum.

use gradus_autodiff::Tensor;

use crate::engine::Engine;
use crate::flat::Flat;
use crate::group::ParamGroup;
use crate::rule::{Domain, Rule, Setting, StepContext};

/// Lion (arXiv:2302.06675, algorithm 2): every element moves by lr; one state, not Adam's two.
///
/// *Formula*: `p *= 1 - lr · weight_decay`; `p -= lr · sign(β₁ m + (1 - β₁) g)`;
/// `m = β₂ m + (1 - β₂) g`.
///
/// *Source*: the paper; options as `torch.optim.Adam`'s. It wants a learning rate three to ten
/// times smaller than AdamW's, and a weight decay as many times larger.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::{Lion, Optimizer};
/// let w = Tensor::from_vec(vec![1.0f32, -1.0], [2])?.requires_grad_(true);
/// let mut optimizer = Lion::new([&w], 0.25).weight_decay(0.5);
/// (&w * 100.0)?.sum_all()?.backward()?;
/// optimizer.step()?;
/// assert_eq!(w.to_vec::<f32>()?, [0.875 - 0.25, -0.875 - 0.25]);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
pub type Lion = Engine<LionRule>;

/// The formula of [`Lion`].
#[derive(Clone, Copy, Debug)]
pub struct LionRule;

impl Rule for LionRule {
    fn name(&self) -> &'static str {
        "lion"
    }

    fn settings(&self) -> &'static [Setting] {
        const SETTINGS: &[Setting] = &[
            Setting::new("lr", 1e-4, Domain::NonNegative),
            Setting::new("beta1", 0.9, Domain::Fraction),
            Setting::new("beta2", 0.99, Domain::Fraction),
            Setting::new("weight_decay", 0.0, Domain::NonNegative),
            Setting::MAXIMIZE,
        ];
        SETTINGS
    }

    fn states(&self, _: &ParamGroup) -> &'static [&'static str] {
        &["exp_avg"]
    }

    fn update(&self, cx: &StepContext<'_>, p: &Flat, g: &Flat, states: &[Flat]) -> Vec<Flat> {
        let (lr, m) = (cx.get("lr"), &states[0]);
        let direction = m.lerp(g, 1.0 - cx.get("beta1")).sign();
        let p = p * (1.0 - lr * cx.get("weight_decay")) - direction * lr;
        vec![p, m.lerp(g, 1.0 - cx.get("beta2"))]
    }
}

impl Engine<LionRule> {
    /// Descends on `params` with learning rate `lr`, the paper's default being 1e-4.
    pub fn new<P: Into<Tensor>>(params: impl IntoIterator<Item = P>, lr: f64) -> Self {
        Lion::groups(vec![ParamGroup::new(params)], lr)
    }

    /// As [`Lion::new`], for groups with options of their own.
    pub fn groups(groups: Vec<ParamGroup>, lr: f64) -> Self {
        Engine::with_rule(LionRule, groups).with("lr", lr)
    }

    /// How slowly the direction and the momentum forget; 0.9 and 0.99
    /// unless set.
    #[must_use]
    pub fn betas(self, beta1: f64, beta2: f64) -> Self {
        self.with("beta1", beta1).with("beta2", beta2)
    }
}
