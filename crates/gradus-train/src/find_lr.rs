//! `Trainer::find_lr`: the learning-rate range test on the trainer's own steps.

use std::sync::Arc;

use gradus_autodiff::Tensor;
use gradus_data::Dataset;
use gradus_optim::{LrCurve, LrFinder, Optimizer, ParamGroup, StateDict};
use gradus_tensor::{Error, Kind, Result};

use crate::checkpoint::{Extras, Position};
use crate::context::no_optimizer;
use crate::feed::Feed;
use crate::fit::must_be_scalar;
use crate::learner::{Learner, device_of};
use crate::parts::weighted;
use crate::supervised::ClassWeights;
use crate::trainer::{Clip, Trainer};

const OP: &str = "find_lr";

/// The arguments of [`Trainer::find_lr`], as those of [`FitOptions`](crate::FitOptions).
pub struct FindLrOptions {
    /// Which rates are tried, and when the search ends.
    pub finder: LrFinder,
    /// Samples per batch.
    pub batch_size: usize,
    /// Whether each pass over the data has a random order of its own.
    pub shuffle: bool,
    /// What the orders depend on.
    pub seed: u64,
    /// Weights of the classes `0..`.
    pub class_weight: Vec<f32>,
    /// A weight for every sample.
    pub sample_weight: Vec<f32>,
}

impl Default for FindLrOptions {
    fn default() -> Self {
        FindLrOptions {
            finder: LrFinder::default(),
            batch_size: 32,
            shuffle: true,
            seed: 0,
            class_weight: Vec::new(),
            sample_weight: Vec::new(),
        }
    }
}

impl<L: Learner> Trainer<L> {
    /// Trains with growing learning rates until the loss explodes, and puts everything back:
    /// model, optimizer, random numbers. What comes afterwards is as without the search.
    ///
    /// *Source*: Smith, arXiv:1506.01186; Lightning's `lr_find`.
    ///
    /// ```
    /// use gradus_data::TensorDataset;
    /// use gradus_nn::{Linear, Module, MseLoss};
    /// use gradus_optim::{LrFinder, Sgd};
    /// use gradus_tensor::Array;
    /// use gradus_train::{FindLrOptions, Trainer};
    ///
    /// let model = Linear::new(1, 1)?;
    /// let optimizer = Sgd::new(model.parameters(), 0.05);
    /// let mut trainer = Trainer::new(model).optimizer(optimizer).loss(MseLoss::default());
    /// let x = Array::from_vec(vec![-1.0f32, 0.0, 1.0, 2.0], [4, 1])?;
    /// let y = Array::from_vec(vec![1.0f32, 3.0, 5.0, 7.0], [4, 1])?;
    /// let curve = trainer.find_lr(&TensorDataset::pair(x, y)?, FindLrOptions {
    ///     finder: LrFinder::default().range(1e-4, 10.0),
    ///     ..Default::default()
    /// })?;
    /// let lr = curve.suggestion().expect("a descent");
    /// assert!(lr > 1e-3 && lr < 1.0, "{lr}");
    /// assert_eq!(trainer.lr()?, 0.05);
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Argument` for options outside their domain, no optimizer, no loss or no samples;
    /// `Kind::Unsupported` for a learner of several turns; what model, optimizer and data report.
    /// Then, too, everything is as before.
    pub fn find_lr<D: Dataset + Clone + 'static>(
        &mut self,
        data: &D,
        options: FindLrOptions,
    ) -> Result<LrCurve> {
        self.check_optimizer()?;
        if self.learner.turns() != 1 {
            let (what, place) = ("several losses".to_owned(), "by the search for one rate");
            return Err(Kind::Unsupported { op: OP, what, place }.into());
        }
        for (name, value) in [("batch_size", options.batch_size), ("number of samples", data.len())]
        {
            if value == 0 {
                return Err(Error::argument(OP, name, value, "at least 1"));
            }
        }
        let device = device_of(self.learner.module());
        let class_weight = ClassWeights::new(&options.class_weight, &device)?;
        let feed = Feed {
            data: weighted(OP, Arc::new(data.clone()), options.sample_weight)?,
            device,
            batch_size: options.batch_size,
            shuffle: options.shuffle,
            seed: options.seed,
            transforms: Vec::new(),
            drop_last: false,
            prefetch: 0,
            workers: 0,
            // As many batches as the finder wants.
            steps: Some(usize::MAX),
            accumulate: 1,
        };
        let mut optimizer = self.optimizer.take().ok_or_else(no_optimizer)?;
        let extras = Extras::of(self.learner.module());
        self.learner.module().train();
        let mut clipped = Clipped {
            inner: &mut *optimizer,
            parameters: self.learner.module().parameters(),
            clip: self.clip,
        };
        let mut batches = feed.batches(Position::default());
        let curve = options.finder.run(&mut clipped, || {
            let expected = "one for each rate";
            let columns = batches
                .next()
                .ok_or_else(|| Error::argument(OP, "number of batches", 0, expected))??;
            let mut step = self.step(OP, &columns);
            step.class_weight.clone_from(&class_weight);
            let loss = self.learner.training_step(&columns, &mut step)?;
            must_be_scalar(&loss)?;
            Ok(loss)
        });
        self.optimizer = Some(optimizer);
        extras.put_back()?;
        curve
    }
}

/// An optimizer that limits the gradients first, as the trainer does.
struct Clipped<'a> {
    inner: &'a mut dyn Optimizer,
    parameters: Vec<Tensor>,
    clip: Option<Clip>,
}

impl Optimizer for Clipped<'_> {
    fn step(&mut self) -> Result<()> {
        Clip::apply(self.clip, || self.parameters.clone())?;
        self.inner.step()
    }

    fn zero_grad(&self) {
        self.inner.zero_grad();
    }

    fn param_groups(&self) -> &[ParamGroup] {
        self.inner.param_groups()
    }

    fn param_groups_mut(&mut self) -> &mut [ParamGroup] {
        self.inner.param_groups_mut()
    }

    fn state_dict(&self) -> Result<StateDict> {
        self.inner.state_dict()
    }

    fn load_state_dict(&mut self, state: &StateDict) -> Result<()> {
        self.inner.load_state_dict(state)
    }
}
