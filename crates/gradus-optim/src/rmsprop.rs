//! RMSprop: steps scaled by the running size of the gradient.

use gradus_autodiff::Tensor;

use crate::engine::Engine;
use crate::flat::Flat;
use crate::group::ParamGroup;
use crate::rule::{Domain, Rule, Setting, StepContext};

/// RMSprop (Hinton's lectures), centred (arXiv:1308.0850) or with momentum as options.
///
/// *Formula*: `g += weight_decay · p`; `v = alpha · v + (1 - alpha) · g²`; centred,
/// `a = alpha · a + (1 - alpha) · g` and `v - a²` takes the place of v below;
/// `u = g / (√v + eps)`; with momentum `b = momentum · b + u`, then `u = b`; `p -= lr · u`.
///
/// *Source*: `torch.optim.RMSprop`: same defaults, same order of operations.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::{RmsProp, Optimizer};
/// let w = Tensor::from_vec(vec![1.0f32], [1])?.requires_grad_(true);
/// let mut optimizer = RmsProp::new([&w], 0.01);
/// w.mul(5.0)?.sum_all()?.backward()?;
/// optimizer.step()?; // v = 0.01 · 25: the first step is ten times lr
/// assert!((w.item()? - 0.9).abs() < 1e-6);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
pub type RmsProp = Engine<RmsPropRule>;

/// The formula of [`RmsProp`].
#[derive(Clone, Copy, Debug)]
pub struct RmsPropRule;

impl Rule for RmsPropRule {
    fn name(&self) -> &'static str {
        "rmsprop"
    }

    fn settings(&self) -> &'static [Setting] {
        const SETTINGS: &[Setting] = &[
            Setting::new("lr", 1e-2, Domain::NonNegative),
            Setting::new("alpha", 0.99, Domain::NonNegative),
            Setting::new("eps", 1e-8, Domain::NonNegative),
            Setting::new("weight_decay", 0.0, Domain::NonNegative),
            Setting::new("momentum", 0.0, Domain::NonNegative),
            Setting::new("centered", 0.0, Domain::Flag),
            Setting::MAXIMIZE,
        ];
        SETTINGS
    }

    fn states(&self, options: &ParamGroup) -> &'static [&'static str] {
        let on = |name| options.get(name).is_some_and(|value| value != 0.0);
        match (on("momentum"), on("centered")) {
            (false, false) => &["square_avg"],
            (false, true) => &["square_avg", "grad_avg"],
            (true, false) => &["square_avg", "momentum_buffer"],
            (true, true) => &["square_avg", "momentum_buffer", "grad_avg"],
        }
    }

    fn update(&self, cx: &StepContext<'_>, p: &Flat, g: &Flat, states: &[Flat]) -> Vec<Flat> {
        let (alpha, momentum) = (cx.get("alpha"), cx.get("momentum"));
        let g = cx.l2(p, g);
        let square = &states[0] * alpha + g.square() * (1.0 - alpha);
        let mean = cx.flag("centered").then(|| states[states.len() - 1].lerp(&g, 1.0 - alpha));
        let variance = mean.as_ref().map(|mean| &square - mean.square());
        let direction = g / (variance.as_ref().unwrap_or(&square).sqrt() + cx.get("eps"));
        let buffer = (momentum != 0.0).then(|| &states[1] * momentum + &direction);
        let p = p - buffer.as_ref().unwrap_or(&direction) * cx.get("lr");
        [p, square].into_iter().chain(buffer).chain(mean).collect()
    }
}

impl Engine<RmsPropRule> {
    /// Descends on `params` with learning rate `lr`, PyTorch's default being 1e-2.
    pub fn new<P: Into<Tensor>>(params: impl IntoIterator<Item = P>, lr: f64) -> Self {
        RmsProp::groups(vec![ParamGroup::new(params)], lr)
    }

    /// As [`RmsProp::new`], for groups with options of their own.
    pub fn groups(groups: Vec<ParamGroup>, lr: f64) -> Self {
        Engine::with_rule(RmsPropRule, groups).with("lr", lr)
    }

    /// How slowly the average of the squared gradient forgets; 0.99 unless set.
    #[must_use]
    pub fn alpha(self, alpha: f64) -> Self {
        self.with("alpha", alpha)
    }

    /// Added to the denominator; 1e-8 unless set.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        self.with("eps", eps)
    }

    /// How much of the last direction is kept; 0 unless set.
    #[must_use]
    pub fn momentum(self, momentum: f64) -> Self {
        self.with("momentum", momentum)
    }

    /// Whether the gradient's variance takes the place of its square.
    #[must_use]
    pub fn centered(self, centered: bool) -> Self {
        self.with("centered", f64::from(centered))
    }
}
