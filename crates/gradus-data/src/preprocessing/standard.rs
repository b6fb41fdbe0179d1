//! `StandardScaler`: mean 0 and variance 1.

use gradus_tensor::{Array, Result};
use serde::{Deserialize, Serialize};

use super::Saved;
use super::matrix::{Matrix, fitted};

const OP: &str = "standard_scaler";

/// Makes the mean of each feature 0 and its variance 1, as scikit-learn's class of this name.
///
/// Arrays are `[N, D]`; float64 stays float64, other types become float32. NaN counts as missing
/// and stays. Features that do not vary are only centred.
///
/// ```
/// use gradus_data::StandardScaler;
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![1.0f32, 5.0, 3.0, 5.0], [2, 2])?;
/// let mut scaler = StandardScaler::default();
/// let y = scaler.fit_transform(&x)?;
/// assert_eq!(y.to_vec::<f32>()?, [-1.0, 0.0, 1.0, 0.0]);
/// assert_eq!(scaler.inverse_transform(&y)?.to_vec::<f32>()?, [1.0, 5.0, 3.0, 5.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StandardScaler {
    with_mean: bool,
    with_std: bool,
    state: Option<State>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    /// Values of each feature that were not missing.
    counts: Vec<f64>,
    mean: Vec<f64>,
    var: Vec<f64>,
    scale: Vec<f64>,
}

impl Default for StandardScaler {
    /// Both mean and deviation.
    fn default() -> Self {
        StandardScaler { with_mean: true, with_std: true, state: None }
    }
}

impl Saved for StandardScaler {
    const NAME: &'static str = OP;
}

impl StandardScaler {
    /// Whether the mean is subtracted.
    #[must_use]
    pub fn with_mean(self, with_mean: bool) -> Self {
        StandardScaler { with_mean, ..self }
    }

    /// Whether the standard deviation divides.
    #[must_use]
    pub fn with_std(self, with_std: bool) -> Self {
        StandardScaler { with_std, ..self }
    }

    /// Measures `x` `[N, D]`.
    ///
    /// # Errors
    /// `Kind::Shape` for another rank; `Kind::Argument` for a feature without a value or with an
    /// infinite one.
    pub fn fit(&mut self, x: &Array) -> Result<()> {
        self.state = None;
        self.partial_fit(x)
    }

    /// Measures `x` together with everything since the last [`fit`](StandardScaler::fit): for data
    /// that come in batches.
    ///
    /// # Errors
    /// As [`fit`](StandardScaler::fit).
    pub fn partial_fit(&mut self, x: &Array) -> Result<()> {
        let x = match &self.state {
            None => Matrix::read(OP, x)?,
            Some(state) => Matrix::read_fitted(OP, x, state.mean.len())?,
        };
        let counts = x.each_column(OP, |column| column.len() as f64)?;
        let mean = x.each_column(OP, |column| column.iter().sum::<f64>() / column.len() as f64)?;
        let var = x.each_column(OP, variance)?;
        let mut new = State { counts, mean, var, scale: Vec::new() };
        if let Some(old) = &self.state {
            new.merge(old);
        }
        new.scale = (0..new.mean.len()).map(|at| new.scale_of(at)).collect();
        self.state = Some(new);
        Ok(())
    }

    /// The scaled features.
    ///
    /// # Errors
    /// `Kind::Shape` for another number of features; `Kind::Argument` before a fit.
    pub fn transform(&self, x: &Array) -> Result<Array> {
        let state = fitted(OP, &self.state)?;
        Matrix::read_fitted(OP, x, state.mean.len())?.map(|at, value| {
            let value = if self.with_mean { value - state.mean[at] } else { value };
            if self.with_std { value / state.scale[at] } else { value }
        })
    }

    /// [`fit`](StandardScaler::fit) and [`transform`](StandardScaler::transform).
    ///
    /// # Errors
    /// As these.
    pub fn fit_transform(&mut self, x: &Array) -> Result<Array> {
        self.fit(x)?;
        self.transform(x)
    }

    /// The features that were scaled.
    ///
    /// # Errors
    /// As [`transform`](StandardScaler::transform).
    pub fn inverse_transform(&self, x: &Array) -> Result<Array> {
        let state = fitted(OP, &self.state)?;
        Matrix::read_fitted(OP, x, state.mean.len())?.map(|at, value| {
            let value = if self.with_std { value * state.scale[at] } else { value };
            if self.with_mean { value + state.mean[at] } else { value }
        })
    }

    /// The mean of each feature; empty before a fit.
    pub fn mean(&self) -> &[f64] {
        self.state.as_ref().map_or(&[], |state| &state.mean)
    }

    /// The variance of each feature, divided by the number of samples; empty before a fit.
    pub fn var(&self) -> &[f64] {
        self.state.as_ref().map_or(&[], |state| &state.var)
    }
}

impl State {
    /// Chan's formula for the moments of two sets together.
    fn merge(&mut self, old: &State) {
        for at in 0..self.mean.len() {
            let (n, m) = (old.counts[at], self.counts[at]);
            let delta = self.mean[at] - old.mean[at];
            let squares = old.var[at] * n + self.var[at] * m + delta * delta * n * m / (n + m);
            self.mean[at] = old.mean[at] + delta * m / (n + m);
            self.var[at] = squares / (n + m);
            self.counts[at] = n + m;
        }
    }

    /// The deviation, or 1 where rounding alone could make the variance.
    fn scale_of(&self, at: usize) -> f64 {
        let (n, mean, var) = (self.counts[at], self.mean[at], self.var[at]);
        let rounding = n * f64::EPSILON * var + (n * mean * f64::EPSILON).powi(2);
        if var <= rounding { 1.0 } else { var.sqrt() }
    }
}

/// The second sum makes good for the rounding of the mean.
#[allow(clippy::needless_pass_by_value, reason = "a callback of `each_column`")]
fn variance(column: Vec<f64>) -> f64 {
    let n = column.len() as f64;
    let mean = column.iter().sum::<f64>() / n;
    let (mut squares, mut sum) = (0.0, 0.0);
    for value in column {
        squares += (value - mean) * (value - mean);
        sum += value - mean;
    }
    (squares - sum * sum / n) / n
}
