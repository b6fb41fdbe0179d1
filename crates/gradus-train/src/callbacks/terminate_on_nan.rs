//! Stops a training whose loss is no number any more, and says what helps.

use gradus_tensor::Result;

use crate::callback::Callback;
use crate::context::Context;

/// Stops when the loss is NaN or infinite, with advice. Keras: `TerminateOnNaN`.
///
/// Looks at the mean loss of the epoch so far, which a single bad batch spoils: looking every
/// `every` batches misses none. Each look waits for the device.
///
/// ```
/// use gradus_train::TerminateOnNan;
/// let guard = TerminateOnNan::new().every(50);
/// assert_eq!(guard.stopped_at(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminateOnNan {
    every: usize,
    stopped_at: Option<(usize, usize)>,
}

impl Default for TerminateOnNan {
    fn default() -> Self {
        TerminateOnNan::new()
    }
}

impl TerminateOnNan {
    /// Looks after every batch.
    pub fn new() -> Self {
        TerminateOnNan { every: 1, stopped_at: None }
    }

    /// Looks after every so many batches, and after the last.
    #[must_use]
    pub fn every(mut self, batches: usize) -> Self {
        self.every = batches.max(1);
        self
    }

    /// Epoch and batch after which the training was stopped.
    pub fn stopped_at(&self) -> Option<(usize, usize)> {
        self.stopped_at
    }
}

impl Callback for TerminateOnNan {
    fn name(&self) -> &'static str {
        "terminate_on_nan"
    }

    fn on_train_begin(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        self.stopped_at = None;
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let batch = cx.batch();
        if !(batch + 1).is_multiple_of(self.every) && batch + 1 != cx.batches() {
            return Ok(());
        }
        let Some(loss) = cx.running_loss()?.filter(|loss| !loss.is_finite()) else {
            return Ok(());
        };
        self.stopped_at = Some((cx.epoch(), batch));
        let (epoch, lr) = (cx.epoch() + 1, cx.lr().unwrap_or(f64::NAN));
        cx.stop(format!(
            "the loss is {loss} in batch {batch} of epoch {epoch}. Try a lower learning rate \
             (it is {lr}), clip the gradients (`clip_grad_norm(1.0)`), scale the inputs, and look \
             for logarithms of 0 and divisions by 0 in the loss"
        ));
        Ok(())
    }
}
