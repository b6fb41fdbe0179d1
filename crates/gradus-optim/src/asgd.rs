//! ASGD: gradient descent that also averages the parameters it passes.

use gradus_autodiff::Tensor;

use crate::engine::Engine;
use crate::flat::Flat;
use crate::group::ParamGroup;
use crate::rule::{Domain, Rule, Setting, StepContext};

/// Averaged stochastic gradient descent (Polyak & Juditsky 1992, by Bottou's schedule).
///
/// *Formula*: `g += weight_decay · p`; `p = (1 - lambd · eta) p - eta · g`; `ax += mu (p - ax)`;
/// then `eta = lr / (1 + lambd · lr · t)^alpha` and `mu = 1 / max(1, t - t0)`, which begin with lr
/// and 1. The state `ax` is the average.
///
/// *Source*: `torch.optim.ASGD`: same defaults, same order of operations. eta and mu are kept in
/// double precision, PyTorch's in single.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::{Asgd, Optimizer};
/// let w = Tensor::from_vec(vec![1.0f32], [1])?.requires_grad_(true);
/// let mut optimizer = Asgd::new([&w], 0.25).lambd(0.0).t0(0.0);
/// w.mul(1.0)?.sum_all()?.backward()?;
/// for _ in 0..3 {
///     optimizer.step()?;
/// }
/// assert_eq!(w.item()?, 0.25);
/// // mu is 1, 1 and 1/2: the average begins with the second step
/// assert_eq!(optimizer.state_dict()?.tensors["state.0.ax"].to_vec::<f32>()?, [0.375]);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
pub type Asgd = Engine<AsgdRule>;

/// The formula of [`Asgd`].
#[derive(Clone, Copy, Debug)]
pub struct AsgdRule;

impl Rule for AsgdRule {
    fn name(&self) -> &'static str {
        "asgd"
    }

    fn settings(&self) -> &'static [Setting] {
        const SETTINGS: &[Setting] = &[
            Setting::new("lr", 1e-2, Domain::NonNegative),
            Setting::new("lambd", 1e-4, Domain::NonNegative),
            Setting::new("alpha", 0.75, Domain::NonNegative),
            Setting::new("t0", 1e6, Domain::Number),
            Setting::new("weight_decay", 0.0, Domain::NonNegative),
            Setting::MAXIMIZE,
        ];
        SETTINGS
    }

    fn states(&self, _: &ParamGroup) -> &'static [&'static str] {
        &["ax"]
    }

    fn numbers(&self, options: &ParamGroup) -> Vec<(&'static str, f64)> {
        vec![("eta", options.get("lr").unwrap_or(f64::NAN)), ("mu", 1.0)]
    }

    fn next_numbers(&self, cx: &StepContext<'_>) -> Vec<f64> {
        let (lr, t) = (cx.get("lr"), cx.step());
        let eta = lr / (1.0 + cx.get("lambd") * lr * t).powf(cx.get("alpha"));
        vec![eta, 1.0 / (t - cx.get("t0")).max(1.0)]
    }

    fn update(&self, cx: &StepContext<'_>, p: &Flat, g: &Flat, states: &[Flat]) -> Vec<Flat> {
        let (eta, mu) = (cx.number(0), cx.number(1));
        let g = cx.l2(p, g);
        let p = p * (1.0 - cx.get("lambd") * eta) - g * eta;
        let average = match mu {
            1.0 => p.clone(),
            mu => &states[0] + (&p - &states[0]) * mu,
        };
        vec![p, average]
    }
}

impl Engine<AsgdRule> {
    /// Descends on `params` with learning rate `lr`, PyTorch's default being 1e-2.
    pub fn new<P: Into<Tensor>>(params: impl IntoIterator<Item = P>, lr: f64) -> Self {
        Asgd::groups(vec![ParamGroup::new(params)], lr)
    }

    /// As [`Asgd::new`], for groups with options of their own.
    pub fn groups(groups: Vec<ParamGroup>, lr: f64) -> Self {
        Engine::with_rule(AsgdRule, groups).with("lr", lr)
    }

    /// How strongly parameters decay; 1e-4 unless set.
    #[must_use]
    pub fn lambd(self, lambd: f64) -> Self {
        self.with("lambd", lambd)
    }

    /// The power by which eta falls; 0.75 unless set.
    #[must_use]
    pub fn alpha(self, alpha: f64) -> Self {
        self.with("alpha", alpha)
    }

    /// The step after which averaging begins; 1e6 unless set.
    #[must_use]
    pub fn t0(self, t0: f64) -> Self {
        self.with("t0", t0)
    }
}
