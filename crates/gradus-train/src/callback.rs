//! `Callback`: code that a trainer calls at the ends of trainings, epochs and batches.

use std::collections::BTreeMap;

use gradus_tensor::{Array, Result};
use serde_json::Value;

use crate::context::Context;

/// Something that is called while a trainer runs. Keras: `Callback`. Every hook does nothing
/// unless overridden, and an error of a hook ends the run.
///
/// ```
/// use gradus_nn::{Linear, Module, MseLoss, Result};
/// use gradus_data::TensorDataset;
/// use gradus_optim::Sgd;
/// use gradus_tensor::Array;
/// use gradus_train::{Callback, Context, FitOptions, Trainer, Verbose};
///
/// /// Halves the learning rate when the loss is small.
/// struct Settle;
/// impl Callback for Settle {
///     fn on_epoch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
///         if cx.logs().require("settle", "loss")? < 0.1 {
///             let lr = cx.lr()?;
///             cx.set_lr(lr / 2.0)?;
///         }
///         Ok(())
///     }
/// }
///
/// let model = Linear::new(1, 1)?;
/// let optimizer = Sgd::new(model.parameters(), 0.1);
/// let x = Array::from_vec(vec![0.0f32, 1.0, 2.0], [3, 1])?;
/// let data = TensorDataset::pair(x.clone(), x)?;
/// let mut trainer = Trainer::new(model).optimizer(optimizer).loss(MseLoss::default());
/// let mut settle = Settle;
/// trainer.fit(&data, FitOptions {
///     epochs: 30,
///     verbose: Verbose::Silent,
///     callbacks: vec![&mut settle],
///     ..Default::default()
/// })?;
/// assert!(trainer.lr()? < 0.1);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
pub trait Callback {
    /// What a checkpoint calls its state.
    fn name(&self) -> &'static str {
        "callback"
    }

    /// Before the first epoch.
    fn on_train_begin(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        Ok(())
    }

    /// After the last epoch.
    fn on_train_end(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        Ok(())
    }

    /// Before the first batch of an epoch.
    fn on_epoch_begin(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        Ok(())
    }

    /// After an epoch and its validation; [`Context::logs`] holds what they measured.
    fn on_epoch_end(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        Ok(())
    }

    /// Before a training step.
    fn on_train_batch_begin(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        Ok(())
    }

    /// After a training step. The gradients are still there; [`Context::running`] reads what the
    /// epoch has measured so far.
    fn on_train_batch_end(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        Ok(())
    }

    /// Before validation or evaluation.
    fn on_test_begin(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        Ok(())
    }

    /// After validation or evaluation; [`Context::logs`] holds what it measured.
    fn on_test_end(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        Ok(())
    }

    /// Before a batch is measured.
    fn on_test_batch_begin(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        Ok(())
    }

    /// After a batch was measured.
    fn on_test_batch_end(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        Ok(())
    }

    /// Before predictions.
    fn on_predict_begin(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        Ok(())
    }

    /// After predictions.
    fn on_predict_end(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        Ok(())
    }

    /// Before a batch is predicted.
    fn on_predict_batch_begin(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        Ok(())
    }

    /// After a batch was predicted.
    fn on_predict_batch_end(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        Ok(())
    }

    /// What a checkpoint must keep for the callback to go on as if nothing had happened.
    ///
    /// # Errors
    /// What reading its tensors can report.
    fn state(&mut self) -> Result<CallbackState> {
        Ok(CallbackState::default())
    }

    /// Goes on where [`Callback::state`] was; called after `on_train_begin`.
    ///
    /// # Errors
    /// `Kind::Argument` for a state of another callback.
    fn load_state(&mut self, _state: CallbackState) -> Result<()> {
        Ok(())
    }
}

/// What a callback keeps in a checkpoint.
#[derive(Clone, Debug, Default)]
pub struct CallbackState {
    /// Numbers and text; `null` when there is nothing to keep.
    pub value: Value,
    /// Tensors by name.
    pub tensors: BTreeMap<String, Array>,
}

impl CallbackState {
    /// A state without tensors.
    pub fn new(value: Value) -> Self {
        CallbackState { value, tensors: BTreeMap::new() }
    }
}

/// One of the moments at which callbacks are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    TrainBegin,
    TrainEnd,
    EpochBegin,
    EpochEnd,
    TrainBatchBegin,
    TrainBatchEnd,
    TestBegin,
    TestEnd,
    TestBatchBegin,
    TestBatchEnd,
    PredictBegin,
    PredictEnd,
    PredictBatchBegin,
    PredictBatchEnd,
}

impl Event {
    pub(crate) fn tell(self, callback: &mut dyn Callback, cx: &mut Context<'_>) -> Result<()> {
        match self {
            Event::TrainBegin => callback.on_train_begin(cx),
            Event::TrainEnd => callback.on_train_end(cx),
            Event::EpochBegin => callback.on_epoch_begin(cx),
            Event::EpochEnd => callback.on_epoch_end(cx),
            Event::TrainBatchBegin => callback.on_train_batch_begin(cx),
            Event::TrainBatchEnd => callback.on_train_batch_end(cx),
            Event::TestBegin => callback.on_test_begin(cx),
            Event::TestEnd => callback.on_test_end(cx),
            Event::TestBatchBegin => callback.on_test_batch_begin(cx),
            Event::TestBatchEnd => callback.on_test_batch_end(cx),
            Event::PredictBegin => callback.on_predict_begin(cx),
            Event::PredictEnd => callback.on_predict_end(cx),
            Event::PredictBatchBegin => callback.on_predict_batch_begin(cx),
            Event::PredictBatchEnd => callback.on_predict_batch_end(cx),
        }
    }
}
