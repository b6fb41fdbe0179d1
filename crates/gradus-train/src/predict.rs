//! `Trainer::predict`: outputs for inputs.

use std::sync::Arc;

use gradus_autodiff::{Tensor, cat, no_grad};
use gradus_data::{Dataset, Loader, TensorDataset};
use gradus_tensor::{Error, Operand, Problem, Result, Shape};

use crate::callback::Event;
use crate::evaluate::Evaluating;
use crate::learner::{Learner, device_of};
use crate::options::PredictOptions;
use crate::trainer::Trainer;

const OP: &str = "predict";

impl<L: Learner> Trainer<L> {
    /// The outputs for inputs `x: [N, *]`, computed in batches. The model is in evaluation mode
    /// meanwhile. Keras: `predict`.
    ///
    /// ```
    /// use gradus_nn::{Identity, Tensor};
    /// use gradus_train::{PredictOptions, Trainer};
    /// let mut trainer = Trainer::new(Identity).input_shape([2, 2]);
    /// let image = Tensor::from_vec(vec![1.0f32; 4], [2, 2])?;
    /// let error = trainer.predict(&image, PredictOptions::default()).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "predict: x has no batch dimension: it has the shape of one sample; call \
    ///      `predict_one`, or give it one with `x.unsqueeze(0)`; x [2, 2], sample [2, 2]"
    /// );
    /// assert_eq!(trainer.predict_one(&image)?.shape().dims(), [2, 2]);
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Shape` for inputs without batch dimension or of another shape than the model was
    /// trained on; `Kind::Argument` for a batch size of 0 or no inputs; what the model reports.
    pub fn predict(&mut self, x: &Tensor, options: PredictOptions<'_>) -> Result<Tensor> {
        self.check_sample(x)?;
        let data = TensorDataset::new(vec![x.array()?])?;
        self.predict_dataset(&data, options)
    }

    /// The output for one input `[*]` without batch dimension, without one itself.
    ///
    /// # Errors
    /// As [`Trainer::predict`].
    pub fn predict_one(&mut self, x: &Tensor) -> Result<Tensor> {
        let y = self.predict(&x.unsqueeze(0)?, PredictOptions::default())?;
        y.select(0, 0)
    }

    /// As [`Trainer::predict`], for the first column of a data set.
    ///
    /// # Errors
    /// As [`Trainer::predict`].
    pub fn predict_dataset<D: Dataset + Clone + 'static>(
        &mut self,
        data: &D,
        options: PredictOptions<'_>,
    ) -> Result<Tensor> {
        if data.is_empty() {
            return Err(Error::argument(OP, "number of samples", 0, "at least 1"));
        }
        let data: Arc<dyn Dataset> = Arc::new(data.clone());
        let device = device_of(self.learner.module());
        let loader = Loader::<Tensor>::new(&data).batch_size(options.batch_size).to(&device);
        let mut callbacks = options.callbacks;
        let _modes = Evaluating::begin(self.learner.module());
        self.run.batches = loader.len();
        self.tell(Event::PredictBegin, &mut callbacks)?;
        let mut outputs = Vec::with_capacity(loader.len());
        for (batch, columns) in loader.batches().enumerate() {
            self.run.batch = batch;
            self.tell(Event::PredictBatchBegin, &mut callbacks)?;
            let columns = columns?;
            let output = no_grad(|| self.learner.predict_step(&columns[0]))
                .and_then(|output| output.array())
                .map_err(|error| error.within(self.place(batch)))?;
            outputs.push(Tensor::from(output));
            self.tell(Event::PredictBatchEnd, &mut callbacks)?;
        }
        self.tell(Event::PredictEnd, &mut callbacks)?;
        if outputs.len() == 1 {
            return Ok(outputs.remove(0));
        }
        cat(&outputs.iter().collect::<Vec<_>>(), 0)
    }

    /// Where a prediction failed; with a hint where the shape of a sample is not known.
    fn place(&self, batch: usize) -> String {
        let hint = ", x being a batch: for one sample call `predict_one`";
        format!("predict, batch {batch}{}", if self.sample.is_none() { hint } else { "" })
    }

    /// # Errors
    /// `Kind::Shape` that names the cure when x cannot be a batch of the known samples.
    fn check_sample(&self, x: &Tensor) -> Result<()> {
        let shape = x.shape();
        let Some(sample) = &self.sample else {
            return if shape.rank() > 0 { Ok(()) } else { Err(refused(NO_BATCH, &shape, &shape)) };
        };
        if shape == *sample {
            return Err(refused(NO_BATCH, &shape, sample));
        }
        if shape.rank() != sample.rank() + 1 || shape[1..] != sample[..] {
            let rule = "x is a batch of samples of another shape than the model was trained on";
            return Err(refused(rule, &shape, sample));
        }
        Ok(())
    }
}

const NO_BATCH: &str = "x has no batch dimension: it has the shape of one sample; call \
                        `predict_one`, or give it one with `x.unsqueeze(0)`";

fn refused(rule: &'static str, x: &Shape, sample: &Shape) -> Error {
    let operands = vec![Operand::new("x", x.clone()), Operand::new("sample", sample.clone())];
    gradus_tensor::Kind::Shape { op: OP, problem: Problem::Rule { rule }, operands }.into()
}
