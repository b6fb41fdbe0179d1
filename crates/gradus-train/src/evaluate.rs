//! `Trainer::evaluate`: loss and metrics of data, without training on it.

use std::sync::Arc;

use gradus_autodiff::{Tensor, no_grad};
use gradus_data::{Dataset, Loader};
use gradus_nn::{Mode, Module, Part, walk};
use gradus_tensor::{Error, Result};

use crate::callback::{Callback, Event};
use crate::fit::must_be_scalar;
use crate::learner::{Learner, device_of};
use crate::logs::Logs;
use crate::options::EvaluateOptions;
use crate::parts::weighted;
use crate::trainer::Trainer;

const OP: &str = "evaluate";

impl<L: Learner> Trainer<L> {
    /// The loss and the metrics of a data set: means over samples, the last batch counting by its
    /// size. The model is in evaluation mode meanwhile. Keras: `evaluate`.
    ///
    /// ```
    /// use gradus_data::TensorDataset;
    /// use gradus_nn::{CrossEntropyLoss, Flatten, Identity, MseLoss, Tensor};
    /// use gradus_tensor::Array;
    /// use gradus_train::{Accuracy, EvaluateOptions, Trainer};
    /// let x = Array::from_vec(vec![2.0f32, 0.0, 0.0, 2.0, 3.0, 0.0], [3, 2])?;
    /// let y = Array::from_vec(vec![0i32, 1, 1], [3])?;
    /// let data = TensorDataset::pair(x, y)?;
    /// let mut trainer =
    ///     Trainer::new(Identity).loss(CrossEntropyLoss::default()).metric(Accuracy::default());
    /// let options = EvaluateOptions { batch_size: 2, ..Default::default() };
    /// let logs = trainer.evaluate(&data, options)?;
    /// assert!((logs.get("accuracy").unwrap() - 2.0 / 3.0).abs() < 1e-9);
    ///
    /// // A loss that compares elements wants one-hot rows, and the error says so.
    /// let mut trainer = Trainer::new(Identity).loss(MseLoss::default());
    /// let error = trainer.evaluate(&data, EvaluateOptions::default()).unwrap_err();
    /// assert!(error.to_string().contains("one_hot(classes)"), "{error}");
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Argument` for options outside their domain or no samples; `Kind::DType` with the
    /// cure for class indices where one-hot rows belong; what model, data and callbacks report.
    pub fn evaluate<D: Dataset + Clone + 'static>(
        &mut self,
        data: &D,
        options: EvaluateOptions<'_>,
    ) -> Result<Logs> {
        if data.is_empty() {
            return Err(Error::argument(OP, "number of samples", 0, "at least 1"));
        }
        if options.steps == Some(0) {
            return Err(Error::argument(OP, "steps", 0, "at least 1"));
        }
        let data = weighted(OP, Arc::new(data.clone()), options.sample_weight)?;
        let device = device_of(self.learner.module());
        let loader = Loader::new(&data).batch_size(options.batch_size).to(&device);
        let mut callbacks = options.callbacks;
        self.measure(&loader, options.steps, &mut callbacks)?;
        Ok(self.run.logs.clone())
    }

    /// Measures the batches of a loader, or the first `steps` of them, into the logs.
    pub(crate) fn measure(
        &mut self,
        loader: &Loader<Tensor>,
        steps: Option<usize>,
        callbacks: &mut [&mut dyn Callback],
    ) -> Result<()> {
        let _modes = Evaluating::begin(self.learner.module());
        self.trackers.reset();
        self.run.logs = Logs::default();
        let steps = steps.unwrap_or(usize::MAX).min(loader.len());
        self.run.batches = steps;
        self.tell(Event::TestBegin, callbacks)?;
        for (batch, columns) in loader.batches().take(steps).enumerate() {
            self.run.batch = batch;
            self.tell(Event::TestBatchBegin, callbacks)?;
            columns
                .and_then(|columns| self.measure_batch(&columns))
                .map_err(|error| error.within(format!("batch {batch}")))?;
            self.tell(Event::TestBatchEnd, callbacks)?;
        }
        self.run.logs = self.trackers.read()?;
        self.tell(Event::TestEnd, callbacks)
    }

    fn measure_batch(&mut self, columns: &[Tensor]) -> Result<()> {
        let mut step = self.step(OP, columns);
        let loss = no_grad(|| self.learner.validation_step(columns, &mut step))?;
        must_be_scalar(&loss)?;
        self.trackers.update(&loss, &step)
    }
}

/// A module in evaluation mode until this is dropped; then every layer is as it was.
pub(crate) struct Evaluating(Vec<(Mode, bool)>);

impl Evaluating {
    pub(crate) fn begin(module: &dyn Module) -> Self {
        let mut modes = Vec::new();
        walk(module, &mut |_, part| {
            if let Part::Mode(mode) = part {
                modes.push((mode.clone(), mode.is_training()));
            }
        });
        module.eval();
        Evaluating(modes)
    }
}

impl Drop for Evaluating {
    fn drop(&mut self) {
        for (mode, training) in &self.0 {
            mode.set_training(*training);
        }
    }
}
