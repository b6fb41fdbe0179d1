//! Rprop: step lengths that only look at the signs of gradients.

use gradus_autodiff::Tensor;
use gradus_tensor::{Error, Result};

use crate::engine::Engine;
use crate::flat::Flat;
use crate::group::ParamGroup;
use crate::rule::{Domain, Rule, Setting, StepContext};

/// Resilient backpropagation (Riedmiller & Braun 1993), for gradients of the whole data set.
///
/// *Formula*: with `s = g · g'`, g' being the last gradient: where s > 0 `d *= etaplus`, where
/// s < 0 `d *= etaminus` and g becomes 0; d is kept within `step_size_min` and `step_size_max` and
/// begins with lr; `p -= sign(g) · d`.
///
/// *Source*: `torch.optim.Rprop`: same defaults, same order of operations; its pairs `etas` and
/// `step_sizes` are two options each.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::{Rprop, Optimizer};
/// let w = Tensor::from_vec(vec![1.0f32], [1])?.requires_grad_(true);
/// let mut optimizer = Rprop::new([&w], 0.25).etas(0.5, 2.0);
/// w.mul(100.0)?.sum_all()?.backward()?;
/// optimizer.step()?; // d = 0.25
/// optimizer.step()?; // the same sign: d = 0.5
/// assert_eq!(w.item()?, 0.25);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
pub type Rprop = Engine<RpropRule>;

/// The formula of [`Rprop`].
#[derive(Clone, Copy, Debug)]
pub struct RpropRule;

impl Rule for RpropRule {
    fn name(&self) -> &'static str {
        "rprop"
    }

    fn settings(&self) -> &'static [Setting] {
        const SETTINGS: &[Setting] = &[
            Setting::new("lr", 1e-2, Domain::NonNegative),
            Setting::new("etaminus", 0.5, Domain::Positive),
            Setting::new("etaplus", 1.2, Domain::Positive),
            Setting::new("step_size_min", 1e-6, Domain::Number),
            Setting::new("step_size_max", 50.0, Domain::Number),
            Setting::MAXIMIZE,
        ];
        SETTINGS
    }

    fn check(&self, options: &ParamGroup) -> Result<()> {
        let get = |name| options.get(name).unwrap_or(1.0);
        if get("etaminus") >= 1.0 {
            let expected = "less than 1";
            return Err(Error::argument(self.name(), "etaminus", get("etaminus"), expected));
        }
        if get("etaplus") <= 1.0 {
            let expected = "more than 1";
            return Err(Error::argument(self.name(), "etaplus", get("etaplus"), expected));
        }
        Ok(())
    }

    fn states(&self, _: &ParamGroup) -> &'static [&'static str] {
        &["prev", "step_size"]
    }

    fn init(&self, cx: &StepContext<'_>, state: &'static str, p: &Flat) -> Flat {
        p.full_like(if state == "step_size" { cx.get("lr") } else { 0.0 })
    }

    fn update(&self, cx: &StepContext<'_>, p: &Flat, g: &Flat, states: &[Flat]) -> Vec<Flat> {
        let agreement = g * &states[0];
        let (same, opposite) = (agreement.gt(0.0), agreement.lt(0.0));
        let factor = opposite.select(&p.full_like(cx.get("etaminus")), &p.full_like(1.0));
        let factor = same.select(&p.full_like(cx.get("etaplus")), &factor);
        let (least, most) = (cx.get("step_size_min"), cx.get("step_size_max"));
        let step_size = (&states[1] * factor).clamp(least, most);
        let g = opposite.select(&p.full_like(0.0), g);
        vec![p - g.sign() * &step_size, g, step_size]
    }
}

impl Engine<RpropRule> {
    /// Descends on `params` with learning rate `lr`, PyTorch's default being 1e-2.
    pub fn new<P: Into<Tensor>>(params: impl IntoIterator<Item = P>, lr: f64) -> Self {
        Rprop::groups(vec![ParamGroup::new(params)], lr)
    }

    /// As [`Rprop::new`], for groups with options of their own.
    pub fn groups(groups: Vec<ParamGroup>, lr: f64) -> Self {
        Engine::with_rule(RpropRule, groups).with("lr", lr)
    }

    /// By what a step shrinks when its gradient changes sign, and grows when not; 0.5 and 1.2
    /// unless set.
    #[must_use]
    pub fn etas(self, etaminus: f64, etaplus: f64) -> Self {
        self.with("etaminus", etaminus).with("etaplus", etaplus)
    }

    /// The shortest and the longest step; 1e-6 and 50 unless set.
    #[must_use]
    pub fn step_sizes(self, min: f64, max: f64) -> Self {
        self.with("step_size_min", min).with("step_size_max", max)
    }
}
