//! `Supervised`: a model and a loss as a learner.

use gradus_autodiff::Tensor;
use gradus_nn::{Layer, Loss, Module};
use gradus_tensor::{DType, Device, Error, Kind, Problem, Result};

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
        step.advice = twice(loss, &prediction);
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

/// Advice for a model that ends with what its loss applies.
fn twice(loss: &dyn Loss, prediction: &Tensor) -> Option<String> {
    let applied = loss.applies()?;
    (prediction.grad_fn()? == applied).then(|| {
        format!(
            "the model ends with {applied}, and the loss applies it again: the gradients become \
             small. Leave the model's out, or take a loss of probabilities"
        )
    })
}

/// `Σ w·l / N`, Keras' `sum_over_batch_size`.
fn weighted(each: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let rows = per_sample(each)?;
    rows.mul(&column(&rows, weight)?)?.mean_all()
}

/// Sample weights times the weights of the samples' classes.
fn weights(step: &Step, y: &Tensor, weight: Option<&Tensor>) -> Result<Option<Tensor>> {
    let Some(classes) = &step.class_weight else { return Ok(weight.cloned()) };
    let by_class = classes.of(step.op, y)?;
    Ok(Some(match weight {
        None => by_class,
        Some(weight) => by_class.mul(&column(&by_class, weight)?)?,
    }))
}

/// Weights of the classes 0.. in a loss.
#[derive(Clone, Debug)]
pub(crate) struct ClassWeights {
    /// The weights, with a 1 on both sides: that of any other label, as in Keras.
    table: Tensor,
    classes: usize,
}

impl ClassWeights {
    /// None for no weights.
    pub(crate) fn new(weights: &[f32], device: &Device) -> Result<Option<Self>> {
        let classes = weights.len();
        if classes == 0 {
            return Ok(None);
        }
        let table = [&[1.0], weights, &[1.0]].concat();
        let table = Tensor::from_vec(table, [classes + 2])?.to(device)?;
        Ok(Some(ClassWeights { table, classes }))
    }

    /// The weights `[N]` of labels `[N]`, `[N, 1]` or one-hot `[N, C]`.
    fn of(&self, op: &'static str, y: &Tensor) -> Result<Tensor> {
        let labels = match y.shape().dims() {
            // A column of zeros and ones, float or not.
            [_] | [_, 1] => y.reshape(&[-1])?,
            [_, _] => y.argmax(Some(1), false)?,
            _ => {
                let rule = "class weights need class indices [N] or one-hot rows [N, C]";
                let operands = [("target", &y.shape()), ("class_weight", &self.table.shape())];
                return Err(Error::shape(op, Problem::Rule { rule }, &operands));
            }
        };
        let labels = if labels.dtype().is_float() { labels.round()? } else { labels };
        // An index beyond the table must never reach a device: not every one reports it.
        let labels = labels.to_dtype(DType::I32)?.clamp(-1.0, self.classes as f64)?;
        let entries = (&labels + 1.0)?.to_dtype(DType::I32)?;
        self.table.to(&y.device())?.index_select(0, &entries)
    }
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
