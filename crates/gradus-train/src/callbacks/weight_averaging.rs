//! Averages of the weights over training, used wherever the model is measured.

use std::cell::{Ref, RefCell};
use std::rc::Rc;

use gradus_optim::{AveragedModel, StateDict};
use gradus_tensor::Result;
use serde_json::json;

use super::early_stopping::unreadable;
use super::model_checkpoint::SaveFreq;
use crate::callback::{Callback, CallbackState};
use crate::context::Context;

const OP: &str = "weight_averaging";

/// Averages the weights over training, exponentially (EMA) or plainly (SWA). Validation sees the
/// averages, training goes on with its own weights, and in the end the model has the averages.
/// Keras: `SwapEMAWeights`; PyTorch: `AveragedModel`; Lightning: `WeightAveraging`.
///
/// Running estimates of batch norms are those of training, unless they are averaged too: call
/// [`Trainer::update_bn`](crate::Trainer::update_bn) after training. Checkpoints hold training's
/// weights as the model's, and the averages beside them;
/// [`ModelCheckpointOptions::save_averages`](crate::ModelCheckpointOptions::save_averages) saves
/// the averages in place of the weights.
///
/// ```
/// use gradus_data::TensorDataset;
/// use gradus_nn::{Linear, Module, MseLoss};
/// use gradus_optim::Sgd;
/// use gradus_tensor::Array;
/// use gradus_train::{FitOptions, Trainer, Verbose, WeightAveraging};
///
/// let model = Linear::new(1, 1)?;
/// let optimizer = Sgd::new(model.parameters(), 0.1);
/// let mut trainer = Trainer::new(model).optimizer(optimizer).loss(MseLoss::default());
/// let x = Array::from_vec(vec![0.0f32, 1.0], [2, 1])?;
/// let mut average = WeightAveraging::ema(0.9);
/// trainer.fit(&TensorDataset::pair(x.clone(), x)?, FitOptions {
///     epochs: 3,
///     verbose: Verbose::Silent,
///     callbacks: vec![&mut average],
///     ..Default::default()
/// })?;
/// let averages = average.averaged().expect("trained");
/// assert_eq!(averages.n_averaged(), 3);
/// let weight = trainer.model().state_dict()?["weight"].to_vec::<f32>()?;
/// assert_eq!(averages.module_state_dict()?["weight"].to_vec::<f32>()?, weight);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Debug)]
pub struct WeightAveraging {
    decay: Option<f64>,
    freq: SaveFreq,
    start_epoch: usize,
    use_buffers: bool,
    finalize: bool,
    /// Shared with the run, for those who save the averages.
    averaged: Option<Rc<RefCell<AveragedModel>>>,
    /// Steps of the optimizer since the last update.
    steps: usize,
    /// Whether the model has the averages at present.
    swapped: bool,
}

impl WeightAveraging {
    /// Exponential averages that keep `decay` of themselves at each step of the optimizer.
    pub fn ema(decay: f64) -> Self {
        WeightAveraging::with(Some(decay), SaveFreq::Batches(1))
    }

    /// Plain averages of the weights at the ends of epochs; the first one is usually late, see
    /// [`WeightAveraging::start_epoch`].
    pub fn swa() -> Self {
        WeightAveraging::with(None, SaveFreq::Epochs(1))
    }

    fn with(decay: Option<f64>, freq: SaveFreq) -> Self {
        WeightAveraging {
            decay,
            freq,
            start_epoch: 0,
            use_buffers: false,
            finalize: true,
            averaged: None,
            steps: 0,
            swapped: false,
        }
    }

    /// How often weights are taken into the averages: after so many steps of the optimizer, or at
    /// the ends of so many epochs, before their validation.
    #[must_use]
    pub fn update_freq(mut self, freq: SaveFreq) -> Self {
        self.freq = freq;
        self
    }

