//! The learning rate as a function of the epoch.

use gradus_tensor::Result;

use crate::callback::Callback;
use crate::context::Context;

/// Sets the learning rate at the beginning of every epoch: a function of (epoch, present rate),
/// epochs counted from 0. Keras: `LearningRateScheduler`. Logs `learning_rate`.
///
/// ```
/// use gradus_train::LearningRateScheduler;
/// let half_after_ten = |epoch: usize, lr: f64| if epoch == 10 { lr / 2.0 } else { lr };
/// let schedule = LearningRateScheduler::new(half_after_ten).verbose(true);
/// assert_eq!(schedule.rate(10, 0.1), 0.05);
/// ```
pub struct LearningRateScheduler {
    schedule: Box<dyn Fn(usize, f64) -> f64>,
    verbose: bool,
}

impl LearningRateScheduler {
    /// With this function.
    pub fn new(schedule: impl Fn(usize, f64) -> f64 + 'static) -> Self {
        LearningRateScheduler { schedule: Box::new(schedule), verbose: false }
    }

    /// Whether to say what happens.
    #[must_use]
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    /// The rate for an epoch after another rate.
    pub fn rate(&self, epoch: usize, lr: f64) -> f64 {
        (self.schedule)(epoch, lr)
    }
}

impl Callback for LearningRateScheduler {
    fn name(&self) -> &'static str {
        "learning_rate_scheduler"
    }

    fn on_epoch_begin(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let lr = self.rate(cx.epoch(), cx.lr()?);
        if self.verbose {
            cx.say(format!("epoch {}: learning rate {lr}", cx.epoch() + 1));
        }
        cx.set_lr(lr)
    }

    fn on_epoch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let lr = cx.lr()?;
        cx.log("learning_rate", lr);
        Ok(())
    }
}
