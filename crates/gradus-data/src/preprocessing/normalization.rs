//! `Normalization`: Keras' layer, adapted to data before training.

use gradus_tensor::{Array, DType, Dim, Error, Kind, Operand, Problem, Result};
use serde::{Deserialize, Serialize};

use super::Saved;
use super::matrix::{fitted, from_numbers, numbers};
use crate::convert::ToFloat;
use crate::dataset::Dataset;

const OP: &str = "normalization";
/// Keras' epsilon: the least deviation that divides.
const EPSILON: f64 = 1e-7;
const BATCH: usize = 256;

/// Subtracts the mean and divides by the deviation that [`adapt`](Normalization::adapt) measured,
/// one of each for every place of an axis, or one for all; Keras' layer of this name.
///
/// Arrays have any rank; the axis of Keras' images `[N, H, W, C]` is −1, that of `[N, C, H, W]` is
/// 1. float64 stays float64, other types become float32.
///
/// ```
/// use gradus_data::Normalization;
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![1.0f32, 10.0, 3.0, 30.0], [2, 2])?;
/// let mut layer = Normalization::new(Some(-1));
/// layer.adapt(&x)?;
/// assert_eq!((layer.mean(), layer.variance()), (&[2.0, 20.0][..], &[1.0, 100.0][..]));
/// assert_eq!(layer.apply(&x)?.to_vec::<f32>()?, [-1.0, -1.0, 1.0, 1.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Normalization {
    axis: Option<Dim>,
    state: Option<State>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    count: f64,
    mean: Vec<f64>,
    variance: Vec<f64>,
}

impl Saved for Normalization {
    const NAME: &'static str = OP;
}

impl Normalization {
    /// Statistics for each place along `axis`, or one pair for all.
    pub const fn new(axis: Option<Dim>) -> Self {
        Normalization { axis, state: None }
    }

    /// Known statistics instead of measured ones.
    ///
    /// # Errors
    /// `Kind::Argument` when there are not equally many, or a number is not finite or a variance
    /// negative.
    pub fn with_statistics(axis: Option<Dim>, mean: &[f64], variance: &[f64]) -> Result<Self> {
        let good = mean.iter().all(|m| m.is_finite())
            && variance.iter().all(|v| v.is_finite() && *v >= 0.0);
        if mean.len() != variance.len() || mean.is_empty() || !good {
            let value = format!("{mean:?} and {variance:?}");
            let expected = "as many finite means as variances of at least 0";
            return Err(Error::argument(OP, "mean and variance", value, expected));
        }
        let (mean, variance) = (mean.to_vec(), variance.to_vec());
        Ok(Normalization { axis, state: Some(State { count: 0.0, mean, variance }) })
    }

    /// Measures `x`, forgetting what was measured before.
    ///
    /// # Errors
    /// `Kind::Shape` when there is no such axis or there are no elements.
    pub fn adapt(&mut self, x: &Array) -> Result<()> {
        self.state = None;
        self.measure(x)
    }

    /// Measures column `column` of all samples of a dataset, batch by batch.
    ///
    /// # Errors
    /// As [`adapt`](Normalization::adapt); `Kind::Index` when there is no such column; those of the
    /// dataset.
    pub fn adapt_dataset<D: Dataset + ?Sized>(&mut self, data: &D, column: usize) -> Result<()> {
        self.state = None;
        let samples: Vec<usize> = (0..data.len()).collect();
        for indices in samples.chunks(BATCH) {
            let columns = data.fetch(indices)?;
            let size = columns.len();
            let x = columns.get(column).ok_or_else(|| Kind::Index {
                op: OP,
                index: i64::try_from(column).unwrap_or(i64::MAX),
                position: 0,
                size,
            })?;
            self.measure(x)?;
        }
        if self.state.is_none() {
            return Err(Error::argument(OP, "number of samples", 0, "at least 1"));
        }
        Ok(())
    }

    /// `(x − mean) / max(deviation, 1e-7)`.
    ///
    /// # Errors
    /// `Kind::Shape` for another size of the axis; `Kind::Argument` before adapting.
    pub fn apply(&self, x: &Array) -> Result<Array> {
        self.each(x, |value, mean, deviation| (value - mean) / deviation)
    }

