//! `Trainer`: a learner with an optimizer and metrics.

use gradus_autodiff::{Capture, Tensor};
use gradus_nn::{Layer, Loss};
use gradus_optim::{Optimizer, ParamGroup, clip_grad_norm_, clip_grad_value_};
use gradus_tensor::{Error, Kind, Result, Shape};

use crate::callback::{Callback, Event};
use crate::context::{self, Context, Run, no_optimizer};
use crate::learner::Learner;
use crate::metrics::{Metric, Running};
use crate::supervised::Supervised;
use crate::trackers::{Tracked, Trackers};

/// Trains, measures and predicts with a model. Keras: what `compile` makes of a model.
///
/// ```
/// use gradus_data::TensorDataset;
/// use gradus_nn::{Linear, Module, MseLoss, Sequential, Tensor};
/// use gradus_optim::Sgd;
/// use gradus_tensor::Array;
/// use gradus_train::{FitOptions, MeanAbsoluteError, Trainer, Validation, Verbose};
///
/// // y = 2x + 1
/// let x: Vec<f32> = (0..10).map(|i| i as f32 / 5.0).collect();
/// let y: Vec<f32> = x.iter().map(|x| 2.0 * x + 1.0).collect();
/// let data = TensorDataset::pair(Array::from_vec(x, [10, 1])?, Array::from_vec(y, [10, 1])?)?;
/// let model = Sequential::new().push(Linear::new(1, 1)?);
/// let optimizer = Sgd::new(model.parameters(), 0.1);
///
/// let mut trainer = Trainer::new(model)
///     .optimizer(optimizer)
///     .loss(MseLoss::default())
///     .metric(MeanAbsoluteError::default());
/// let history = trainer.fit(&data, FitOptions {
///     epochs: 60,
///     batch_size: 4,
///     validation: Validation::Split(0.2),
///     verbose: Verbose::Silent,
///     ..Default::default()
/// })?;
/// assert!(history.get("val_mean_absolute_error")?[59] < 0.1);
/// let y = trainer.predict_one(&Tensor::from_vec(vec![0.5f32], [1])?)?;
/// assert!((y.item()? - 2.0).abs() < 0.1);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
pub struct Trainer<L> {
    pub(crate) learner: L,
    pub(crate) optimizer: Option<Box<dyn Optimizer>>,
    pub(crate) trackers: Trackers,
    pub(crate) run: Run,
    /// The shape of one input, once known.
    pub(crate) sample: Option<Shape>,
    pub(crate) clip: Option<Clip>,
}

/// How gradients are limited before a step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Clip {
    Norm(f64),
    Value(f64),
}

impl Clip {
    pub(crate) fn apply(clip: Option<Self>, parameters: impl Fn() -> Vec<Tensor>) -> Result<()> {
        match clip {
            None => Ok(()),
            Some(Clip::Norm(max)) => clip_grad_norm_(parameters(), max).map(drop),
            Some(Clip::Value(max)) => clip_grad_value_(parameters(), max),
        }
    }
}

impl<M: Layer> Trainer<Supervised<M>> {
    /// A trainer of a model that maps inputs to predictions; [`Trainer::loss`] says how good
    /// those are.
    pub fn new(model: M) -> Self {
        Trainer::with(Supervised { model, loss: None })
    }

    /// What is minimised: a loss of [`gradus_nn`] or a closure of prediction and target.
    #[must_use]
    pub fn loss(mut self, loss: impl Loss + 'static) -> Self {
        self.learner.loss = Some(Box::new(loss));
        self
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.learner.model
    }
}

impl<L: Learner> Trainer<L> {
    /// A trainer of a model with a step of its own.
    pub fn with(learner: L) -> Self {
        let (trackers, run) = (Trackers::default(), Run::default());
        Trainer { learner, optimizer: None, trackers, run, sample: None, clip: None }
    }

    /// What moves the parameters; several optimizers together are
    /// [`Optimizers`](gradus_optim::Optimizers).
    #[must_use]
    pub fn optimizer(mut self, optimizer: impl Optimizer + 'static) -> Self {
        self.optimizer = Some(Box::new(optimizer));
        self
    }

    /// Adds a metric that does not see sample weights. Keras: `metrics`.
    #[must_use]
    pub fn metric(self, metric: impl Metric + 'static) -> Self {
        self.track(Box::new(metric), false)
    }

