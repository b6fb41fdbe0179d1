//! Adam: steps scaled by running averages of the gradient and of its square.

use gradus_autodiff::Tensor;

use crate::engine::Engine;
use crate::flat::Flat;
use crate::group::ParamGroup;
use crate::rule::{Domain, Rule, Setting, StepContext};

/// Adam (arXiv:1412.6980), with AMSGrad (arXiv:1904.09237) as an option.
///
/// *Formula*: `g += weight_decay · p`; `m = β₁ m + (1 - β₁) g`; `v = β₂ v + (1 - β₂) g²`;
/// `p -= lr / (1 - β₁ᵗ) · m / (√v / √(1 - β₂ᵗ) + eps)`; AMSGrad takes the largest v so far.
/// Decoupled weight decay is [`AdamW`](crate::AdamW)'s: `p *= 1 - lr · weight_decay` instead.
///
/// *Source*: `torch.optim.Adam`: same defaults, same order of operations.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::{Adam, Optimizer};
/// let w = Tensor::from_vec(vec![1.0f32, -1.0], [2])?.requires_grad_(true);
/// let mut optimizer = Adam::new([&w], 1e-3);
/// (&w * 100.0)?.sum_all()?.backward()?;
/// optimizer.step()?; // the first step has the length lr, whatever the gradient
/// assert_eq!(w.to_vec::<f32>()?, [0.999, -1.001]);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
pub type Adam = Engine<AdamRule>;

/// The formula of [`Adam`].
#[derive(Clone, Copy, Debug)]
pub struct AdamRule;

impl Rule for AdamRule {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn settings(&self) -> &'static [Setting] {
        const SETTINGS: &[Setting] = &{
            let [lr, beta1, beta2, eps, decay, amsgrad, maximize] = settings(0.0);
            let decoupled = Setting::new("decoupled_weight_decay", 0.0, Domain::Flag);
            [lr, beta1, beta2, eps, decay, decoupled, amsgrad, maximize]
        };
        SETTINGS
    }

    fn states(&self, options: &ParamGroup) -> &'static [&'static str] {
        states(options)
    }

    fn update(&self, cx: &StepContext<'_>, p: &Flat, g: &Flat, states: &[Flat]) -> Vec<Flat> {
        let (p, g) = cx.decay(p, g);
        adaptive(cx, &p, &g, states)
    }
}

/// The options of Adam and AdamW, which differ in one default.
pub(crate) const fn settings(weight_decay: f64) -> [Setting; 7] {
    [
        Setting::new("lr", 1e-3, Domain::NonNegative),
        Setting::new("beta1", 0.9, Domain::Fraction),
        Setting::new("beta2", 0.999, Domain::Fraction),
        Setting::new("eps", 1e-8, Domain::NonNegative),
        Setting::new("weight_decay", weight_decay, Domain::NonNegative),
        Setting::new("amsgrad", 0.0, Domain::Flag),
        Setting::MAXIMIZE,
    ]
}

pub(crate) fn states(options: &ParamGroup) -> &'static [&'static str] {
    match options.get("amsgrad") {
        None | Some(0.0) => &["exp_avg", "exp_avg_sq"],
        Some(_) => &["exp_avg", "exp_avg_sq", "max_exp_avg_sq"],
    }
}

/// Adam's step along `g`.
pub(crate) fn adaptive(cx: &StepContext<'_>, p: &Flat, g: &Flat, states: &[Flat]) -> Vec<Flat> {
    let (beta1, beta2) = (cx.get("beta1"), cx.get("beta2"));
    let m = states[0].lerp(g, 1.0 - beta1);
    let v = &states[1] * beta2 + g.square() * (1.0 - beta2);
    let largest = states.get(2).map(|old| old.maximum(&v));

    // Both corrections in one factor, as the paper does for speed: eps carries it too.
    let correction = (1.0 - beta2.powf(cx.step())).sqrt();
    let step_size = cx.get("lr") * correction / (1.0 - beta1.powf(cx.step()));
    let denominator = largest.as_ref().unwrap_or(&v).sqrt() + cx.get("eps") * correction;
    let p = p - &m * step_size / denominator;
    [p, m, v].into_iter().chain(largest).collect()
}

impl Engine<AdamRule> {
    /// Descends on `params` with learning rate `lr`, PyTorch's default being 1e-3.
    pub fn new<P: Into<Tensor>>(params: impl IntoIterator<Item = P>, lr: f64) -> Self {
        Adam::groups(vec![ParamGroup::new(params)], lr)
    }

    /// As [`Adam::new`], for groups with options of their own.
    pub fn groups(groups: Vec<ParamGroup>, lr: f64) -> Self {
        Engine::with_rule(AdamRule, groups).with("lr", lr)
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

    /// Whether weight decay shrinks the parameters apart from the gradient, as AdamW's.
    #[must_use]
    pub fn decoupled_weight_decay(self, decoupled: bool) -> Self {
        self.with("decoupled_weight_decay", f64::from(decoupled))
    }

    /// Whether steps are scaled by the largest average so far.
    #[must_use]
    pub fn amsgrad(self, amsgrad: bool) -> Self {
        self.with("amsgrad", f64::from(amsgrad))
    }
}
