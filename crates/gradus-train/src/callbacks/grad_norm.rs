//! Watches how large gradients are.

use gradus_autodiff::Tensor;
use gradus_optim::get_total_norm;
use gradus_tensor::{Array, Result};
use serde_json::json;

use super::early_stopping::unreadable;
use crate::callback::{Callback, CallbackState};
use crate::context::Context;
use crate::exact;
use crate::metrics::{Sums, mean_value, weighted_scalar};

const OP: &str = "grad_norm";
const SUM: &str = "sum";
const LARGEST: &str = "largest";

/// Logs the norm of all gradients together: `grad_norm`, the mean over the epoch's steps, and
/// `grad_norm_max`. Gradients that vanish or explode show here first. The norm is taken on the
/// device, after clipping; nothing waits before the epoch ends.
///
/// ```
/// use gradus_train::{Callback, GradNorm};
/// assert_eq!(GradNorm::default().every(10).name(), "grad_norm");
/// ```
#[derive(Clone, Debug)]
pub struct GradNorm {
    every: usize,
    /// Steps of this epoch.
    steps: usize,
    sum: Sums,
    largest: Option<Tensor>,
}

impl Default for GradNorm {
    fn default() -> Self {
        GradNorm { every: 1, steps: 0, sum: Sums::default(), largest: None }
    }
}

impl GradNorm {
    /// Looks at every so many steps only.
    #[must_use]
    pub fn every(mut self, steps: usize) -> Self {
        self.every = steps.max(1);
        self
    }
}

impl Callback for GradNorm {
    fn name(&self) -> &'static str {
        OP
    }

    fn on_epoch_begin(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        (self.steps, self.sum, self.largest) = (0, Sums::default(), None);
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        // Gradients that are still accumulated are nothing that the optimizer sees.
        if !cx.stepped() {
            return Ok(());
        }
        self.steps += 1;
        if !(self.steps - 1).is_multiple_of(self.every) {
            return Ok(());
        }
        let parameters = cx.model().parameters();
        let grads: Vec<Tensor> = parameters.iter().filter_map(Tensor::grad).collect();
        let norm = get_total_norm(&grads, 2.0)?.to_dtype(gradus_tensor::DType::F32)?;
        let norm = Tensor::from(norm.array()?);
        self.sum.add(&weighted_scalar(&norm, 1.0)?)?;
        self.largest = Some(match &self.largest {
            None => norm,
            Some(largest) => Tensor::from(norm.maximum(&largest.to(&norm.device())?)?.array()?),
        });
        Ok(())
    }

    fn on_epoch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        if let Some(largest) = &self.largest {
            cx.log("grad_norm", mean_value(&self.sum.read()?));
            cx.log("grad_norm_max", largest.item()?);
        }
        Ok(())
    }

    fn state(&mut self) -> Result<CallbackState> {
        let mut state = CallbackState::default();
        let sum = self.sum.save(SUM, &mut state.tensors)?;
        if let Some(largest) = &self.largest {
            let array: Array = largest.array()?;
            state.tensors.insert(LARGEST.to_owned(), array);
        }
        state.value = json!({ "sum": sum, "every": self.every, "steps": self.steps });
        Ok(state)
    }

    fn load_state(&mut self, state: CallbackState) -> Result<()> {
        let value = &state.value;
        let sum = Sums::restore(&value["sum"], state.tensors.get(SUM));
        self.sum = sum.ok_or_else(|| unreadable(OP, value))?;
        self.every = exact::count(&value["every"]).unwrap_or(self.every);
        self.steps = exact::count(&value["steps"]).ok_or_else(|| unreadable(OP, value))?;
        self.largest = state.tensors.get(LARGEST).map(|array| Tensor::from(array.clone()));
        Ok(())
    }
}
