//! AdamW: Adam with weight decay apart from the gradient.

use gradus_autodiff::Tensor;

use crate::adam::{adaptive, settings, states};
use crate::engine::Engine;
use crate::flat::Flat;
use crate::group::ParamGroup;
use crate::rule::{Rule, Setting, StepContext};

/// Adam with decoupled weight decay (arXiv:1711.05101).
///
/// *Formula*: `p *= 1 - lr · weight_decay`, then [`Adam`](crate::Adam)'s step without its penalty.
///
/// *Source*: `torch.optim.AdamW`; weight decay is 1e-2 unless set.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::{AdamW, Optimizer};
/// let w = Tensor::from_vec(vec![1.0f32], [1])?.requires_grad_(true);
/// let mut optimizer = AdamW::new([&w], 0.1).weight_decay(0.5);
/// w.sum_all()?.backward()?;
/// optimizer.step()?;
/// assert!((w.item()? - (0.95 - 0.1)).abs() < 1e-6);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
pub type AdamW = Engine<AdamWRule>;

/// The formula of [`AdamW`].
#[derive(Clone, Copy, Debug)]
pub struct AdamWRule;

impl Rule for AdamWRule {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn settings(&self) -> &'static [Setting] {
        const SETTINGS: &[Setting] = &settings(1e-2);
        SETTINGS
    }

    fn states(&self, options: &ParamGroup) -> &'static [&'static str] {
        states(options)
    }

    fn update(&self, cx: &StepContext<'_>, p: &Flat, g: &Flat, states: &[Flat]) -> Vec<Flat> {
        match cx.get("weight_decay") {
            0.0 => adaptive(cx, p, g, states),
            decay => adaptive(cx, &(p * (1.0 - cx.get("lr") * decay)), g, states),
        }
    }
}

impl Engine<AdamWRule> {
    /// Descends on `params` with learning rate `lr`, PyTorch's default being 1e-3.
    pub fn new<P: Into<Tensor>>(params: impl IntoIterator<Item = P>, lr: f64) -> Self {
        AdamW::groups(vec![ParamGroup::new(params)], lr)
    }

    /// As [`AdamW::new`], for groups with options of their own.
    pub fn groups(groups: Vec<ParamGroup>, lr: f64) -> Self {
        Engine::with_rule(AdamWRule, groups).with("lr", lr)
    }

    /// How slowly the averages of the gradient and of its square forget; 0.9 and 0.999 unless
    /// set.
    #[must_use]
    pub fn betas(self, beta1: f64, beta2: f64) -> Self {
        self.with("beta1", beta1).with("beta2", beta2)
    }

    /// Added to the denominator; 1e-8 unless set.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        self.with("eps", eps)
    }

    /// Whether steps are scaled by the largest average so far.
    #[must_use]
    pub fn amsgrad(self, amsgrad: bool) -> Self {
        self.with("amsgrad", f64::from(amsgrad))
    }
}
