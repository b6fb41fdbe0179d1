//! Stochastic gradient descent, plain or with momentum.

use gradus_autodiff::Tensor;
use gradus_tensor::{Error, Result};

use crate::engine::Engine;
use crate::flat::Flat;
use crate::group::ParamGroup;
use crate::rule::{Domain, Rule, Setting, StepContext};

/// Stochastic gradient descent.
///
/// *Formula*: `g += weight_decay · p`; with momentum `b = momentum · b + (1 - dampening) · g`,
/// `b = g` on the first step, then `g = b`, or `g += momentum · b` by Nesterov;
/// `p -= lr · g`.
///
/// *Source*: `torch.optim.SGD`; the momentum is that of Sutskever et al. 2013 with the learning
/// rate outside the buffer.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::{Optimizer, Sgd};
/// let w = Tensor::from_vec(vec![1.0f32], [1])?.requires_grad_(true);
/// let mut optimizer = Sgd::new([&w], 0.1).momentum(0.9);
/// w.mul(3.0)?.sum_all()?.backward()?;
/// optimizer.step()?; // b = 3
/// optimizer.step()?; // b = 0.9 · 3 + 3
/// assert!((w.item()? - (1.0 - 0.3 - 0.57)).abs() < 1e-6);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
pub type Sgd = Engine<SgdRule>;

/// The formula of [`Sgd`].
#[derive(Clone, Copy, Debug)]
pub struct SgdRule;

impl Rule for SgdRule {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn settings(&self) -> &'static [Setting] {
        const SETTINGS: &[Setting] = &[
            Setting::new("lr", 1e-3, Domain::NonNegative),
            Setting::new("momentum", 0.0, Domain::NonNegative),
            Setting::new("dampening", 0.0, Domain::Number),
            Setting::new("weight_decay", 0.0, Domain::NonNegative),
            Setting::new("nesterov", 0.0, Domain::Flag),
            Setting::MAXIMIZE,
        ];
        SETTINGS
    }

    fn check(&self, options: &ParamGroup) -> Result<()> {
        let get = |name| options.get(name).unwrap_or(0.0);
        if get("nesterov") != 0.0 && (get("momentum") <= 0.0 || get("dampening") != 0.0) {
            let expected = "used with momentum and without dampening";
            return Err(Error::argument(self.name(), "nesterov", "on", expected));
        }
        Ok(())
    }

    fn states(&self, options: &ParamGroup) -> &'static [&'static str] {
        match options.get("momentum") {
            None | Some(0.0) => &[],
            Some(_) => &["momentum_buffer"],
        }
    }

    fn update(&self, cx: &StepContext<'_>, p: &Flat, g: &Flat, states: &[Flat]) -> Vec<Flat> {
        let (lr, momentum) = (cx.get("lr"), cx.get("momentum"));
        let g = cx.l2(p, g);
        let Some(buffer) = states.first() else {
            return vec![p - g * lr];
        };
        let buffer = match cx.is_fresh(0) {
            true => g.clone(),
            false => buffer * momentum + &g * (1.0 - cx.get("dampening")),
        };
        let g = if cx.flag("nesterov") { g + &buffer * momentum } else { buffer.clone() };
        vec![p - g * lr, buffer]
    }
}

impl Engine<SgdRule> {
    /// Descends on `params` with learning rate `lr`.
    pub fn new<P: Into<Tensor>>(params: impl IntoIterator<Item = P>, lr: f64) -> Self {
        Sgd::groups(vec![ParamGroup::new(params)], lr)
    }

    /// As [`Sgd::new`], for groups with options of their own.
    pub fn groups(groups: Vec<ParamGroup>, lr: f64) -> Self {
        Engine::with_rule(SgdRule, groups).with("lr", lr)
    }

    /// How much of the last direction is kept; 0 unless set.
    #[must_use]
    pub fn momentum(self, momentum: f64) -> Self {
        self.with("momentum", momentum)
    }

    /// How much of the gradient is held back from the momentum; 0 unless set.
    #[must_use]
    pub fn dampening(self, dampening: f64) -> Self {
        self.with("dampening", dampening)
    }

    /// Whether the momentum looks one step ahead.
    #[must_use]
    pub fn nesterov(self, nesterov: bool) -> Self {
        self.with("nesterov", f64::from(nesterov))
    }
}
