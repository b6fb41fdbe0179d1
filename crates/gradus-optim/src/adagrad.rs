//! Adagrad: steps scaled by all gradients so far.

use gradus_autodiff::Tensor;

use crate::engine::Engine;
use crate::flat::Flat;
use crate::group::ParamGroup;
use crate::rule::{Domain, Rule, Setting, StepContext};

/// Adagrad (Duchi et al. 2011): every element's steps shrink as its gradients add up.
///
/// *Formula*: `g += weight_decay · p`; `s += g²`;
/// `p -= lr / (1 + (t - 1) · lr_decay) · g / (√s + eps)`.
///
/// *Source*: `torch.optim.Adagrad`: same defaults, same order of operations.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::{Adagrad, Optimizer};
/// let w = Tensor::from_vec(vec![1.0f32], [1])?.requires_grad_(true);
/// let mut optimizer = Adagrad::new([&w], 0.5);
/// w.mul(3.0)?.sum_all()?.backward()?;
/// optimizer.step()?; // s = 9
/// optimizer.step()?; // s = 18
/// assert!((w.item()? - (1.0 - 0.5 - 0.5 * 3.0 / 18f64.sqrt())).abs() < 1e-6);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
pub type Adagrad = Engine<AdagradRule>;

/// The formula of [`Adagrad`].
#[derive(Clone, Copy, Debug)]
pub struct AdagradRule;

impl Rule for AdagradRule {
    fn name(&self) -> &'static str {
        "adagrad"
    }

    fn settings(&self) -> &'static [Setting] {
        const SETTINGS: &[Setting] = &[
            Setting::new("lr", 1e-2, Domain::NonNegative),
            Setting::new("lr_decay", 0.0, Domain::NonNegative),
            Setting::new("weight_decay", 0.0, Domain::NonNegative),
            Setting::new("initial_accumulator_value", 0.0, Domain::NonNegative),
            Setting::new("eps", 1e-10, Domain::NonNegative),
            Setting::MAXIMIZE,
        ];
        SETTINGS
    }

    fn states(&self, _: &ParamGroup) -> &'static [&'static str] {
        &["sum"]
    }

    fn init(&self, cx: &StepContext<'_>, _state: &'static str, p: &Flat) -> Flat {
        p.full_like(cx.get("initial_accumulator_value"))
    }

    fn update(&self, cx: &StepContext<'_>, p: &Flat, g: &Flat, states: &[Flat]) -> Vec<Flat> {
        let g = cx.l2(p, g);
        let lr = cx.get("lr") / (1.0 + (cx.step() - 1.0) * cx.get("lr_decay"));
        let sum = &states[0] + g.square();
        vec![p - g * lr / (sum.sqrt() + cx.get("eps")), sum]
    }
}

impl Engine<AdagradRule> {
    /// Descends on `params` with learning rate `lr`, PyTorch's default being 1e-2.
    pub fn new<P: Into<Tensor>>(params: impl IntoIterator<Item = P>, lr: f64) -> Self {
        Adagrad::groups(vec![ParamGroup::new(params)], lr)
    }

    /// As [`Adagrad::new`], for groups with options of their own.
    pub fn groups(groups: Vec<ParamGroup>, lr: f64) -> Self {
        Engine::with_rule(AdagradRule, groups).with("lr", lr)
    }

    /// How fast the learning rate falls with the steps; 0 unless set.
    #[must_use]
    pub fn lr_decay(self, lr_decay: f64) -> Self {
        self.with("lr_decay", lr_decay)
    }

    /// What the sum of squares begins with; 0 unless set.
    #[must_use]
    pub fn initial_accumulator_value(self, initial_accumulator_value: f64) -> Self {
        self.with("initial_accumulator_value", initial_accumulator_value)
    }

    /// Added to the denominator; 1e-10 unless set.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        self.with("eps", eps)
    }
}
