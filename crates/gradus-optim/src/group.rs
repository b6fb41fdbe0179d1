//! `ParamGroup`: parameters that share their options.

use gradus_autodiff::Tensor;
use gradus_tensor::{Error, Result};

use crate::rule::Setting;

/// Parameters and the options they share: `lr`, `weight_decay` and what else the optimizer
/// declares, by PyTorch's names. Flags are 0 or 1; the pair `betas` is `beta1` and `beta2`.
///
/// ```
/// use gradus_autodiff::{Device, Tensor};
/// use gradus_optim::{Adam, Optimizer, ParamGroup};
///
/// let (weight, bias) = (Tensor::zeros([4, 3], &Device::cpu()), Tensor::zeros(4, &Device::cpu()));
/// let groups = vec![
///     ParamGroup::new([&weight]).weight_decay(1e-2),
///     ParamGroup::new([&bias]).lr(1e-2),
/// ];
/// let mut optimizer = Adam::groups(groups, 1e-3);
/// assert_eq!(optimizer.param_groups()[0].get("lr"), Some(1e-3));
/// optimizer.param_groups_mut()[1].set("lr", 1e-4);
/// assert_eq!(optimizer.param_groups()[1].get("lr"), Some(1e-4));
/// ```
#[derive(Clone, Debug)]
pub struct ParamGroup {
    params: Vec<Tensor>,
    options: Vec<Chosen>,
}

#[derive(Clone, Debug)]
struct Chosen {
    name: &'static str,
    value: f64,
    /// Whether the group itself chose it: the optimizer's default no longer matters.
    own: bool,
}

impl ParamGroup {
    /// A group of these parameters, every option at the optimizer's default.
    pub fn new<P: Into<Tensor>>(params: impl IntoIterator<Item = P>) -> Self {
        let params = params.into_iter().map(Into::into).collect();
        ParamGroup { params, options: Vec::new() }
    }

    /// Chooses the learning rate.
    #[must_use]
    pub fn lr(self, lr: f64) -> Self {
        self.with("lr", lr)
    }

    /// Chooses the weight decay.
    #[must_use]
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        self.with("weight_decay", weight_decay)
    }

    /// Chooses an option by name. The next step reports a name that the optimizer does not know
    /// and a value outside the option's domain.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: f64) -> Self {
        self.set(name, value);
        self
    }

    /// The parameters.
    pub fn params(&self) -> &[Tensor] {
        &self.params
    }

    /// An option by name; `None` if the optimizer has none of that name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.options.iter().find(|o| o.name == name).map(|o| o.value)
    }

    /// Sets an option, as schedulers do; see [`ParamGroup::with`].
    pub fn set(&mut self, name: &'static str, value: f64) {
        self.put(name, value, true);
    }

    /// All options by name.
    pub fn options(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        self.options.iter().map(|o| (o.name, o.value))
    }

    fn put(&mut self, name: &'static str, value: f64, own: bool) {
        match self.options.iter_mut().find(|o| o.name == name) {
            Some(option) => *option = Chosen { name, value, own },
            None => self.options.push(Chosen { name, value, own }),
        }
    }

    /// Takes over the optimizer's value of an option that the group did not choose.
    pub(crate) fn put_default(&mut self, name: &'static str, value: f64) {
        if !self.options.iter().any(|o| o.name == name && o.own) {
            self.put(name, value, false);
        }
    }

    /// # Errors
    /// `Kind::Argument` for an option that does not exist or has a bad value.
    pub(crate) fn check(&self, op: &'static str, settings: &[Setting]) -> Result<()> {
        for (name, value) in self.options() {
            match settings.iter().find(|setting| setting.name == name) {
                Some(setting) => setting.check(op, value)?,
                None => return Err(Error::argument(op, name, value, "an option that exists")),
            }
        }
        Ok(())
    }

    /// Adds the defaults of an optimizer.
    pub(crate) fn complete(&mut self, settings: &[Setting]) {
        for setting in settings {
            self.put_default(setting.name, setting.default);
        }
    }
}
