//! Running plans on a device: images that wait for a step of one kind, in one size and type, are
//! gathered and do it together. How they are gathered changes no image.

use gradus_kernels::{Value, index_select};
use gradus_tensor::{Array, DType, Result, Shape};

use super::device;
use super::picture::{Batch, ImageSize};
use super::step::{Plan, Step};

/// Arrays that are joined at once; an expression reads no more on every device.
const JOINED: usize = 3;

/// Where an image is: a batch and its row there.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seat {
    batch: usize,
    row: usize,
}

/// The images of a run: each sits in one of the batches so far.
struct Crowd {
    batches: Vec<Value>,
    seats: Vec<Seat>,
    /// How many of its steps each has done.
    done: Vec<usize>,
}

/// Runs a plan for each image of a batch that is on a device.
///
/// # Errors
/// What kernels report.
pub(crate) fn run(x: &Array, batch: &Batch, plans: &[Plan], shape: &Shape) -> Result<Array> {
    let [c, h, w] = batch.size.array().map(|n| n as i64);
    let first = Value::from(x).reshape(&[plans.len() as i64, c, h, w])?;
    let mut crowd = Crowd {
        batches: vec![first],
        seats: (0..plans.len()).map(|row| Seat { batch: 0, row }).collect(),
        done: vec![0; plans.len()],
    };
    while let Some(group) = crowd.next(plans, batch) {
        let (size, dtype) = crowd.state(&plans[group[0]], group[0], batch);
        let together = crowd.gathered(&group, size)?;
        let steps: Vec<&Step> =
            group.iter().map(|&n| &plans[n].steps[crowd.done[n]].step).collect();
        let op = plans[group[0]].steps[crowd.done[group[0]]].op;
        let result = device::step(op, &together, size, dtype, &steps)?;
        for (row, &n) in group.iter().enumerate() {
            crowd.done[n] += 1;
            crowd.seats[n] = Seat { batch: crowd.batches.len(), row };
        }
        crowd.batches.push(result);
    }
    let everyone: Vec<usize> = (0..plans.len()).collect();
    let size = plans.first().map_or(batch.size, |plan| plan.size);
    crowd.gathered(&everyone, size)?.reshaped(shape)?.array()
}

impl Crowd {
    /// Size and type of image `n` now.
    fn state(&self, plan: &Plan, n: usize, batch: &Batch) -> (ImageSize, DType) {
        match self.done[n].checked_sub(1) {
            Some(last) => (plan.steps[last].size, plan.steps[last].dtype),
            None => (batch.size, batch.dtype),
        }
    }

    /// The images that can do a step together: of the kind that the first image with steps left
    /// waits for.
    fn next(&self, plans: &[Plan], batch: &Batch) -> Option<Vec<usize>> {
        let waits = |n: usize| plans[n].steps.get(self.done[n]);
        let first = (0..plans.len()).find(|&n| waits(n).is_some())?;
        let (step, state) = (waits(first)?, self.state(&plans[first], first, batch));
        let fits = |&n: &usize| {
            waits(n).is_some_and(|other| {
                other.step.goes_with(&step.step)
                    && (other.size, other.dtype) == (step.size, step.dtype)
                    && self.state(&plans[n], n, batch) == state
            })
        };
        Some((first..plans.len()).filter(fits).collect())
    }

    /// These images as one batch.
    fn gathered(&self, images: &[usize], size: ImageSize) -> Result<Value> {
        let seats: Vec<Seat> = images.iter().map(|&n| self.seats[n]).collect();
        let mut used: Vec<usize> = seats.iter().map(|seat| seat.batch).collect();
        used.sort_unstable();
        used.dedup();
        let [c, h, w] = size.array();
        if let [batch] = used[..] {
            let whole = &self.batches[batch];
            let in_order = seats.iter().enumerate().all(|(row, seat)| seat.row == row);
            if in_order && whole.shape()[0] == seats.len() {
                return Ok(whole.clone());
            }
        }
        // Batches one after another, and where the rows of each begin.
        let mut joined: Option<Value> = None;
        let mut starts = Vec::new();
        let mut rows = 0;
        for part in used.chunks(JOINED) {
            let mut parts = Vec::new();
            let mut len = 0;
            for value in joined.iter().chain(part.iter().map(|&batch| &self.batches[batch])) {
                let array = value.dense()?;
                let elems = array.shape().numel();
                parts.push((array, len));
                len += elems;
            }
            for &batch in part {
                starts.push(rows);
                rows += self.batches[batch].shape()[0];
            }
            let shape = Shape::new(&[rows, c, h, w]);
            joined = match Value::concat(parts, len) {
                Some(flat) => Some(Value::from(flat.array()?).reshaped(&shape)?),
                None => None,
            };
        }
        let index = seats.iter().map(|seat| {
            let place = used.binary_search(&seat.batch).unwrap_or(0);
            (starts[place] + seat.row) as i32
        });
        let index: Vec<i32> = index.collect();
        let index = Value::from(Array::from_slice(&index, index.len())?);
        match joined {
            Some(all) => index_select(&all, 0, &index),
            None => Ok(self.batches[0].clone()),
        }
    }
}
