//! State dicts: a module's tensors by name, taken out and put back.

use std::collections::BTreeMap;

use gradus_autodiff::Tensor;
use gradus_tensor::{Array, Device, Error, Kind, Problem, Result};

use crate::visit::{Part, Visit, walk};

/// Parameters and buffers by dotted path, as PyTorch names them: `0.weight`, `layers.1.bias`.
pub type StateDict = BTreeMap<String, Array>;

const OP: &str = "load_state_dict";

/// Names that a partial load could not match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// Names that the model has and the dict has not.
    pub missing: Vec<String>,
    /// Names that the dict has and the model has not.
    pub unexpected: Vec<String>,
}

/// Parameters and buffers under every path that leads to them.
pub(crate) fn entries(module: &dyn Visit) -> Vec<(String, Tensor)> {
    let mut all = Vec::new();
    walk(module, &mut |path, part| {
        let tensor: &Tensor = match part {
            Part::Parameter(parameter) => parameter,
            Part::Buffer(buffer) => buffer,
            Part::Module(_) | Part::Mode(_) | Part::Generator(_) => return,
        };
        all.push((path.to_owned(), tensor.clone()));
    });
    all
}

/// The state dict of a module.
pub(crate) fn dict(module: &dyn Visit) -> Result<StateDict> {
    entries(module).into_iter().map(|(name, tensor)| Ok((name, tensor.array()?))).collect()
}

/// Moves all tensors.
pub(crate) fn move_to(module: &dyn Visit, device: &Device) -> Result<()> {
    for (name, tensor) in entries(module) {
        tensor.move_to(device).map_err(|error| error.within(name))?;
    }
    Ok(())
}

/// Puts a dict's arrays into the module: all of them or, on error, none.
pub(crate) fn load(module: &dyn Visit, dict: &StateDict, strict: bool) -> Result<Mismatch> {
    let entries = entries(module);
    let missing =
        entries.iter().filter(|(name, _)| !dict.contains_key(name)).map(|(name, _)| name.clone());
    let unexpected =
        dict.keys().filter(|name| !entries.iter().any(|(own, _)| own == *name)).cloned();
    let mismatch = Mismatch { missing: missing.collect(), unexpected: unexpected.collect() };
    if strict && mismatch != Mismatch::default() {
        let Mismatch { missing, unexpected } = mismatch;
        return Err(Kind::StateDict { missing, unexpected }.into());
    }
    let mut ready = Vec::with_capacity(entries.len());
    for (name, tensor) in entries {
        if let Some(array) = dict.get(&name) {
            let value = fitted(&tensor, array).map_err(|error| error.within(name))?;
            ready.push((tensor, value));
        }
    }
    for (tensor, value) in ready {
        tensor.set_value(&value)?;
    }
    Ok(mismatch)
}

/// The array as the tensor's type on its device, computed, so that storing it cannot fail.
fn fitted(own: &Tensor, array: &Array) -> Result<Tensor> {
    if own.shape() != *array.shape() {
        let rule = "the given shape differs from the model's";
        let operands = [("given", array.shape()), ("model", &own.shape())];
        return Err(Error::shape(OP, Problem::Rule { rule }, &operands));
    }
    let (from, to) = (array.dtype(), own.dtype());
    if from != to && !(from.is_float() && to.is_float()) {
        let expected = "the model's type (named second), or a float type for another";
        return Err(Kind::DType { op: OP, got: vec![from, to], expected }.into());
    }
    let value = Tensor::from(array.clone()).to_dtype(to)?.to(&own.device())?;
    Ok(value.array()?.into())
}
