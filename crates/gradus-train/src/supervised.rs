//! `Supervised`: a model and a loss as a learner.

use gradus_autodiff::Tensor;
use gradus_nn::{Layer, Loss, Module};
use gradus_tensor::{DType, Error, Kind, Problem, Result};

use crate::learner::{Learner, Step, columns};
use crate::metrics::{column, per_sample};

/// The learner of [`Trainer::new`](crate::Trainer::new): batches are `(x, y)` or
/// `(x, y, sample weights)`.
pub struct Supervised<M> {
    pub(crate) model: M,
    pub(crate) loss: Option<Box<dyn Loss>>,
}

impl<M: Layer> Supervised<M> {
    fn loss(&self, op: &'static str) -> Result<&dyn Loss> {
        self.loss.as_deref().ok_or_else(|| {
            Error::argument(op, "loss", "not set", "a loss: `Trainer::new(model).loss(..)`")
        })
    }
}

impl<M: Layer> Learner for Supervised<M> {
    fn module(&self) -> &dyn Module {
        &self.model
    }

    fn training_step(&mut self, batch: &[Tensor], step: &mut Step) -> Result<Tensor> {
        let loss = self.loss(step.op)?;
        let (x, y, weight) = match batch {
            [x, y] => (x, y, None),
            [x, y, weight] => (x, y, Some(weight)),
            _ => return Err(columns(step.op, batch, "2 (x, y), or 3 with sample weights")),
        };
        let prediction = self.model.forward(x)?;
        let weight = weights(step, y, weight)?;
        step.observe(&prediction, y, weight.as_ref());
        let value = match &weight {
            None => loss.forward(&prediction, y).and_then(|loss| loss.mean_all()),
            Some(weight) => loss.each(&prediction, y).and_then(|each| weighted(&each, weight)),
        };
        value.map_err(|error| with_cure(step.op, error, &prediction, y))
    }

    fn predict_step(&self, x: &Tensor) -> Result<Tensor> {
        self.model.forward(x)
    }
}

/// `Σ w·l / N`, Keras' `sum_over_batch_size`.
fn weighted(each: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let rows = per_sample(each)?;
    rows.mul(&column(&rows, weight)?)?.mean_all()
}

/// Sample weights times the weights of the samples' classes.
fn weights(step: &Step, y: &Tensor, weight: Option<&Tensor>) -> Result<Option<Tensor>> {
    let Some(classes) = &step.class_weight else { return Ok(weight.cloned()) };
    let labels = match y.shape().dims() {
        [_] if !y.dtype().is_float() => y.to_dtype(DType::I32)?,
        // A column of zeros and ones, float or not.
        [_] | [_, 1] => y.reshape(&[-1])?.to_dtype(DType::I32)?,
        [_, n] if *n == classes.numel() => y.argmax(Some(1), false)?,
        _ => {
            let rule = "class weights need class indices [N] or one-hot rows [N, C], C being the \
                        number of weights";
            let operands = [("target", &y.shape()), ("class_weight", &classes.shape())];
            return Err(Error::shape(step.op, Problem::Rule { rule }, &operands));
        }
    };
    let by_class = classes.to(&y.device())?.index_select(0, &labels)?;
    Ok(Some(match weight {
        None => by_class,
        Some(weight) => by_class.mul(&column(&by_class, weight)?)?,
    }))
}

/// Says what to do when class indices meet a loss that compares element by element.
fn with_cure(op: &'static str, error: Error, prediction: &Tensor, y: &Tensor) -> Error {
    let (sp, sy) = (prediction.shape(), y.shape());
    let indices = !y.dtype().is_float() && sp.rank() == 2 && sy.dims() == [sp[0]] && sp[1] > 1;
    if !indices || !matches!(error.kind(), Kind::Shape { .. } | Kind::DType { .. }) {
        return error;
    }
    let expected = "one-hot rows, since this loss compares elements: convert the labels with \
                    `one_hot(classes)`, or use CrossEntropyLoss, which takes class indices";
    Error::from(Kind::DType { op, got: vec![y.dtype()], expected }).within(error.to_string())
}