    /// Adds a metric that counts samples by their weights. Keras: `weighted_metrics`.
    #[must_use]
    pub fn weighted_metric(self, metric: impl Metric + 'static) -> Self {
        self.track(Box::new(metric), true)
    }

    fn track(mut self, metric: Box<dyn Metric>, weighted: bool) -> Self {
        self.trackers.metrics.push(Tracked { running: Running::new(metric), weighted });
        self
    }

    /// Limits the norm of all gradients together before each step. Lightning:
    /// `gradient_clip_val`.
    #[must_use]
    pub fn clip_grad_norm(mut self, max_norm: f64) -> Self {
        self.clip = Some(Clip::Norm(max_norm));
        self
    }

    /// Limits every element of the gradients before each step.
    #[must_use]
    pub fn clip_grad_value(mut self, clip_value: f64) -> Self {
        self.clip = Some(Clip::Value(clip_value));
        self
    }

    /// The shape of one input, without the batch dimension; known by itself after a training or
    /// an evaluation.
    #[must_use]
    pub fn input_shape(mut self, shape: impl Into<Shape>) -> Self {
        self.sample = Some(shape.into());
        self
    }

    /// The learner.
    pub fn learner(&self) -> &L {
        &self.learner
    }

    /// The learner and its model back.
    pub fn into_learner(self) -> L {
        self.learner
    }

    /// The sums of a metric by its name, as of the last epoch, validation or evaluation: what
    /// [`ConfusionMatrix::matrix`](crate::ConfusionMatrix::matrix) reads.
    ///
    /// # Errors
    /// `Kind::Argument` for a metric that the trainer does not have.
    pub fn sums(&mut self, name: &str) -> Result<Vec<f64>> {
        self.trackers.sums(name)
    }

    /// The recorded steps of the last [`fit`](Trainer::fit) with
    /// [`FitOptions::capture`](crate::FitOptions::capture): how often they were repeated, and why
    /// not if they were not.
    pub fn recording(&self) -> Option<&Capture> {
        self.run.captured.as_ref().map(|captured| &captured.capture)
    }

    /// The learning rate of the first parameter group.
    ///
    /// # Errors
    /// `Kind::Argument` without an optimizer.
    pub fn lr(&self) -> Result<f64> {
        self.optimizer.as_deref().map(context::lr).ok_or_else(no_optimizer)
    }

    /// Tells every callback of an event.
    pub(crate) fn tell(&mut self, event: Event, callbacks: &mut [&mut dyn Callback]) -> Result<()> {
        let mut cx = Context {
            run: &mut self.run,
            trackers: &mut self.trackers,
            module: self.learner.module(),
            optimizer: self.optimizer.as_deref_mut(),
        };
        callbacks.iter_mut().try_for_each(|callback| event.tell(&mut **callback, &mut cx))
    }

    /// # Errors
    /// `Kind::Argument` when there is no optimizer, or one of another model.
    pub(crate) fn check_optimizer(&self) -> Result<()> {
        let optimizer = self.optimizer.as_deref().ok_or_else(no_optimizer)?;
        let own = self.learner.module().parameters();
        let mut moved = optimizer.param_groups().iter().flat_map(ParamGroup::params);
        if moved.any(|param| own.iter().any(|own| own.is_same(param))) {
            return Ok(());
        }
        let value = "without any of the model's parameters";
        Err(Error::argument("fit", "optimizer", value, "one made of `model.parameters()`"))
    }

    /// # Errors
    /// `Kind::Argument` unless each of the learner's losses has its optimizer;
    /// `Kind::Unsupported` where several of them would be accumulated.
    pub(crate) fn check_turns(&self, accumulate: usize) -> Result<()> {
        let turns = self.learner.turns();
        let parts = self.optimizer.as_deref().map_or(0, Optimizer::parts);
        if turns == 0 || (turns > 1 && turns != parts) {
            let value = format!("{turns} for {parts} optimizers");
            let expected = "one, or as many as the optimizers of `Optimizers::new(..)`";
            return Err(Error::argument("fit", "turns", value, expected));
        }
        if turns > 1 && accumulate > 1 {
            let what = format!("accumulate {accumulate}");
            let place = "by a learner of several turns, whose gradients would mix";
            return Err(Kind::Unsupported { op: "fit", what, place }.into());
        }
        Ok(())
    }
}
