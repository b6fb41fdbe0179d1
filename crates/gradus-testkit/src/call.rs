//! One call of an operation: named inputs and options in, named outputs out.

use std::collections::BTreeMap;

use gradus_autodiff::{Error, Result, Tensor};

use crate::attrs::Attrs;

/// What a row of the op registry computes from.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) op: &'a str,
    pub(crate) attrs: &'a Attrs,
    pub(crate) inputs: &'a BTreeMap<String, Tensor>,
}

/// Outputs by name.
pub(crate) type Outputs = BTreeMap<String, Tensor>;

/// A row of the registry: PyTorch's name and how gradus computes it.
pub(crate) struct Row {
    pub(crate) op: &'static str,
    pub(crate) run: fn(&Call<'_>) -> Result<Outputs>,
}

/// A row with any outputs.
pub(crate) const fn row(op: &'static str, run: fn(&Call<'_>) -> Result<Outputs>) -> Row {
    Row { op, run }
}

/// The output of most ops is called `y`.
pub(crate) fn y(result: Result<Tensor>) -> Result<Outputs> {
    Ok(Outputs::from([("y".to_owned(), result?)]))
}

impl Call<'_> {
    /// An input.
    pub(crate) fn input(&self, name: &str) -> Result<&Tensor> {
        self.optional(name)
            .ok_or_else(|| Error::argument("case", "input", name, "one of the case's inputs"))
    }

    /// An input that the case may lack.
    pub(crate) fn optional(&self, name: &str) -> Option<&Tensor> {
        self.inputs.get(name)
    }

    /// The input of one-operand ops.
    pub(crate) fn x(&self) -> Result<&Tensor> {
        self.input("x")
    }

    /// The first input of two-operand ops.
    pub(crate) fn a(&self) -> Result<&Tensor> {
        self.input("a")
    }

    /// The second input of two-operand ops.
    pub(crate) fn b(&self) -> Result<&Tensor> {
        self.input("b")
    }

    /// Inputs by their order in the alphabet: `a`, `b`, `c` …
    pub(crate) fn all(&self) -> Vec<&Tensor> {
        self.inputs.values().collect()
    }
}
