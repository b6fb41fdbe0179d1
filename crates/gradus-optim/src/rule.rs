//! `Rule`: an optimizer as its formula, with the names of its options and states.

use gradus_autodiff::Tensor;
use gradus_tensor::{Error, Result, Shape};

use crate::flat::Flat;
use crate::group::ParamGroup;

/// An optimizer's formula. Wrap it in an [`Engine`](crate::Engine) to train with it.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::{Domain, Engine, Flat, Optimizer, ParamGroup, Rule, Setting, StepContext};
///
/// /// Moves every parameter by `lr` against the sign of its gradient.
/// struct SignDescent;
///
/// impl Rule for SignDescent {
///     fn name(&self) -> &'static str {
///         "sign_descent"
///     }
///     fn settings(&self) -> &'static [Setting] {
///         const SETTINGS: &[Setting] = &[Setting::new("lr", 0.1, Domain::NonNegative)];
///         SETTINGS
///     }
///     fn states(&self, _: &ParamGroup) -> &'static [&'static str] {
///         &[]
///     }
///     fn update(&self, cx: &StepContext<'_>, p: &Flat, g: &Flat, _: &[Flat]) -> Vec<Flat> {
///         vec![p - cx.get("lr") * g.sign()]
///     }
/// }
///
/// let w = Tensor::from_vec(vec![3.0f32], [1])?.requires_grad_(true);
/// w.square()?.sum_all()?.backward()?;
/// Engine::with_rule(SignDescent, vec![ParamGroup::new([&w]).lr(0.5)]).step()?;
/// assert_eq!(w.item()?, 2.5);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
pub trait Rule {
    /// The name in errors and state dicts.
    fn name(&self) -> &'static str;

    /// The options with their defaults, `lr` first. An option `maximize` is served by the engine:
    /// the formula sees the negative gradient.
    fn settings(&self) -> &'static [Setting];

    /// What options must fulfil together.
    ///
    /// # Errors
    /// `Kind::Argument` naming the option at fault.
    fn check(&self, _options: &ParamGroup) -> Result<()> {
        Ok(())
    }

    /// The states kept for every element under these options, by PyTorch's names.
    fn states(&self, options: &ParamGroup) -> &'static [&'static str];

    /// The elements a state starts with; zeros unless overridden.
    fn init(&self, _cx: &StepContext<'_>, _state: &'static str, p: &Flat) -> Flat {
        p.full_like(0.0)
    }

    /// Numbers kept besides the states, one of each for all elements, by PyTorch's names and with
    /// their first values; they are saved with the states. None unless overridden.
    fn numbers(&self, _options: &ParamGroup) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// The numbers that the next step finds, in the order of [`Rule::numbers`]; this step's
    /// formula sees the old ones.
    fn next_numbers(&self, cx: &StepContext<'_>) -> Vec<f64> {
        cx.numbers.iter().map(|(_, value)| *value).collect()
    }

    /// Whether the formula looks at a parameter as a whole, as at its norm, and not at each
    /// element alone. Then every call of [`Rule::update`] is about one parameter.
    fn is_per_parameter(&self) -> bool {
        false
    }

    /// What a parameter must fulfil to be trained with this optimizer.
    ///
    /// # Errors
    /// What is wrong with it.
    fn check_param(&self, _param: &Tensor) -> Result<()> {
        Ok(())
    }

    /// The new parameters, then every new state in the order of [`Rule::states`].
    fn update(&self, cx: &StepContext<'_>, p: &Flat, g: &Flat, states: &[Flat]) -> Vec<Flat>;
}

/// An option of a [`Rule`].
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub(crate) name: &'static str,
    pub(crate) default: f64,
    pub(crate) domain: Domain,
}

/// The values that an option may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Domain {
    /// Any number.
    Number,
    /// 0 or more.
    NonNegative,
    /// More than 0.
    Positive,
    /// At least 0 and less than 1.
    Fraction,
    /// At least 0 and at most 1.
    Unit,
    /// 0 or 1: off or on.
    Flag,
}

impl Setting {
    /// PyTorch's `maximize`.
    pub const MAXIMIZE: Setting = Setting::new("maximize", 0.0, Domain::Flag);

    /// An option, its default and its domain.
    pub const fn new(name: &'static str, default: f64, domain: Domain) -> Self {
        Setting { name, default, domain }
    }

    /// # Errors
    /// `Kind::Argument` for a value outside the domain.
    pub(crate) fn check(&self, op: &'static str, value: f64) -> Result<()> {
        let (allowed, expected) = match self.domain {
            Domain::Number => (!value.is_nan(), "a number"),
            Domain::NonNegative => (value >= 0.0, "0 or more"),
            Domain::Positive => (value > 0.0, "more than 0"),
            Domain::Unit => ((0.0..=1.0).contains(&value), "in [0, 1]"),
            Domain::Fraction => ((0.0..1.0).contains(&value), "in [0, 1)"),
            Domain::Flag => (value == 0.0 || value == 1.0, "0 or 1"),
        };
        if allowed { Ok(()) } else { Err(Error::argument(op, self.name, value, expected)) }
    }
}

/// What a formula may ask about the step being taken.
#[derive(Clone, Copy, Debug)]
pub struct StepContext<'a> {
    pub(crate) group: &'a ParamGroup,
    pub(crate) step: u64,
    /// Which states did not exist before this step.
    pub(crate) fresh: &'a [bool],
    /// The rule's numbers.
    pub(crate) numbers: &'a [(&'static str, f64)],
    /// Shape of the parameter, where there is only one.
    pub(crate) shape: &'a Shape,
}

impl StepContext<'_> {
    /// An option of the parameters' group. Options change without a new kernel being compiled.
    pub fn get(&self, name: &str) -> f64 {
        let value = self.group.get(name);
        debug_assert!(value.is_some(), "`{name}` is not among the rule's settings");
        value.unwrap_or(f64::NAN)
    }

    /// Whether a flag is on.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name) != 0.0
    }

    /// Number of this step for these parameters, from 1; steps without their gradients do not
    /// count.
    pub fn step(&self) -> f64 {
        self.step as f64
    }

    /// Whether state number `i` did not exist before this step.
    pub fn is_fresh(&self, i: usize) -> bool {
        self.fresh.get(i).copied().unwrap_or(true)
    }

    /// Number `i` of [`Rule::numbers`], as the last step left it.
    pub fn number(&self, i: usize) -> f64 {
        self.numbers.get(i).map_or(f64::NAN, |(_, value)| *value)
    }

    /// The parameter's shape, where [`Rule::is_per_parameter`]; else that of the first one.
    pub fn shape(&self) -> &Shape {
        self.shape
    }

    /// Parameters and gradient with the weight decay: apart from the gradient where the option
    /// `decoupled_weight_decay` is on, else by [`StepContext::l2`].
    pub fn decay(&self, p: &Flat, g: &Flat) -> (Flat, Flat) {
        match self.get("weight_decay") {
            decay if decay != 0.0 && self.flag("decoupled_weight_decay") => {
                (p * (1.0 - self.get("lr") * decay), g.clone())
            }
            _ => (p.clone(), self.l2(p, g)),
        }
    }

    /// The gradient with the L2 penalty's: `g + weight_decay · p`.
    pub fn l2(&self, p: &Flat, g: &Flat) -> Flat {
        match self.get("weight_decay") {
            0.0 => g.clone(),
            weight_decay => g + p * weight_decay,
        }
    }
}
