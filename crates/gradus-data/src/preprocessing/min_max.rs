//! `MinMaxScaler`: features between two numbers.

use gradus_tensor::{Array, Error, Result};
use serde::{Deserialize, Serialize};

use super::Saved;
use super::matrix::{Matrix, fitted, without_zeros};

const OP: &str = "min_max_scaler";

/// Makes the smallest value of each feature 0 and the largest 1, or the ends of another range, as
/// scikit-learn's class of this name.
///
/// Arrays are `[N, D]`; float64 stays float64, other types become float32. NaN counts as missing
/// and stays.
///
/// ```
/// use gradus_data::MinMaxScaler;
/// use gradus_tensor::Array;
/// let mut scaler = MinMaxScaler::default().feature_range(-1.0, 1.0);
/// scaler.fit(&Array::from_vec(vec![0.0f32, 10.0], [2, 1])?)?;
/// let y = scaler.transform(&Array::from_vec(vec![5.0f32, 20.0], [2, 1])?)?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 3.0]);
/// assert_eq!(scaler.inverse_transform(&y)?.to_vec::<f32>()?, [5.0, 20.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MinMaxScaler {
    feature_range: (f64, f64),
    clip: bool,
    state: Option<State>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    data_min: Vec<f64>,
    data_max: Vec<f64>,
    scale: Vec<f64>,
    min: Vec<f64>,
}

impl Default for MinMaxScaler {
    /// 0 to 1, without clipping.
    fn default() -> Self {
        MinMaxScaler { feature_range: (0.0, 1.0), clip: false, state: None }
    }
}

impl Saved for MinMaxScaler {
    const NAME: &'static str = OP;
}

impl MinMaxScaler {
    /// Where the smallest and the largest value go.
    #[must_use]
    pub fn feature_range(self, low: f64, high: f64) -> Self {
        MinMaxScaler { feature_range: (low, high), ..self }
    }

    /// Whether other data are kept inside the range.
    #[must_use]
    pub fn clip(self, clip: bool) -> Self {
        MinMaxScaler { clip, ..self }
    }

    /// Measures `x` `[N, D]`.
    ///
    /// # Errors
    /// `Kind::Shape` for another rank; `Kind::Argument` for a feature without a value or with an
    /// infinite one, or a range that is none.
    pub fn fit(&mut self, x: &Array) -> Result<()> {
        self.state = None;
        self.partial_fit(x)
    }

    /// Measures `x` together with everything since the last [`fit`](MinMaxScaler::fit).
    ///
    /// # Errors
    /// As [`fit`](MinMaxScaler::fit).
    pub fn partial_fit(&mut self, x: &Array) -> Result<()> {
        let (low, high) = self.feature_range;
        if !(low < high && low.is_finite() && high.is_finite()) {
            let value = format!("{low} to {high}");
            return Err(Error::argument(
                OP,
                "feature_range",
                value,
                "a smaller and a larger number",
            ));
        }
        let x = match &self.state {
            None => Matrix::read(OP, x)?,
            Some(state) => Matrix::read_fitted(OP, x, state.min.len())?,
        };
        let mut least = x.each_column(OP, |c| c.into_iter().fold(f64::INFINITY, f64::min))?;
        let mut most = x.each_column(OP, |c| c.into_iter().fold(f64::NEG_INFINITY, f64::max))?;
        if let Some(old) = &self.state {
            least.iter_mut().zip(&old.data_min).for_each(|(new, &old)| *new = new.min(old));
            most.iter_mut().zip(&old.data_max).for_each(|(new, &old)| *new = new.max(old));
        }
        let mut ranges: Vec<f64> = most.iter().zip(&least).map(|(max, min)| max - min).collect();
        without_zeros(&mut ranges);
        let scale: Vec<f64> = ranges.iter().map(|range| (high - low) / range).collect();
        let min = least.iter().zip(&scale).map(|(min, scale)| low - min * scale).collect();
        self.state = Some(State { data_min: least, data_max: most, scale, min });
        Ok(())
    }

    /// The scaled features.
    ///
    /// # Errors
    /// `Kind::Shape` for another number of features; `Kind::Argument` before a fit.
    pub fn transform(&self, x: &Array) -> Result<Array> {
        let state = fitted(OP, &self.state)?;
        let (low, high) = self.feature_range;
        Matrix::read_fitted(OP, x, state.min.len())?.map(|at, value| {
            let value = value * state.scale[at] + state.min[at];
            // Not `clamp`, which panics at NaN ends; a NaN value stays in both.
            if self.clip && value < low {
                low
            } else if self.clip && value > high {
                high
            } else {
                value
            }
        })
    }

    /// [`fit`](MinMaxScaler::fit) and [`transform`](MinMaxScaler::transform).
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
    /// As [`transform`](MinMaxScaler::transform).
    pub fn inverse_transform(&self, x: &Array) -> Result<Array> {
        let state = fitted(OP, &self.state)?;
        let x = Matrix::read_fitted(OP, x, state.min.len())?;
        x.map(|at, value| (value - state.min[at]) / state.scale[at])
    }

    /// The smallest value of each feature; empty before a fit.
    pub fn data_min(&self) -> &[f64] {
        self.state.as_ref().map_or(&[], |state| &state.data_min)
    }

    /// The largest value of each feature; empty before a fit.
    pub fn data_max(&self) -> &[f64] {
        self.state.as_ref().map_or(&[], |state| &state.data_max)
    }
}
