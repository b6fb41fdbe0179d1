//! `Optimizer`: what training loops and schedulers know about an optimizer.

use std::path::Path;

use gradus_io::{read_safetensors, write_safetensors};
use gradus_tensor::{Error, Result};

use crate::group::ParamGroup;

/// An optimizer's state as named tensors, `state.0.exp_avg`, `state.0.step` …, with PyTorch's
/// names and numbering, and its options as metadata, `param_groups.0.lr` ….
pub use gradus_io::SafeTensorsFile as StateDict;

/// Something that moves parameters along their gradients.
pub trait Optimizer {
    /// Moves every parameter that has a gradient; the others, and their states, stay as they are.
    ///
    /// Tensors computed before keep the values they were computed from, even if they are read
    /// later.
    ///
    /// # Errors
    /// `Kind::Argument` for an option outside its domain, an option that does not exist, a
    /// parameter given twice or none at all; `Kind::Autograd` for a parameter that is the result
    /// of an operation; `Kind::DType` for one that is no float; `Kind::Shape`, `Kind::DType` or
    /// `Kind::Device` for a gradient that does not fit its parameter. Then nothing has changed.
    /// `Kind::OutOfMemory` and `Kind::DeviceLost` may leave a large model partly updated, each
    /// parameter with its state before or after the step.
    fn step(&mut self) -> Result<()>;

    /// Forgets the gradients of all parameters.
    fn zero_grad(&self);

    /// The groups of parameters with their options.
    fn param_groups(&self) -> &[ParamGroup];

    /// The groups, to change options.
    fn param_groups_mut(&mut self) -> &mut [ParamGroup];

    /// How many optimizers it is made of: 1 unless it is [`Optimizers`](crate::Optimizers).
    fn parts(&self) -> usize {
        1
    }

    /// The groups of one of these; none for a number that there is none of.
    fn part_groups(&self, part: usize) -> &[ParamGroup] {
        if part == 0 { self.param_groups() } else { &[] }
    }

    /// Moves the parameters of one of these.
    ///
    /// # Errors
    /// As [`Optimizer::step`]; `Kind::Argument` for a number that there is none of.
    fn step_part(&mut self, part: usize) -> Result<()> {
        match part {
            0 => self.step(),
            _ => Err(Error::argument("optimizer", "part", part, "0: there is one optimizer")),
        }
    }

    /// A snapshot of states and options: later steps do not change it.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`.
    fn state_dict(&self) -> Result<StateDict>;

    /// Goes on where the optimizer that made `state` was. Its options replace the present ones.
    ///
    /// # Errors
    /// `Kind::StateDict` for missing or surplus names, `Kind::Shape` for a state of another
    /// shape, `Kind::DType` for another type, `Kind::Argument` for another optimizer's state,
    /// other groups or an option outside its domain. Then nothing has changed.
    fn load_state_dict(&mut self, state: &StateDict) -> Result<()>;

    /// Writes the state dict as a `.safetensors` file, atomically.
    ///
    /// # Errors
    /// As [`write_safetensors`].
    fn save<P: AsRef<Path>>(&self, path: P) -> Result<()>
    where
        Self: Sized,
    {
        let state = self.state_dict()?;
        write_safetensors(path, &state.tensors, &state.metadata)
    }

    /// Loads what [`Optimizer::save`] wrote.
    ///
    /// # Errors
    /// As [`read_safetensors`] and [`Optimizer::load_state_dict`], naming the file.
    fn load<P: AsRef<Path>>(&mut self, path: P) -> Result<()>
    where
        Self: Sized,
    {
        let path = path.as_ref();
        let state = read_safetensors(path)?;
        self.load_state_dict(&state).map_err(|error| error.within(path.display().to_string()))
    }
}

impl<O: Optimizer + ?Sized> Optimizer for Box<O> {
    fn step(&mut self) -> Result<()> {
        (**self).step()
    }

    fn zero_grad(&self) {
        (**self).zero_grad();
    }

    fn param_groups(&self) -> &[ParamGroup] {
        (**self).param_groups()
    }

    fn param_groups_mut(&mut self) -> &mut [ParamGroup] {
        (**self).param_groups_mut()
    }

    fn parts(&self) -> usize {
        (**self).parts()
    }

    fn part_groups(&self, part: usize) -> &[ParamGroup] {
        (**self).part_groups(part)
    }

    fn step_part(&mut self, part: usize) -> Result<()> {
        (**self).step_part(part)
    }

    fn state_dict(&self) -> Result<StateDict> {
        (**self).state_dict()
    }

    fn load_state_dict(&mut self, state: &StateDict) -> Result<()> {
        (**self).load_state_dict(state)
    }
}
