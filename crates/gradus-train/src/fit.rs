//! `Trainer::fit`: the training loop.

use std::sync::Arc;

use gradus_autodiff::Tensor;
use gradus_data::{Dataset, Loader};
use gradus_optim::ParamGroup;
use gradus_tensor::{Error, Problem, Result, Shape};
use serde_json::json;

use crate::callback::{Callback, Event};
use crate::callbacks::ProgressBar;
use crate::captured::CapturedSteps;
use crate::checkpoint::Position;
use crate::context::Run;
use crate::feed::{Feed, Part};
use crate::history::History;
use crate::learner::{Learner, Step, device_of};
use crate::options::{FitOptions, Validation};
use crate::parts::{split, weighted};
use crate::supervised::ClassWeights;
use crate::trainer::{Clip, Trainer};

const OP: &str = "fit";

/// The options of a run that its loop needs.
struct Plan {
    feed: Feed,
    validation: Option<Loader<Tensor>>,
    validation_freq: usize,
    validation_steps: Option<usize>,
    class_weight: Option<ClassWeights>,
    /// Callbacks of the user, the first of the list: those that checkpoints keep.
    user_callbacks: usize,
}

impl<L: Learner> Trainer<L> {
    /// Trains for some epochs and returns what they measured. Batches go to the device of the
    /// model. Keras: `fit`.
    ///
    /// The loss of an epoch is the mean over its samples: the last, smaller batch counts by its
    /// size. The order of samples depends on `seed` and the epoch's number alone. Nothing is read
    /// from the device between the ends of epochs unless a callback asks.
    ///
    /// # Errors
    /// `Kind::Argument` for options outside their domain, no optimizer, no loss or no samples;
    /// what the model, the optimizer, the data and the callbacks report, with epoch and batch.
    pub fn fit<D: Dataset + Clone + 'static>(
        &mut self,
        data: &D,
        options: FitOptions<'_>,
    ) -> Result<History> {
        self.check_optimizer()?;
        self.check_turns(options.accumulate)?;
        self.run = self.new_run(data.len(), &options)?;
        let (first, verbose, resume) = (options.initial_epoch, options.verbose, options.resume);
        let device = device_of(self.learner.module());
        let class_weight = ClassWeights::new(&options.class_weight, &device)?;
        let whole = weighted(OP, Arc::new(data.clone()), options.sample_weight)?;
        let (train, validation) = match options.validation {
            Validation::None => (whole, None),
            Validation::Data(data) => (whole, Some(data)),
            Validation::Split(fraction) => {
                split(&whole, fraction).map(|(train, rest)| (train, Some(rest)))?
            }
        };
        let feed = Feed {
            data: train,
            device: device.clone(),
            batch_size: options.batch_size,
            shuffle: options.shuffle,
            seed: options.seed,
            transforms: options.transforms,
            drop_last: options.drop_last,
            prefetch: options.prefetch,
            workers: options.num_workers,
            steps: options.steps_per_epoch,
            accumulate: options.accumulate,
        };
        feed.check(OP)?;
        let validation = validation.map(|data| {
            let size = options.validation_batch_size.unwrap_or(options.batch_size);
            Loader::new(&data).batch_size(size).prefetch(options.prefetch).to(&device)
        });
        let plan = Plan {
            feed,
            validation,
            validation_freq: options.validation_freq,
            validation_steps: options.validation_steps,
            class_weight,
            user_callbacks: options.callbacks.len(),
        };
        self.run.validates = plan.validation.is_some();

        let mut progress = ProgressBar::new(verbose);
        let mut callbacks: Vec<&mut dyn Callback> =
            options.callbacks.into_iter().map(|callback| callback as &mut dyn Callback).collect();
        callbacks.push(&mut progress);
        self.learner.module().train();
        self.run.restore = resume.map(crate::checkpoint::Files::at);
        self.run.batches = plan.feed.steps();
        self.tell(Event::TrainBegin, &mut callbacks)?;
        let from = match self.run.restore.take() {
            None => Position { epoch: first, batch: 0 },
            Some(files) => self.restore(&files, &mut callbacks[..plan.user_callbacks])?,
        };
        self.epochs(&plan, from, &mut callbacks)?;
        self.tell(Event::TrainEnd, &mut callbacks)?;
        self.run.averages = None;
        Ok(self.run.history.clone())
    }

    fn new_run(&self, samples: usize, options: &FitOptions<'_>) -> Result<Run> {
        for (name, value) in [
            ("batch_size", options.batch_size),
            ("validation_freq", options.validation_freq),
            ("validation_batch_size", options.validation_batch_size.unwrap_or(1)),
            ("validation_steps", options.validation_steps.unwrap_or(1)),
            ("steps_per_epoch", options.steps_per_epoch.unwrap_or(1)),
            ("accumulate", options.accumulate),
            ("number of samples", samples),
        ] {
            if value == 0 {
                return Err(Error::argument(OP, name, value, "at least 1"));
            }
        }
        Ok(Run {
            epochs: options.epochs,
            epoch: options.initial_epoch,
            captured: options.capture.then(CapturedSteps::default),
            arguments: json!({
                "epochs": options.epochs,
                "batch_size": options.batch_size,
                "shuffle": options.shuffle,
                "seed": options.seed,
                "drop_last": options.drop_last,
                "steps_per_epoch": options.steps_per_epoch,
                "accumulate": options.accumulate,
                "samples": samples,
                "validation": format!("{:?}", options.validation),
                "initial_epoch": options.initial_epoch,
            }),
            ..Run::default()
        })
    }

    fn epochs(
        &mut self,
        plan: &Plan,
        from: Position,
        callbacks: &mut [&mut dyn Callback],
    ) -> Result<()> {
        for epoch in from.epoch..self.run.epochs {
            if self.run.stop.is_some() {
                break;
            }
            self.run.epoch = epoch;
            let resumed = if epoch == from.epoch { from.batch } else { 0 };
            if resumed == 0 {
                self.trackers.reset();
                self.run.logs = Default::default();
                self.tell(Event::EpochBegin, callbacks)?;
            }
            let rest = plan.feed.batches(Position { epoch, batch: resumed });
            for (batch, columns) in (resumed..).zip(rest) {
                self.run.batch = batch;
                self.tell(Event::TrainBatchBegin, callbacks)?;
                let part = plan.feed.part(Position { epoch, batch });
                columns
                    .and_then(|columns| self.train_batch(plan, part, &columns))
                    .map_err(|error| error.within(format!("batch {batch} of epoch {epoch}")))?;
                self.tell(Event::TrainBatchEnd, callbacks)?;
                self.serve(Position { epoch, batch: batch + 1 }, plan, callbacks)?;
                if self.run.stop.is_some() {
                    break;
                }
            }
            self.run.logs = self.trackers.read()?;
            self.validate(plan, callbacks)?;
            self.tell(Event::EpochEnd, callbacks)?;
            self.run.history.push(epoch, self.run.logs.clone());
            self.serve(Position { epoch: epoch + 1, batch: 0 }, plan, callbacks)?;
        }
        Ok(())
    }

    /// Forward, backward and, once the batches of a step are complete, the update.
    fn train_batch(&mut self, plan: &Plan, part: Part, columns: &[Tensor]) -> Result<()> {
        let mut step = self.step(OP, columns);
        step.class_weight = plan.class_weight.clone();
        let turns = self.learner.turns();
        if turns > 1 {
            return self.train_in_turns(turns, step, columns);
        }
        let loss = match &mut self.run.captured {
            Some(captured) if part.first && part.last => {
                captured.run(&mut self.learner, &mut step, columns)?
            }
            _ => plain_step(&mut self.learner, &mut step, part, columns)?,
        };
        if self.run.iteration == 0 {
            self.run.messages.extend(step.advice.take());
        }
        self.run.accumulating = !part.last;
        if part.last {
            Clip::apply(self.clip, || self.learner.module().parameters())?;
            if let Some(optimizer) = &mut self.optimizer {
                optimizer.step()?;
            }
        }
        self.run.iteration += 1;
        self.trackers.update(&loss, &step)
    }

    /// One loss after the other, each with a step of its own optimizer.
    fn train_in_turns(&mut self, turns: usize, mut step: Step, columns: &[Tensor]) -> Result<()> {
        let mut losses: Vec<Tensor> = Vec::with_capacity(turns);
        for turn in 0..turns {
            // The loss before has left gradients in the others' parameters, too.
            self.learner.module().zero_grad();
            step.turn = turn;
            let loss = self.learner.training_step(columns, &mut step)?;
            must_be_scalar(&loss)?;
            loss.backward()?;
            if let Some(optimizer) = &mut self.optimizer {
                let groups = optimizer.part_groups(turn);
                Clip::apply(self.clip, || {
                    groups.iter().flat_map(ParamGroup::params).cloned().collect()
                })?;
                optimizer.step_part(turn)?;
            }
            losses.push(loss.detach());
        }
        let sum = losses.iter().skip(1).try_fold(losses[0].clone(), |sum, loss| sum.add(loss))?;
        self.run.accumulating = false;
        self.run.iteration += 1;
        self.trackers.update(&sum, &step)
    }

    pub(crate) fn step(&mut self, op: &'static str, columns: &[Tensor]) -> Step {
        let shape = columns.first().map(Tensor::shape).unwrap_or_default();
        if shape.rank() > 0 {
            self.sample = Some(Shape::new(&shape[1..]));
        }
        Step::new(op, shape.first().copied().unwrap_or(1))
    }

    /// Measures the validation data, if it is its turn, and adds `val_` names to the logs.
    fn validate(&mut self, plan: &Plan, callbacks: &mut [&mut dyn Callback]) -> Result<()> {
        let Some(loader) = &plan.validation else { return Ok(()) };
        if !(self.run.epoch + 1).is_multiple_of(plan.validation_freq) {
            return Ok(());
        }
        let place = (self.run.batch, self.run.batches);
        let train = std::mem::take(&mut self.run.logs);
        self.measure(loader, plan.validation_steps, callbacks)
            .map_err(|error| error.within("validation"))?;
        let measured = std::mem::replace(&mut self.run.logs, train);
        self.run.logs.extend(measured.prefixed("val_"));
        (self.run.batch, self.run.batches) = place;
        Ok(())
    }

    /// Writes the checkpoints that callbacks asked for.
    fn serve(
        &mut self,
        position: Position,
        plan: &Plan,
        callbacks: &mut [&mut dyn Callback],
    ) -> Result<()> {
        for path in std::mem::take(&mut self.run.save) {
            self.checkpoint(&path, position, &mut callbacks[..plan.user_callbacks])?;
        }
        Ok(())
    }
}

/// Forward and backward.
fn plain_step(
    learner: &mut impl Learner,
    step: &mut Step,
    part: Part,
    columns: &[Tensor],
) -> Result<Tensor> {
    if part.first {
        learner.module().zero_grad();
    }
    let loss = learner.training_step(columns, step)?;
    must_be_scalar(&loss)?;
    // A mean of means counts each by its samples.
    if part.share == 1.0 {
        loss.backward()?;
    } else {
        (&loss * part.share)?.backward()?;
    }
    Ok(loss)
}

pub(crate) fn must_be_scalar(loss: &Tensor) -> Result<()> {
    if loss.numel() == 1 {
        return Ok(());
    }
    Err(Error::shape("training_step", Problem::NotScalar, &[("loss", &loss.shape())]))
}
