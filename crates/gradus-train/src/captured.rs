//! Training steps that are recorded once and repeated; `FitOptions::capture` asks for them.

use gradus_autodiff::{Capture, Tensor};
use gradus_tensor::{Result, Shape};

use crate::fit::must_be_scalar;
use crate::learner::{Learner, Observed, Step};

/// The recordings of a run, and what their results are.
#[derive(Default)]
pub(crate) struct CapturedSteps {
    pub(crate) capture: Capture,
    /// For batches of these shapes.
    results: Vec<(Vec<Shape>, Results)>,
}

/// What a step gives after its loss, in this order.
struct Results {
    logged: Vec<String>,
    observed: bool,
    weight: bool,
}

impl CapturedSteps {
    /// Gradients of zero, forward and backward. The step is told what the learner reported.
    ///
    /// # Errors
    /// Those of the learner; `Kind::Shape` for a loss that is no number.
    pub(crate) fn run(
        &mut self,
        learner: &mut impl Learner,
        step: &mut Step,
        columns: &[Tensor],
    ) -> Result<Tensor> {
        let shapes: Vec<Shape> = columns.iter().map(Tensor::shape).collect();
        let inputs: Vec<&Tensor> = columns.iter().collect();
        let results = &mut self.results;
        let mut tensors = self.capture.run(&inputs, |columns| {
            learner.module().zero_grad();
            let loss = learner.training_step(columns, step)?;
            must_be_scalar(&loss)?;
            loss.backward()?;
            results.retain(|(known, _)| *known != shapes);
            results.push((shapes.clone(), Results::of(step)));
            Ok([loss.detach()].into_iter().chain(given(step)).collect())
        })?;
        let loss = tensors.remove(0);
        if let Some((_, results)) = results.iter().find(|(known, _)| *known == shapes) {
            results.tell(step, tensors.into_iter());
        }
        Ok(loss)
    }
}

/// The tensors that a step reported.
fn given(step: &mut Step) -> Vec<Tensor> {
    let logged = std::mem::take(&mut step.logged).into_iter().map(|(_, value)| value);
    let seen = step.observed.take().into_iter();
    logged
        .chain(seen.flat_map(|seen| [seen.prediction, seen.target].into_iter().chain(seen.weight)))
        .collect()
}

impl Results {
    fn of(step: &Step) -> Self {
        let weight = step.observed.as_ref().is_some_and(|seen| seen.weight.is_some());
        let logged = step.logged.iter().map(|(name, _)| name.clone()).collect();
        Results { logged, observed: step.observed.is_some(), weight }
    }

    /// The reverse of [`given`].
    fn tell(&self, step: &mut Step, mut tensors: impl Iterator<Item = Tensor>) {
        step.logged = self.logged.iter().cloned().zip(&mut tensors).collect();
        step.observed = match (self.observed, tensors.next(), tensors.next()) {
            (true, Some(prediction), Some(target)) => {
                let weight = if self.weight { tensors.next() } else { None };
                Some(Observed { prediction, target, weight })
            }
            _ => None,
        };
    }
}
