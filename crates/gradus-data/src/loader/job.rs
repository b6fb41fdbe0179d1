//! The fetches of one epoch: what workers do.

use std::any::Any;
use std::collections::HashMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use gradus_tensor::{Array, Error, Kind, Operand, Problem, Result};

use super::OP;
use crate::convert::ToFloat;
use crate::dataset::Dataset;
use crate::transform::{SampleKey, Transform};

/// Everything that makes the batches of an epoch.
pub(super) struct Job {
    pub(super) dataset: Arc<dyn Dataset>,
    pub(super) order: Vec<usize>,
    /// How often the epoch had each sample before, where a sampler repeats samples.
    pub(super) repeats: Option<Vec<u64>>,
    pub(super) seed: u64,
    pub(super) epoch: u64,
    pub(super) batch_size: usize,
    pub(super) first: usize,
    pub(super) batches: usize,
    /// Whether the dataset leaves bytes as bytes; its conversions are then among those below.
    pub(super) stored: bool,
    /// Whether the consumer converts, on its device.
    pub(super) late: bool,
    /// What workers do to the columns, in this order.
    pub(super) transforms: Arc<[Arc<dyn Transform>]>,
    /// Conversions that follow the transforms.
    pub(super) conversions: Vec<(usize, ToFloat)>,
    /// What the consumer does to columns on the device.
    pub(super) on_device: Arc<[Arc<dyn Transform>]>,
}

impl Job {
    /// The numbers of the batches to fetch.
    pub(super) fn batches(&self) -> Range<usize> {
        self.first..self.batches
    }

    /// Batch number `batch`. A panic of the dataset or a transform becomes an error, so that it
    /// reaches the consumer and not only the thread it happened on.
    pub(super) fn fetch(&self, batch: usize) -> Result<Vec<Array>> {
        let indices = &self.order[self.places(batch)];
        let fetched = catch_unwind(AssertUnwindSafe(|| {
            let columns = self.columns(indices)?;
            let columns = self.transformed(&self.transforms, 0, columns, batch)?;
            if self.late { Ok(columns) } else { self.converted(columns) }
        }));
        let fetched = fetched.unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
        fetched.map_err(|error| within(error, batch))
    }

    /// What is left to do where the batch is consumed, with its columns on the device.
    pub(super) fn finish(&self, columns: Vec<Array>, batch: usize) -> Result<Vec<Array>> {
        let columns = if self.late { self.converted(columns)? } else { columns };
        let first = self.transforms.len();
        let finished = self.transformed(&self.on_device, first, columns, batch);
        finished.map_err(|error| within(error, batch))
    }

    fn columns(&self, indices: &[usize]) -> Result<Vec<Array>> {
        let columns = match self.stored {
            true => self.dataset.fetch_stored(indices)?,
            false => self.dataset.fetch(indices)?,
        };
        let rule = "fetch must return one row per index in every column";
        checked(columns, indices.len(), rule)
    }

    fn converted(&self, mut columns: Vec<Array>) -> Result<Vec<Array>> {
        for (column, conversion) in &self.conversions {
            let size = columns.len();
            let Some(column) = columns.get_mut(*column) else {
                let index = i64::try_from(*column).unwrap_or(i64::MAX);
                return Err(Kind::Index { op: OP, index, position: 0, size }.into());
            };
            *column = conversion.apply(column)?;
        }
        Ok(columns)
    }

    fn transformed(
        &self,
        transforms: &[Arc<dyn Transform>],
        first: usize,
        mut columns: Vec<Array>,
        batch: usize,
    ) -> Result<Vec<Array>> {
        if transforms.is_empty() {
            return Ok(columns);
        }
        let keys = self.keys(batch);
        for (number, transform) in (first as u64..).zip(transforms) {
            let keys: Vec<SampleKey> = keys.iter().map(|key| key.part(number)).collect();
            columns = transform.apply(columns, &keys)?;
            let rule = "a transform must return one row per sample in every column";
            columns = checked(columns, keys.len(), rule)?;
        }
        Ok(columns)
    }

    fn places(&self, batch: usize) -> Range<usize> {
        let start = batch * self.batch_size;
        start..(start + self.batch_size).min(self.order.len())
    }

    fn keys(&self, batch: usize) -> Vec<SampleKey> {
        let key = |place: usize| SampleKey {
            seed: self.seed,
            epoch: self.epoch,
            index: self.order[place] as u64,
            repeat: self.repeats.as_ref().map_or(0, |repeats| repeats[place]),
        };
        self.places(batch).map(key).collect()
    }
}

/// How often each sample of an order came before its place.
pub(super) fn repeats(order: &[usize]) -> Vec<u64> {
    let mut seen: HashMap<usize, u64> = HashMap::new();
    let count = |index: &usize| {
        let seen = seen.entry(*index).or_default();
        *seen += 1;
        *seen - 1
    };
    order.iter().map(count).collect()
}

fn within(error: Error, batch: usize) -> Error {
    error.within(format!("batch {batch} of the data loader"))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let value = format!("one that panics: {}", text.unwrap_or("without a message"));
    Error::argument(OP, "dataset", value, "a fetch that returns its errors")
}

fn checked(columns: Vec<Array>, samples: usize, rule: &'static str) -> Result<Vec<Array>> {
    let wrong = |column: &Array| column.shape().dims().first() != Some(&samples);
    if columns.iter().any(wrong) {
        let operands = columns.iter().map(|c| Operand::new("column", c.shape())).collect();
        return Err(Kind::Shape { op: OP, problem: Problem::Rule { rule }, operands }.into());
    }
    Ok(columns)
}
