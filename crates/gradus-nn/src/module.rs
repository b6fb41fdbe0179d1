//! `Module`: what everything with parameters can do.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use gradus_autodiff::Tensor;
use gradus_tensor::{Device, Result};

use crate::state::{self, Mismatch, StateDict};
use crate::visit::{Part, Visit, walk};

/// Something with parameters: a layer, a model, a list of them.
///
/// Implemented by `#[derive(Module)]`; all methods follow from [`Visit`]. Names are PyTorch's:
/// fields joined by dots, list items by number. A module changes through shared references, as
/// its tensors do, and its clones share them.
///
/// ```
/// use gradus_nn::{Linear, Module, Result, Tensor};
///
/// #[derive(Module)]
/// struct Net {
///     fc: Vec<Linear>,
///     scale: f64,
/// }
///
/// let net = Net { fc: vec![Linear::new(4, 3)?, Linear::new(3, 2)?], scale: 0.5 };
/// let names: Vec<String> = net.named_parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["fc.0.weight", "fc.0.bias", "fc.1.weight", "fc.1.bias"]);
/// assert_eq!(net.num_parameters(), 4 * 3 + 3 + 3 * 2 + 2);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
///
/// A field that is neither a part of a module nor a plain setting does not compile:
///
/// ```compile_fail
/// use gradus_nn::{Module, Tensor};
/// #[derive(Module)]
/// struct Net {
///     weight: Tensor, // `Parameter` or `Buffer`?
/// }
/// ```
///
/// unless it is marked `#[module(skip)]`:
///
/// ```
/// use gradus_nn::{Module, Tensor};
/// #[derive(Module)]
/// struct Net {
///     #[module(skip)]
///     weight: Tensor,
/// }
/// # let net = Net { weight: Tensor::scalar(1.0) };
/// # assert_eq!((net.num_parameters(), net.weight.numel()), (0, 1));
/// ```
#[diagnostic::on_unimplemented(note = "write `#[derive(Module)]` above the struct")]
pub trait Module: Visit {
    /// Every parameter once, in the order of the fields: what an optimizer takes. Frozen ones
    /// are among them.
    fn parameters(&self) -> Vec<Tensor> {
        parameters(&self)
    }

    /// As [`Module::parameters`], with paths; one that is shared has its first.
    fn named_parameters(&self) -> Vec<(String, Tensor)> {
        named_parameters(&self)
    }

    /// Every buffer once, with its path.
    fn named_buffers(&self) -> Vec<(String, Tensor)> {
        distinct(&self, |part| match part {
            Part::Buffer(buffer) => Some(buffer),
            _ => None,
        })
    }

    /// Number of trained numbers; a shared parameter counts once.
    fn num_parameters(&self) -> usize {
        parameters(&self).iter().map(Tensor::numel).sum()
    }

    /// Switches every layer to training: dropout drops, batch statistics are taken.
    fn train(&self) {
        self.set_training(true);
    }

    /// Switches every layer to evaluation.
    fn eval(&self) {
        self.set_training(false);
    }

    /// Switches every layer to training or evaluation.
    fn set_training(&self, training: bool) {
        walk(self, &mut |_, part| {
            if let Part::Mode(mode) = part {
                mode.set_training(training);
            }
        });
    }

    /// Moves parameters, their gradients and buffers, and returns the module. A reference works
    /// too: `(&model).to(&device)?`.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`, `Kind::DeviceLost`; `Kind::Unsupported` for float64 on a GPU.
    fn to(self, device: &Device) -> Result<Self>
    where
        Self: Sized,
    {
        self.move_to(device)?;
        Ok(self)
    }

    /// As [`Module::to`], in place.
    ///
    /// # Errors
    /// As [`Module::to`]; the error names the tensor.
    fn move_to(&self, device: &Device) -> Result<()> {
        state::move_to(&self, device)
    }

    /// Forgets all gradients.
    fn zero_grad(&self) {
        parameters(&self).iter().for_each(Tensor::zero_grad);
    }

