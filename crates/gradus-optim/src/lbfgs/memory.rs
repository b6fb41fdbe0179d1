//! What L-BFGS remembers from iteration to iteration.

use std::collections::VecDeque;

use gradus_autodiff::Tensor;
use gradus_tensor::{Array, DType, Device, Error, Kind, Problem, Result, Shape};

use super::{computed, dot};
use crate::optimizer::StateDict;
use crate::state::{state_key, wide};

const OP: &str = "load_state_dict";
/// Changes of the gradient along the step that are too small say nothing about the curvature.
const LEAST_CURVATURE: f64 = 1e-10;

#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    pub(super) n_iter: u64,
    pub(super) func_evals: u64,
    /// Length of the last step.
    pub(super) t: f64,
    /// Factor of the first estimate of the inverse Hessian, the identity.
    h_diag: f64,
    /// The last direction, and the gradient that it was computed from.
    last: Option<[Tensor; 2]>,
    history: VecDeque<Change>,
}

/// A change that was remembered.
#[derive(Clone, Debug)]
struct Change {
    /// Of the gradient, PyTorch's `old_dirs`.
    y: Tensor,
    /// Of the parameters, PyTorch's `old_stps`.
    s: Tensor,
    /// `1 / y·s`.
    ro: f64,
}

impl Memory {
    /// The direction of the next iteration, by the two-loop recursion.
    pub(super) fn direction(&mut self, grad: &Tensor, history_size: usize) -> Result<Tensor> {
        self.n_iter += 1;
        let d = match &self.last {
            None => {
                self.h_diag = 1.0;
                (grad * -1.0)?
            }
            Some([d, previous]) => {
                let (y, s) = (computed((grad - previous)?)?, computed((d * self.t)?)?);
                let ys = dot(&y, &s)?;
                if ys > LEAST_CURVATURE && history_size > 0 {
                    self.history.truncate(self.history.len().min(history_size));
                    if self.history.len() == history_size {
                        self.history.pop_front();
                    }
                    self.h_diag = ys / dot(&y, &y)?;
                    self.history.push_back(Change { y, s, ro: 1.0 / ys });
                }
                self.newton(grad)?
            }
        };
        let d = computed(d)?;
        self.last = Some([d.clone(), grad.clone()]);
        Ok(d)
    }

    /// The estimate of the inverse Hessian times the negative gradient.
    fn newton(&self, grad: &Tensor) -> Result<Tensor> {
        let mut q = (grad * -1.0)?;
        let mut factors = Vec::with_capacity(self.history.len());
        for Change { y, s, ro } in self.history.iter().rev() {
            let factor = dot(s, &q)? * ro;
            q = computed((&q - &(y * factor)?)?)?;
            factors.push(factor);
        }
        let mut r = (&q * self.h_diag)?;
        for (Change { y, s, ro }, factor) in self.history.iter().zip(factors.into_iter().rev()) {
            let back = dot(y, &r)? * ro;
            r = computed((&r + &(s * (factor - back))?)?)?;
        }
        Ok(r)
    }

    /// Enters the memory as the first parameter's state.
    pub(super) fn save(&self, state: &mut StateDict) -> Result<()> {
        if self.func_evals == 0 {
            return Ok(());
        }
        let mut put = |name: &str, array| drop(state.tensors.insert(state_key(0, name), array));
        put("n_iter", Array::from_slice(&[self.n_iter as f64], ())?);
        put("func_evals", Array::from_slice(&[self.func_evals as f64], ())?);
        let Some([d, previous]) = &self.last else { return Ok(()) };
        put("t", Array::from_slice(&[self.t], ())?);
        put("H_diag", Array::from_slice(&[self.h_diag], ())?);
        put("d", d.array()?);
        put("prev_flat_grad", previous.array()?);
        let ro: Vec<f64> = self.history.iter().map(|change| change.ro).collect();
        put("ro", Array::from_slice(&ro, [ro.len()])?);
        for (i, change) in self.history.iter().enumerate() {
            put(&format!("old_dirs.{i}"), change.y.array()?);
            put(&format!("old_stps.{i}"), change.s.array()?);
        }
        Ok(())
    }

    /// What [`Memory::save`] entered, for parameters of so many elements.
    pub(super) fn load(
        state: &StateDict,
        numel: usize,
        dtype: DType,
        device: &Device,
    ) -> Result<Memory> {
        let mut rest: Vec<&String> = state.tensors.keys().collect();
        let mut missing = Vec::new();
        let mut take = |name: &str| {
            let key = state_key(0, name);
            rest.retain(|k| **k != key);
            let array = state.tensors.get(&key);
            if array.is_none() {
                missing.push(key);
            }
            array
        };
        let shape = Shape::from([numel]);
        let vector = |array: Option<&Array>| -> Result<Tensor> {
            let Some(array) = array else { return Ok(Tensor::zeros(0, device)) };
            if *array.shape() != shape {
                let problem = Problem::Rule { rule: "a state has an element for each parameter's" };
                let operands = [("parameters", &shape), ("state", array.shape())];
                return Err(Error::shape(OP, problem, &operands));
            }
            if array.dtype() != dtype {
                let got = vec![array.dtype()];
                return Err(Kind::DType { op: OP, got, expected: "the parameters' type" }.into());
            }
            Ok(Tensor::from(array.to(device)?))
        };
        let mut memory = Memory::default();
        if !state.tensors.is_empty() {
            memory.n_iter = number(take("n_iter"))? as u64;
            memory.func_evals = number(take("func_evals"))? as u64;
        }
        if memory.n_iter > 0 {
            memory.t = number(take("t"))?;
            memory.h_diag = number(take("H_diag"))?;
            memory.last = Some([vector(take("d"))?, vector(take("prev_flat_grad"))?]);
            let ro = take("ro").map(wide).transpose()?.unwrap_or_default();
            for (i, ro) in ro.into_iter().enumerate() {
                let y = vector(take(&format!("old_dirs.{i}")))?;
                let s = vector(take(&format!("old_stps.{i}")))?;
                memory.history.push_back(Change { y, s, ro });
            }
        }
        if missing.is_empty() && rest.is_empty() {
            return Ok(memory);
        }
        let unexpected = rest.into_iter().cloned().collect();
        Err(Kind::StateDict { missing, unexpected }.into())
    }
}

/// One number; 0 for one that is missing, which is reported later.
fn number(array: Option<&Array>) -> Result<f64> {
    match array.map(wide).transpose()?.as_deref() {
        None => Ok(0.0),
        Some(&[value]) if !value.is_nan() => Ok(value),
        Some(values) => Err(Error::argument(OP, "state", format!("{values:?}"), "one number")),
    }
}
