//! The arguments of `fit`, `evaluate` and `predict`.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use gradus_data::{Dataset, Transform};

use crate::callback::Callback;

/// What is shown while something runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verbose {
    /// A progress bar on a terminal, one line an epoch elsewhere.
    #[default]
    Auto,
    /// Nothing.
    Silent,
    /// A progress bar.
    Bar,
    /// One line an epoch.
    Lines,
}

/// Where validation data comes from.
#[derive(Clone, Default)]
pub enum Validation {
    /// There is none.
    #[default]
    None,
    /// This fraction of the data, its last samples, which are not trained on; taken before
    /// shuffling, as in Keras.
    Split(f64),
    /// Data of its own; see [`Validation::data`].
    Data(Arc<dyn Dataset>),
}

impl Validation {
    /// Data of its own. Takes a handle: cloning must be cheap.
    pub fn data<D: Dataset + Clone + 'static>(data: &D) -> Self {
        Validation::Data(Arc::new(data.clone()))
    }
}

impl fmt::Debug for Validation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Validation::None => f.write_str("None"),
            Validation::Split(fraction) => write!(f, "Split({fraction})"),
            Validation::Data(data) => write!(f, "Data({} samples)", data.len()),
        }
    }
}

/// The arguments of [`Trainer::fit`](crate::Trainer::fit), with Keras' names and defaults.
pub struct FitOptions<'a> {
    /// Number of the last epoch: as many are trained, less `initial_epoch`.
    pub epochs: usize,
    /// Samples per batch. The number of samples is full-batch training, 1 is one sample a step.
    pub batch_size: usize,
    /// Data that is measured after epochs and not trained on.
    pub validation: Validation,
    /// Samples per validation batch; as `batch_size` unless set.
    pub validation_batch_size: Option<usize>,
    /// Validate every so many epochs.
    pub validation_freq: usize,
    /// Validation batches, from the first one; all unless set, or unless there are fewer.
    pub validation_steps: Option<usize>,
    /// Batches in an epoch; one pass over the data unless set. The next epoch goes on where this
    /// one ends, and each pass has its own order.
    pub steps_per_epoch: Option<usize>,
    /// Batches per step of the optimizer: their gradients are averaged, each counting by its
    /// samples, so that the step is that of one batch of them all (where no layer looks at a
    /// batch as a whole, as batch norm does). The last step of an epoch may have fewer. Keras:
    /// `gradient_accumulation_steps`.
    pub accumulate: usize,
    /// Whether a training step is recorded once and repeated with almost no host work, where it can
    /// be: see [`Capture`](gradus_autodiff::Capture), also for what a step must not do. Results are
    /// the same bits. Batches that share a step of the optimizer, and learners with several turns,
    /// run as always. Keras: `jit_compile`.
    pub capture: bool,
    /// Whether each epoch has a random order of its own.
    pub shuffle: bool,
    /// What the orders and the transforms depend on, together with the epoch's number.
    pub seed: u64,
    /// Changes of training batches, one after the other, on the threads that fetch them; see
    /// [`FitOptions::transform`].
    pub transforms: Vec<Arc<dyn Transform>>,
    /// Whether a last batch that is not full is left out.
    pub drop_last: bool,
    /// Weights of the classes `0..` in the loss of training batches; classes beyond the last one
    /// weigh 1, as those that Keras' dictionary lacks.
    pub class_weight: Vec<f32>,
    /// A weight for every sample of the data, in its order.
    pub sample_weight: Vec<f32>,
    /// Number of the first epoch, from 0: an earlier training goes on.
    pub initial_epoch: usize,
    /// Batches fetched ahead of the training; 0 fetches each when it is its turn.
    pub prefetch: usize,
    /// Threads that fetch and transform. More pay off where samples are decoded or augmented; the
    /// batches stay the same.
    pub num_workers: usize,
    /// A checkpoint to go on from; see [`Trainer::save`](crate::Trainer::save).
    pub resume: Option<PathBuf>,
    /// What is shown.
    pub verbose: Verbose,
    /// Called at the ends of everything, in this order.
    pub callbacks: Vec<&'a mut dyn Callback>,
}

impl Default for FitOptions<'_> {
    fn default() -> Self {
        FitOptions {
            epochs: 1,
            batch_size: 32,
            validation: Validation::None,
            validation_batch_size: None,
            validation_freq: 1,
            validation_steps: None,
            steps_per_epoch: None,
            accumulate: 1,
            capture: false,
            shuffle: true,
            seed: 0,
            transforms: Vec::new(),
            drop_last: false,
            class_weight: Vec::new(),
            sample_weight: Vec::new(),
            initial_epoch: 0,
            prefetch: 2,
            num_workers: 1,
            resume: None,
            verbose: Verbose::default(),
            callbacks: Vec::new(),
        }
    }
}

impl FitOptions<'_> {
    /// Changes training batches by `transform` after those given before: what a loader's
    /// [`transform`](gradus_data::Loader::transform) does. Validation data stays as it is.
    ///
    /// What a random transform makes of a sample depends on `seed`, the number of the pass over the
    /// data and the sample alone: neither on `num_workers` nor on where a training was resumed.
    ///
    /// ```
    /// use gradus_data::vision::RandomHorizontalFlip;
    /// use gradus_train::FitOptions;
    /// let options = FitOptions { epochs: 3, num_workers: 2, ..Default::default() }
    ///     .transform(RandomHorizontalFlip::default());
    /// assert_eq!(options.transforms.len(), 1);
    /// ```
    #[must_use]
    pub fn transform(mut self, transform: impl Transform + 'static) -> Self {
        self.transforms.push(Arc::new(transform));
        self
    }
}

/// The arguments of [`Trainer::evaluate`](crate::Trainer::evaluate).
pub struct EvaluateOptions<'a> {
    /// Samples per batch.
    pub batch_size: usize,
    /// A weight for every sample.
    pub sample_weight: Vec<f32>,
    /// Batches that are measured, from the first one; all unless set, or unless there are fewer.
    pub steps: Option<usize>,
    /// Called at the ends of the test and of its batches.
    pub callbacks: Vec<&'a mut dyn Callback>,
}

impl Default for EvaluateOptions<'_> {
    fn default() -> Self {
        EvaluateOptions {
            batch_size: 32,
            sample_weight: Vec::new(),
            steps: None,
            callbacks: Vec::new(),
        }
    }
}

/// The arguments of [`Trainer::predict`](crate::Trainer::predict).
pub struct PredictOptions<'a> {
    /// Samples per batch.
    pub batch_size: usize,
    /// Called at the ends of the prediction and of its batches.
    pub callbacks: Vec<&'a mut dyn Callback>,
}

impl Default for PredictOptions<'_> {
    fn default() -> Self {
        PredictOptions { batch_size: 32, callbacks: Vec::new() }
    }
}
