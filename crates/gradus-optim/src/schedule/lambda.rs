//! Schedules by functions of the caller's.

use std::fmt;

use gradus_tensor::{Error, Result};

use super::{Moment, Schedule};

/// A function of the step's number.
type Function = Box<dyn Fn(u64) -> f64 + Send + Sync>;

/// One function for all groups, or one each.
struct Functions {
    each: Vec<Function>,
    shared: bool,
}

impl Functions {
    fn at(&self, op: &'static str, at: &Moment) -> Result<f64> {
        let function = self.each.get(if self.shared { 0 } else { at.group });
        let function = function.ok_or_else(|| self.too_few(op, at.group + 1))?;
        Ok(function(at.step))
    }

    fn check(&self, op: &'static str, groups: usize) -> Result<()> {
        let fits = self.shared || self.each.len() == groups;
        if fits { Ok(()) } else { Err(self.too_few(op, groups)) }
    }

    fn too_few(&self, op: &'static str, groups: usize) -> Error {
        let value = format!("{} functions for {groups} groups", self.each.len());
        Error::argument(op, "lr_lambda", value, "one function, or one a group")
    }
}

macro_rules! by_functions {
    ($type:ident, $name:literal, $(#[$doc:meta])*) => {
        $(#[$doc])*
        pub struct $type {
            functions: Functions,
        }

        impl $type {
            /// The same function for all groups.
            pub fn new(lr_lambda: impl Fn(u64) -> f64 + Send + Sync + 'static) -> Self {
                $type { functions: Functions { each: vec![Box::new(lr_lambda)], shared: true } }
            }

            /// A function for each group.
            pub fn each(lr_lambdas: Vec<Box<dyn Fn(u64) -> f64 + Send + Sync>>) -> Self {
                $type { functions: Functions { each: lr_lambdas, shared: false } }
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({} functions)", $name, self.functions.each.len())
            }
        }
    };
}

by_functions! {
    LambdaLr, "LambdaLR",
    /// Scales the base rate by a function of the step.
    ///
    /// *Formula*: `lr = base_lr · f(t)`.
    ///
    /// *Source*: `torch.optim.lr_scheduler.LambdaLR`.
    ///
    /// ```
    /// use gradus_optim::{LambdaLr, preview};
    /// let schedule = LambdaLr::new(|step| 1.0 / (1 + step) as f64);
    /// assert_eq!(preview(&schedule, 2.0, 4)?, [2.0, 1.0, 2.0 / 3.0, 0.5]);
    /// # Ok::<(), gradus_tensor::Error>(())
    /// ```
}

by_functions! {
    MultiplicativeLr, "MultiplicativeLR",
    /// Multiplies the last rate by a function of the step.
    ///
    /// *Formula*: `lr *= f(t)` at every step but the first.
    ///
    /// *Source*: `torch.optim.lr_scheduler.MultiplicativeLR`.
    ///
    /// ```
    /// use gradus_optim::{MultiplicativeLr, preview};
    /// let schedule = MultiplicativeLr::new(|step| if step < 3 { 0.5 } else { 1.0 });
    /// assert_eq!(preview(&schedule, 2.0, 4)?, [2.0, 1.0, 0.5, 0.5]);
    /// # Ok::<(), gradus_tensor::Error>(())
    /// ```
}

impl Schedule for LambdaLr {
    fn name(&self) -> &'static str {
        "LambdaLR"
    }

    fn check(&self, groups: usize) -> Result<()> {
        self.functions.check(self.name(), groups)
    }

    fn lr(&self, at: &Moment) -> Result<f64> {
        Ok(at.base_lr * self.functions.at(self.name(), at)?)
    }
}

impl Schedule for MultiplicativeLr {
    fn name(&self) -> &'static str {
        "MultiplicativeLR"
    }

    fn check(&self, groups: usize) -> Result<()> {
        self.functions.check(self.name(), groups)
    }

    fn lr(&self, at: &Moment) -> Result<f64> {
        match at.step {
            0 => Ok(at.lr),
            _ => self.restart(at),
        }
    }

    /// Goes on with the last schedule's rate, as PyTorch does.
    fn restart(&self, at: &Moment) -> Result<f64> {
        Ok(at.lr * self.functions.at(self.name(), at)?)
    }
}
