//! `RobustScaler`: scaling that outliers do not move.

use gradus_tensor::{Array, Error, Result};
use serde::{Deserialize, Serialize};

use super::Saved;
use super::matrix::{Matrix, fitted, quantile, without_zeros};
use super::normal::normal_quantile;

const OP: &str = "robust_scaler";

/// Makes the median of each feature 0 and the range between two quantiles 1, as scikit-learn's
/// class of this name.
///
/// Arrays are `[N, D]`; float64 stays float64, other types become float32. NaN counts as missing
/// and stays.
///
/// ```
/// use gradus_data::RobustScaler;
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![1.0f32, 2.0, 3.0, 4.0, 1000.0], [5, 1])?;
/// let y = RobustScaler::default().fit_transform(&x)?;
/// assert_eq!(y.to_vec::<f32>()?[..4], [-1.0, -0.5, 0.0, 0.5]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RobustScaler {
    with_centering: bool,
    with_scaling: bool,
    quantile_range: (f64, f64),
    /// Absent in files of earlier versions.
    #[serde(default)]
    unit_variance: bool,
    state: Option<State>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    center: Vec<f64>,
    scale: Vec<f64>,
}

impl Default for RobustScaler {
    /// Both, with the quantiles 25 % and 75 %.
    fn default() -> Self {
        RobustScaler {
            with_centering: true,
            with_scaling: true,
            quantile_range: (25.0, 75.0),
            unit_variance: false,
            state: None,
        }
    }
}

impl Saved for RobustScaler {
    const NAME: &'static str = OP;
}

impl RobustScaler {
    /// Whether the median is subtracted.
    #[must_use]
    pub fn with_centering(self, with_centering: bool) -> Self {
        RobustScaler { with_centering, ..self }
    }

    /// Whether the range between the quantiles divides.
    #[must_use]
    pub fn with_scaling(self, with_scaling: bool) -> Self {
        RobustScaler { with_scaling, ..self }
    }

    /// The quantiles in per cent.
    #[must_use]
    pub fn quantile_range(self, low: f64, high: f64) -> Self {
        RobustScaler { quantile_range: (low, high), ..self }
    }

    /// Whether normally distributed features get variance 1: the range between the quantiles is
    /// divided by that of the standard normal distribution.
    ///
    /// ```
    /// use gradus_data::RobustScaler;
    /// use gradus_tensor::Array;
    /// let x = Array::from_vec(vec![1.0f64, 2.0, 3.0, 4.0, 1000.0], [5, 1])?;
    /// let y = RobustScaler::default().unit_variance(true).fit_transform(&x)?;
    /// assert!((y.to_vec::<f64>()?[3] - 0.5 * 1.348_979_500_392).abs() < 1e-9);
    /// # Ok::<(), gradus_tensor::Error>(())
    /// ```
    #[must_use]
    pub fn unit_variance(self, unit_variance: bool) -> Self {
        RobustScaler { unit_variance, ..self }
    }

    /// Measures `x` `[N, D]`.
    ///
    /// # Errors
    /// `Kind::Shape` for another rank; `Kind::Argument` for a feature without a value or with an
    /// infinite one, or quantiles outside `0..=100` or out of order, or for variance 1 no range
    /// between them.
    pub fn fit(&mut self, x: &Array) -> Result<()> {
        let (low, high) = self.quantile_range;
        if !(0.0 <= low && low <= high && high <= 100.0) {
            let value = format!("{low} to {high}");
            return Err(Error::argument(OP, "quantile_range", value, "two ascending per cent"));
        }
        let normal = match self.unit_variance {
            true => normal_quantile(high / 100.0) - normal_quantile(low / 100.0),
            false => 1.0,
        };
        if !(normal > 0.0 && normal.is_finite()) {
            let (value, expected) = (format!("{low} to {high}"), "above 0, below 100, and a range");
            return Err(Error::argument(OP, "quantile_range", value, expected));
        }
        let x = Matrix::read(OP, x)?;
        let center = x.each_column(OP, |column| quantile(&sorted(column), 0.5))?;
        let mut scale = x.each_column(OP, |column| {
            let column = sorted(column);
            quantile(&column, high / 100.0) - quantile(&column, low / 100.0)
        })?;
        without_zeros(&mut scale);
        scale.iter_mut().for_each(|scale| *scale /= normal);
        self.state = Some(State { center, scale });
        Ok(())
    }

    /// The scaled features.
    ///
    /// # Errors
    /// `Kind::Shape` for another number of features; `Kind::Argument` before a fit.
    pub fn transform(&self, x: &Array) -> Result<Array> {
        let state = fitted(OP, &self.state)?;
        Matrix::read_fitted(OP, x, state.center.len())?.map(|at, value| {
            let value = if self.with_centering { value - state.center[at] } else { value };
            if self.with_scaling { value / state.scale[at] } else { value }
        })
    }

    /// [`fit`](RobustScaler::fit) and [`transform`](RobustScaler::transform).
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
    /// As [`transform`](RobustScaler::transform).
    pub fn inverse_transform(&self, x: &Array) -> Result<Array> {
        let state = fitted(OP, &self.state)?;
        Matrix::read_fitted(OP, x, state.center.len())?.map(|at, value| {
            let value = if self.with_scaling { value * state.scale[at] } else { value };
            if self.with_centering { value + state.center[at] } else { value }
        })
    }

    /// The median of each feature; empty before a fit.
    pub fn center(&self) -> &[f64] {
        self.state.as_ref().map_or(&[], |state| &state.center)
    }
}

fn sorted(mut column: Vec<f64>) -> Vec<f64> {
    column.sort_by(f64::total_cmp);
    column
}
