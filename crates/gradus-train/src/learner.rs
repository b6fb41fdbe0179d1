//! `Learner`: what a trainer trains. `Supervised` is the one for a model and a loss.

use gradus_autodiff::Tensor;
use gradus_nn::Module;
use gradus_tensor::{Device, Error, Kind, Result};

use crate::supervised::ClassWeights;

/// A model that knows how to take one step, for what is more than a model and a loss: several
/// inputs, several losses, a loss of its own parameters. PyTorch Lightning: `LightningModule`.
///
/// ```
/// use gradus_data::TensorDataset;
/// use gradus_nn::{Layer, Linear, Losses, Module, Result, Tensor};
/// use gradus_optim::Sgd;
/// use gradus_tensor::Array;
/// use gradus_train::{FitOptions, Learner, Step, Trainer, Verbose};
///
/// #[derive(Module)]
/// struct Line {
///     fc: Linear,
/// }
///
/// impl Learner for Line {
///     fn module(&self) -> &dyn Module {
///         self
///     }
///     fn training_step(&mut self, batch: &[Tensor], step: &mut Step) -> Result<Tensor> {
///         let y = self.fc.forward(&batch[0])?;
///         let weights = self.fc.parameters()[0].abs()?.sum_all()?;
///         step.log("l1", &weights);
///         y.mse_loss(&batch[1])? + (weights * 1e-3)?
///     }
/// }
///
/// let model = Line { fc: Linear::new(1, 1)? };
/// let optimizer = Sgd::new(model.parameters(), 0.1);
/// let x = Array::from_vec(vec![0.0f32, 1.0, 2.0, 3.0], [4, 1])?;
/// let data = TensorDataset::pair(x.clone(), x)?;
/// let mut trainer = Trainer::with(model).optimizer(optimizer);
/// let options = FitOptions { epochs: 20, verbose: Verbose::Silent, ..Default::default() };
/// let history = trainer.fit(&data, options)?;
/// assert!(history.get("loss")?[19] < history.get("loss")?[0]);
/// assert_eq!(history.get("l1")?.len(), 20);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
pub trait Learner {
    /// The module whose parameters are trained: what is saved, moved and switched to evaluation.
    fn module(&self) -> &dyn Module;

    /// The mean loss of a batch, one tensor a column of the data set. The trainer differentiates
    /// it and lets the optimizer step.
    ///
    /// # Errors
    /// Those of the model.
    fn training_step(&mut self, batch: &[Tensor], step: &mut Step) -> Result<Tensor>;

    /// How many losses a batch is trained on, one after the other: 1 unless overridden. Each is a
    /// [`Learner::training_step`], whose [`Step::turn`] says which one is asked for, and each is
    /// followed by a step of the optimizer of that number alone, of the trainer's
    /// [`Optimizers`](gradus_optim::Optimizers): a generator and its judge, for instance. With one
    /// turn all optimizers step on the one loss. Logged is the sum of the losses.
    fn turns(&self) -> usize {
        1
    }

    /// The loss of a batch that is only measured, without gradients; as a training step unless
    /// overridden.
    ///
    /// # Errors
    /// Those of the model.
    fn validation_step(&mut self, batch: &[Tensor], step: &mut Step) -> Result<Tensor> {
        self.training_step(batch, step)
    }

    /// The output for a batch of inputs.
    ///
    /// # Errors
    /// Those of the model; `Kind::Unsupported` unless overridden.
    fn predict_step(&self, _x: &Tensor) -> Result<Tensor> {
        let what = "a learner without `predict_step`".to_owned();
        Err(Kind::Unsupported { op: "predict", what, place: "by the trainer" }.into())
    }
}

/// What a learner reports about a step beside its loss.
#[derive(Debug)]
pub struct Step {
    pub(crate) op: &'static str,
    pub(crate) samples: usize,
    pub(crate) turn: usize,
    pub(crate) class_weight: Option<ClassWeights>,
    pub(crate) observed: Option<Observed>,
    pub(crate) logged: Vec<(String, Tensor)>,
    pub(crate) advice: Option<String>,
}

/// What metrics see.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) prediction: Tensor,
    pub(crate) target: Tensor,
    pub(crate) weight: Option<Tensor>,
}

impl Step {
    pub(crate) fn new(op: &'static str, samples: usize) -> Self {
        Step {
            op,
            samples,
            turn: 0,
            class_weight: None,
            observed: None,
            logged: Vec::new(),
            advice: None,
        }
    }

    /// The batch size, 0 dimensions counting as one sample.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Which of the batch's losses is asked for, from 0; see [`Learner::turns`].
    pub fn turn(&self) -> usize {
        self.turn
    }

    /// Logs the mean of a scalar over the epoch, every batch weighted by its size; for validation
    /// batches under `val_` and the name. Nothing is read from the device here.
    pub fn log(&mut self, name: impl Into<String>, value: &Tensor) {
        self.logged.push((name.into(), value.detach()));
    }

    /// Shows prediction and target to the trainer's metrics; `weight: [N]` is for the weighted
    /// ones.
    pub fn observe(&mut self, prediction: &Tensor, target: &Tensor, weight: Option<&Tensor>) {
        self.observed = Some(Observed {
            prediction: prediction.detach(),
            target: target.detach(),
            weight: weight.map(Tensor::detach),
        });
    }
}

/// Where a module's parameters are; the CPU without any.
pub(crate) fn device_of(module: &dyn Module) -> Device {
    module.parameters().first().map_or_else(Device::cpu, Tensor::device)
}

/// The error for a batch without the columns that a step needs.
pub(crate) fn columns(op: &'static str, batch: &[Tensor], expected: &'static str) -> Error {
    Error::argument(op, "number of columns", batch.len(), expected)
}