    /// The inverse of [`apply`](Normalization::apply): Keras' layer with `invert`.
    ///
    /// # Errors
    /// As [`apply`](Normalization::apply).
    pub fn invert(&self, x: &Array) -> Result<Array> {
        self.each(x, |value, mean, deviation| value * deviation + mean)
    }

    /// The same for bytes `[N, C, …]`, done by a loader on its device. The axis must be 1 or none.
    ///
    /// # Errors
    /// `Kind::Argument` for another axis or before adapting.
    pub fn to_float(&self) -> Result<ToFloat> {
        let state = fitted(OP, &self.state)?;
        if self.axis.is_some_and(|axis| axis != 1) {
            let value = format!("{:?}", self.axis);
            return Err(Error::argument(OP, "axis", value, "1 or none for the bytes of images"));
        }
        // `ToFloat` counts bytes in units of 255.
        let mean: Vec<f32> = state.mean.iter().map(|m| (m / 255.0) as f32).collect();
        let deviations = state.variance.iter().map(|v| (deviation(*v) / 255.0) as f32);
        ToFloat::normalized(&mean, &deviations.collect::<Vec<_>>())
    }

    /// The means; empty before adapting.
    pub fn mean(&self) -> &[f64] {
        self.state.as_ref().map_or(&[], |state| &state.mean)
    }

    /// The variances; empty before adapting.
    pub fn variance(&self) -> &[f64] {
        self.state.as_ref().map_or(&[], |state| &state.variance)
    }

    fn measure(&mut self, x: &Array) -> Result<()> {
        let (size, inner) = self.places(x)?;
        let values = numbers(x)?;
        if values.is_empty() {
            return Err(Error::shape(OP, Problem::Empty, &[("x", x.shape())]));
        }
        let count = (values.len() / size) as f64;
        let place = |at: usize| at / inner % size;
        let mut mean = vec![0.0; size];
        values.iter().enumerate().for_each(|(at, value)| mean[place(at)] += value / count);
        let mut variance = vec![0.0; size];
        for (at, value) in values.iter().enumerate() {
            variance[place(at)] += (value - mean[place(at)]).powi(2) / count;
        }
        let mut new = State { count, mean, variance };
        if let Some(old) = &self.state {
            check_size(x, size, old.mean.len())?;
            new.merge(old);
        }
        self.state = Some(new);
        Ok(())
    }

    fn each(&self, x: &Array, f: impl Fn(f64, f64, f64) -> f64) -> Result<Array> {
        let state = fitted(OP, &self.state)?;
        let (size, inner) = self.places(x)?;
        check_size(x, size, state.mean.len())?;
        let deviations: Vec<f64> = state.variance.iter().map(|v| deviation(*v)).collect();
        let mut values = numbers(x)?;
        for (at, value) in values.iter_mut().enumerate() {
            let place = at / inner % size;
            *value = f(*value, state.mean[place], deviations[place]);
        }
        from_numbers(values, x.shape().clone(), x.dtype() == DType::F64)
    }

    /// The size of the axis and the number of elements behind one of its places.
    fn places(&self, x: &Array) -> Result<(usize, usize)> {
        let Some(axis) = self.axis else { return Ok((1, 1)) };
        let axis = x.shape().dim(OP, axis)?;
        let dims = x.shape().dims();
        Ok((dims[axis].max(1), dims[axis + 1..].iter().product::<usize>().max(1)))
    }
}

impl State {
    /// Chan's formula for the moments of two sets together.
    fn merge(&mut self, old: &State) {
        let (n, m) = (old.count, self.count);
        for (at, (old_mean, old_variance)) in old.mean.iter().zip(&old.variance).enumerate() {
            let delta = self.mean[at] - old_mean;
            let squares = old_variance * n + self.variance[at] * m;
            self.mean[at] = old_mean + delta * m / (n + m);
            self.variance[at] = (squares + delta * delta * n * m / (n + m)) / (n + m);
        }
        self.count = n + m;
    }
}

fn deviation(variance: f64) -> f64 {
    variance.sqrt().max(EPSILON)
}

fn check_size(x: &Array, got: usize, expected: usize) -> Result<()> {
    if got == expected {
        return Ok(());
    }
    let other = "what was adapted";
    let problem = Problem::Size { name: "x", got, unit: "places on the axis", other, expected };
    let operands = vec![Operand::new("x", x.shape())];
    Err(Kind::Shape { op: OP, problem, operands }.into())
}