    /// The first epoch, from 0, whose weights count. Until then validation sees training's.
    #[must_use]
    pub fn start_epoch(mut self, epoch: usize) -> Self {
        self.start_epoch = epoch;
        self
    }

    /// Whether buffers such as running estimates are averaged, too; else they are copied.
    #[must_use]
    pub fn use_buffers(mut self, use_buffers: bool) -> Self {
        self.use_buffers = use_buffers;
        self
    }

    /// Whether the model has the averages after training; it does unless this is off.
    #[must_use]
    pub fn finalize(mut self, finalize: bool) -> Self {
        self.finalize = finalize;
        self
    }

    /// The averages of the present or last training.
    pub fn averaged(&self) -> Option<Ref<'_, AveragedModel>> {
        self.averaged.as_ref().map(|averaged| averaged.borrow())
    }

    /// Exchanges weights and averages, if there are any yet.
    fn swap(&mut self, averages: bool) -> Result<()> {
        if self.swapped != averages
            && self.averaged().is_some_and(|averaged| averaged.n_averaged() > 0)
        {
            self.averaged().map_or(Ok(()), |averaged| averaged.swap())?;
            self.swapped = averages;
        }
        Ok(())
    }

    /// Whether the batch that ended is one after which the averages are updated.
    fn is_due(&mut self, cx: &Context<'_>) -> bool {
        if cx.epoch() < self.start_epoch {
            return false;
        }
        match self.freq {
            SaveFreq::Batches(freq) => {
                self.steps += usize::from(cx.stepped());
                cx.stepped() && self.steps.is_multiple_of(freq)
            }
            SaveFreq::Epochs(freq) => {
                cx.batch() + 1 == cx.batches()
                    && (cx.epoch() + 1 - self.start_epoch).is_multiple_of(freq)
            }
        }
    }
}

impl Callback for WeightAveraging {
    fn name(&self) -> &'static str {
        OP
    }

    fn on_train_begin(&mut self, cx: &mut Context<'_>) -> Result<()> {
        self.freq.check(OP)?;
        // A validation that failed may have left the averages in the model.
        self.swap(false)?;
        let model = cx.model();
        let averaged = AveragedModel::new(model.named_parameters(), model.named_buffers());
        let averaged = averaged.use_buffers(self.use_buffers);
        let averaged = Rc::new(RefCell::new(match self.decay {
            Some(decay) => averaged.ema(decay),
            None => averaged,
        }));
        cx.run.averages = Some(Rc::clone(&averaged));
        self.averaged = Some(averaged);
        (self.steps, self.swapped) = (0, false);
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        if self.is_due(cx)
            && let Some(averaged) = &self.averaged
        {
            averaged.borrow_mut().update_parameters()?;
        }
        Ok(())
    }

    fn on_test_begin(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        self.swap(true)
    }

    fn on_test_end(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        self.swap(false)
    }

    fn on_train_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        match self.averaged() {
            Some(averaged) if self.finalize && averaged.n_averaged() > 0 => {
                let model = cx.model();
                model.load_state_dict(&averaged.with_averages(|| model.state_dict())?)
            }
            _ => Ok(()),
        }
    }

    fn state(&mut self) -> Result<CallbackState> {
        let averaged = self.averaged().map(|averaged| averaged.state_dict()).transpose()?;
        let tensors = averaged.map(|state| state.tensors).unwrap_or_default();
        Ok(CallbackState { value: json!({ "steps": self.steps }), tensors })
    }

    fn load_state(&mut self, state: CallbackState) -> Result<()> {
        let steps = crate::exact::count(&state.value["steps"]);
        self.steps = steps.ok_or_else(|| unreadable(OP, &state.value))?;
        match &self.averaged {
            Some(averaged) => averaged
                .borrow_mut()
                .load_state_dict(&StateDict { tensors: state.tensors, ..StateDict::default() }),
            None => Err(unreadable(OP, &state.value)),
        }
    }
}