    /// Freezes (`false`) or trains (`true`) every parameter.
    fn requires_grad_(&self, wanted: bool) {
        for parameter in parameters(&self) {
            // The flag belongs to the shared tensor; the handle is not needed.
            let _ = parameter.requires_grad_(wanted);
        }
    }

    /// Parameters and buffers by path, as they are now. A shared one stands under each of its
    /// paths.
    ///
    /// # Errors
    /// What computing pending elements can report.
    fn state_dict(&self) -> Result<StateDict> {
        state::dict(&self)
    }

    /// Takes parameters and buffers by path from [`Module::state_dict`] or a file. Every name
    /// must match; float types are converted. On error nothing is changed.
    ///
    /// Names that another program chose are changed on the way:
    ///
    /// ```
    /// use gradus_nn::{Lstm, LstmCell, Module, StateDict};
    /// let (cell, layer) = (LstmCell::new(3, 4)?, Lstm::new(3, 4)?);
    /// assert!(layer.load_state_dict(&cell.state_dict()?).is_err());
    /// let dict = cell.state_dict()?;
    /// let dict: StateDict = dict.into_iter().map(|(k, v)| (format!("{k}_l0"), v)).collect();
    /// layer.load_state_dict(&dict)?;
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::StateDict` that lists what is missing and unexpected; `Kind::Shape` and
    /// `Kind::DType` that name the tensor.
    fn load_state_dict(&self, dict: &StateDict) -> Result<()> {
        state::load(&self, dict, true).map(|_| ())
    }

    /// As [`Module::load_state_dict`] for the names that match, such as a pre-trained body under
    /// a new head; returns the others. PyTorch: `strict=False`.
    ///
    /// # Errors
    /// `Kind::Shape` and `Kind::DType` that name the tensor.
    fn load_state_dict_partial(&self, dict: &StateDict) -> Result<Mismatch> {
        state::load(&self, dict, false)
    }

    /// Writes the state dict as a `.safetensors` file.
    ///
    /// # Errors
    /// `Kind::Io` when the file cannot be written, `Kind::DeviceLost`.
    fn save(&self, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        gradus_io::write_safetensors(path, &self.state_dict()?, &BTreeMap::new())
    }

    /// Takes the state dict of a `.safetensors` file, PyTorch's included.
    ///
    /// # Errors
    /// `Kind::Io`, `Kind::Format`; as [`Module::load_state_dict`], naming the file.
    fn load(&self, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        let path = path.as_ref();
        let file = gradus_io::read_safetensors(path)?;
        self.load_state_dict(&file.tensors)
            .map_err(|error| error.within(path.display().to_string()))
    }
}

// The bodies of the methods that do something take any module by one type: compiled for every
// module, they were a third of this crate.

fn named_parameters(module: &dyn Visit) -> Vec<(String, Tensor)> {
    distinct(module, |part| match part {
        Part::Parameter(parameter) => Some(parameter),
        _ => None,
    })
}

fn parameters(module: &dyn Visit) -> Vec<Tensor> {
    named_parameters(module).into_iter().map(|(_, tensor)| tensor).collect()
}

/// The wanted tensors with the path where each is found first.
fn distinct(
    module: &dyn Visit,
    pick: for<'a> fn(Part<'a>) -> Option<&'a Tensor>,
) -> Vec<(String, Tensor)> {
    let mut all: Vec<(String, Tensor)> = Vec::new();
    walk(module, &mut |path, part| {
        if let Some(tensor) = pick(part)
            && !all.iter().any(|(_, known)| known.is_same(tensor))
        {
            all.push((path.to_owned(), tensor.clone()));
        }
    });
    all
}

impl<T: Module + ?Sized> Module for &T {}
impl<T: Module + ?Sized> Module for Box<T> {}
impl<T: Module + ?Sized> Module for Arc<T> {}
impl<T: Module> Module for Option<T> {}
impl<T: Module> Module for [T] {}
impl<T: Module> Module for Vec<T> {}
impl<T: Module, const N: usize> Module for [T; N] {}
impl<T: Module> Module for BTreeMap<String, T> {}
impl<A: Module, B: Module> Module for (A, B) {}
impl<A: Module, B: Module, C: Module> Module for (A, B, C) {}
