//! Class numbers of samples, read from an array.

use std::collections::BTreeMap;

use gradus_tensor::{Array, Error, Kind, Problem, Result};

/// The class of each sample.
pub(crate) struct Labels {
    values: Vec<i64>,
}

impl Labels {
    /// Whole numbers `[N]` or `[N, 1]`.
    pub(crate) fn read(op: &'static str, labels: &Array) -> Result<Self> {
        if !matches!(labels.shape().dims(), [_] | [_, 1]) {
            let rank = labels.shape().dims().len();
            let problem = Problem::Rank { name: "labels", got: rank, expected: "1" };
            return Err(Error::shape(op, problem, &[("labels", labels.shape())]));
        }
        if labels.dtype().is_float() {
            let expected = "whole numbers: int32, uint32, uint8 or bool";
            return Err(Kind::DType { op, got: vec![labels.dtype()], expected }.into());
        }
        let values = labels.to_vec::<i64>()?;
        Ok(Labels { values })
    }

    /// Whether there is a label for each of `samples`.
    pub(crate) fn check_len(&self, op: &'static str, samples: usize) -> Result<()> {
        if self.values.len() != samples {
            let value = format!("{} for {samples} samples", self.values.len());
            return Err(Error::argument(op, "number of labels", value, "one for each sample"));
        }
        Ok(())
    }

    /// Whether all are numbers of one of `classes`.
    pub(crate) fn check_classes(&self, op: &'static str, classes: usize) -> Result<()> {
        let inside = |&label: &i64| usize::try_from(label).is_ok_and(|l| l < classes);
        match self.values.iter().position(|label| !inside(label)) {
            None => Ok(()),
            Some(position) => {
                let index = self.values[position];
                Err(Kind::Index { op, index, position, size: classes }.into())
            }
        }
    }

    pub(crate) fn values(&self) -> &[i64] {
        &self.values
    }

    /// The classes that occur, in ascending order, each with its samples in ascending order.
    pub(crate) fn classes(&self) -> BTreeMap<i64, Vec<usize>> {
        let mut classes: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for (at, &class) in self.values.iter().enumerate() {
            classes.entry(class).or_default().push(at);
        }
        classes
    }
}
