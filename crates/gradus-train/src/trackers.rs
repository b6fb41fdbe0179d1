//! What a trainer measures while it runs: the loss, logged numbers, metrics.

use std::collections::BTreeMap;

use gradus_autodiff::Tensor;
use gradus_tensor::{Array, Result};
use serde_json::{Value, json};

use crate::learner::Step;
use crate::logs::{Logs, unknown};
use crate::metrics::{Direction, Metric, Running, Sums, mean_value, weighted_scalar};

/// The name of the loss in logs.
pub(crate) const LOSS: &str = "loss";

/// Sums of everything that an epoch measures. All of it stays on the device until it is read.
#[derive(Default)]
pub(crate) struct Trackers {
    /// The loss and what learners log, as `[Σ n·mean, Σ n]`.
    means: Vec<(String, Sums)>,
    pub(crate) metrics: Vec<Tracked>,
}

/// A metric of the trainer.
pub(crate) struct Tracked {
    pub(crate) running: Running<Box<dyn Metric>>,
    /// Whether sample weights count.
    pub(crate) weighted: bool,
}

impl Trackers {
    pub(crate) fn reset(&mut self) {
        self.means.clear();
        self.metrics.iter_mut().for_each(|metric| metric.running.reset());
    }

    /// Adds a batch; waits for nothing.
    pub(crate) fn update(&mut self, loss: &Tensor, step: &Step) -> Result<()> {
        let samples = step.samples as f64;
        self.mean(LOSS, &weighted_scalar(loss, samples)?)?;
        for (name, value) in &step.logged {
            let terms = weighted_scalar(value, samples)
                .map_err(|error| error.within(format!("the logged value {name}")))?;
            self.mean(name, &terms)?;
        }
        if let Some(seen) = &step.observed {
            for Tracked { running, weighted } in &mut self.metrics {
                let weight = seen.weight.as_ref().filter(|_| *weighted);
                running.update(&seen.prediction, &seen.target, weight)?;
            }
        }
        Ok(())
    }

    fn mean(&mut self, name: &str, terms: &Tensor) -> Result<()> {
        let at = match self.means.iter().position(|(known, _)| known == name) {
            Some(at) => at,
            None => {
                self.means.push((name.to_owned(), Sums::default()));
                self.means.len() - 1
            }
        };
        self.means[at].1.add(terms)
    }

    /// The mean loss so far; waits for the device.
    pub(crate) fn loss(&mut self) -> Result<Option<f64>> {
        match self.means.iter_mut().find(|(name, _)| name == LOSS) {
            Some((_, sums)) => Ok(Some(mean_value(&sums.read()?))),
            None => Ok(None),
        }
    }

    /// Everything measured since the last reset; waits for the device.
    pub(crate) fn read(&mut self) -> Result<Logs> {
        let mut logs = Logs::default();
        for (name, sums) in &mut self.means {
            logs.set(name.clone(), mean_value(&sums.read()?));
        }
        for Tracked { running, .. } in &mut self.metrics {
            let value = running.result()?;
            logs.set(running.metric().name(), value);
        }
        Ok(logs)
    }

    /// The sums of a metric.
    ///
    /// # Errors
    /// `Kind::Argument` for an unknown name, `Kind::DeviceLost`.
    pub(crate) fn sums(&mut self, name: &str) -> Result<Vec<f64>> {
        let known = self.names();
        let mut metrics = self.metrics.iter_mut();
        match metrics.find(|metric| metric.running.metric().name() == name) {
            Some(metric) => metric.running.sums(),
            None => {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                Err(unknown("sums", "metric", name, &known))
            }
        }
    }

    /// The names that training logs, as far as they are known before it.
    pub(crate) fn names(&self) -> Vec<String> {
        let metrics = self.metrics.iter().map(|m| m.running.metric().name().to_owned());
        std::iter::once(LOSS.to_owned()).chain(metrics).collect()
    }

    /// What is better for a name, if it is known.
    pub(crate) fn direction(&self, name: &str) -> Option<Direction> {
        let name = name.strip_prefix("val_").unwrap_or(name);
        if name == LOSS {
            return Some(Direction::Falls);
        }
        let mut metrics = self.metrics.iter().map(|m| m.running.metric());
        metrics.find(|metric| metric.name() == name).map(Metric::direction)
    }

    fn entries(&mut self) -> Vec<(String, &mut Sums)> {
        let means = self.means.iter_mut().map(|(name, sums)| (format!("mean.{name}"), sums));
        let metrics = self.metrics.iter_mut().map(|m| {
            let name = format!("metric.{}", m.running.metric().name());
            (name, m.running.state())
        });
        means.chain(metrics).collect()
    }

    pub(crate) fn save(&mut self, tensors: &mut BTreeMap<String, Array>) -> Result<Value> {
        let entries = self.entries().into_iter();
        entries.map(|(name, sums)| Ok(json!([name, sums.save(&name, tensors)?]))).collect()
    }

    /// Goes on where [`Trackers::save`] was; false for a state that is not of these metrics.
    pub(crate) fn restore(&mut self, state: &Value, tensors: &BTreeMap<String, Array>) -> bool {
        let mut restored = Vec::new();
        for entry in state.as_array().into_iter().flatten() {
            let sums = entry[0].as_str().zip(Some(&entry[1]));
            let Some((name, sums)) = sums
                .and_then(|(name, state)| Some((name, Sums::restore(state, tensors.get(name))?)))
            else {
                return false;
            };
            restored.push((name.to_owned(), sums));
        }
        self.reset();
        for (name, sums) in restored {
            if let Some(name) = name.strip_prefix("mean.") {
                self.means.push((name.to_owned(), sums));
                continue;
            }
            let own = self.entries().into_iter().find(|(own, _)| *own == name);
            let Some((_, own)) = own else { return false };
            *own = sums;
        }
        true
    }
}
