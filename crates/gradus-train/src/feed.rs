//! `Feed`: which batches an epoch has, and which of them make one step of the optimizer.

use std::sync::Arc;

use gradus_autodiff::Tensor;
use gradus_data::{Dataset, Loader, Transform};
use gradus_tensor::{Device, Error, Result};

use crate::checkpoint::Position;

/// Training batches by their place. Passes over the data follow one another; an epoch is one
/// pass, or the next `steps` batches of that sequence.
pub(crate) struct Feed {
    pub(crate) data: Arc<dyn Dataset>,
    pub(crate) device: Device,
    pub(crate) batch_size: usize,
    pub(crate) shuffle: bool,
    /// Of the orders and the transforms.
    pub(crate) seed: u64,
    pub(crate) transforms: Vec<Arc<dyn Transform>>,
    pub(crate) drop_last: bool,
    pub(crate) prefetch: usize,
    pub(crate) workers: usize,
    /// Batches per epoch, unless they are a pass.
    pub(crate) steps: Option<usize>,
    /// Batches per step of the optimizer.
    pub(crate) accumulate: usize,
}

/// The part of a batch in its step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) first: bool,
    pub(crate) last: bool,
    /// The batch's share of the samples of the step.
    pub(crate) share: f64,
}

impl Feed {
    /// # Errors
    /// `Kind::Argument` where a pass has no batches.
    pub(crate) fn check(&self, op: &'static str) -> Result<()> {
        if self.pass() > 0 {
            return Ok(());
        }
        let value = format!("{} for {} samples", self.batch_size, self.data.len());
        let expected = "no more than there are samples, with `drop_last`";
        Err(Error::argument(op, "batch_size", value, expected))
    }

    /// Number of batches in a pass.
    pub(crate) fn pass(&self) -> usize {
        let n = self.data.len();
        if self.drop_last { n / self.batch_size } else { n.div_ceil(self.batch_size) }
    }

    /// Number of batches in an epoch.
    pub(crate) fn steps(&self) -> usize {
        self.steps.unwrap_or_else(|| self.pass())
    }

    /// The batches of an epoch from a place in it; of a pass of one batch at least.
    pub(crate) fn batches(
        &self,
        from: Position,
    ) -> impl Iterator<Item = Result<Vec<Tensor>>> + use<'_> {
        let start = from.epoch * self.steps() + from.batch;
        let (pass, skip) = (start / self.pass(), start % self.pass());
        let passes = (pass..).map(move |number| {
            let skip = if number == pass { skip } else { 0 };
            self.loader().epoch(number as u64).skip(skip).batches()
        });
        passes.flatten().take(self.steps().saturating_sub(from.batch))
    }

    fn loader(&self) -> Loader<Tensor> {
        let loader = Loader::new(&self.data).batch_size(self.batch_size).drop_last(self.drop_last);
        let loader = loader.prefetch(self.prefetch).num_workers(self.workers).to(&self.device);
        let loader = if self.shuffle { loader.shuffle(self.seed) } else { loader.seed(self.seed) };
        self.transforms.iter().cloned().fold(loader, Loader::transform)
    }

    /// Samples of a batch of the sequence of passes.
    fn samples(&self, number: usize) -> usize {
        let before = number % self.pass() * self.batch_size;
        self.batch_size.min(self.data.len() - before)
    }

    /// What a batch is for the step that it belongs to. The last group of an epoch may be smaller.
    pub(crate) fn part(&self, at: Position) -> Part {
        let first = at.batch - at.batch % self.accumulate;
        let end = (first + self.accumulate).min(self.steps());
        let before = at.epoch * self.steps();
        let all: usize = (first..end).map(|batch| self.samples(before + batch)).sum();
        Part {
            first: at.batch == first,
            last: at.batch + 1 == end,
            share: self.samples(before + at.batch) as f64 / all as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use gradus_data::TensorDataset;
    use gradus_tensor::Array;

    use super::*;

    fn feed(n: usize, steps: Option<usize>, accumulate: usize) -> Feed {
        let x = Array::from_vec((0..n as i32).collect(), [n]).expect("array");
        Feed {
            data: Arc::new(TensorDataset::new(vec![x]).expect("data")),
            device: Device::cpu(),
            batch_size: 2,
            shuffle: false,
            seed: 0,
            transforms: Vec::new(),
            drop_last: false,
            prefetch: 0,
            workers: 1,
            steps,
            accumulate,
        }
    }

    fn seen(feed: &Feed, epoch: usize, batch: usize) -> Vec<Vec<i32>> {
        let batches = feed.batches(Position { epoch, batch });
        batches.map(|b| b.expect("batch")[0].to_vec().expect("numbers")).collect()
    }

    #[test]
    fn epochs_of_other_lengths_follow_one_another() {
        let feed = feed(5, Some(4), 1);
        assert_eq!(seen(&feed, 0, 0), [vec![0, 1], vec![2, 3], vec![4], vec![0, 1]]);
        assert_eq!(seen(&feed, 1, 0), [vec![2, 3], vec![4], vec![0, 1], vec![2, 3]]);
        assert_eq!(seen(&feed, 1, 3), [[2, 3]]);
        assert!(seen(&feed, 1, 4).is_empty());
    }

    #[test]
    fn groups_know_their_samples() {
        let feed = feed(9, None, 3);
        let parts = (0..5).map(|batch| feed.part(Position { epoch: 1, batch }));
        let parts: Vec<_> = parts.map(|p| (p.first, p.last, p.share)).collect();
        let third = 1.0 / 3.0;
        assert_eq!(
            parts,
            [
                (true, false, third),
                (false, false, third),
                (false, true, third),
                (true, false, 2.0 * third),
                (false, true, third),
            ]
        );
    }
}
