//! `SimpleImputer`: missing numbers filled in.

use gradus_tensor::{Array, Error, Result};
use serde::{Deserialize, Serialize};

use super::Saved;
use super::matrix::{Matrix, fitted, quantile};

const OP: &str = "simple_imputer";

/// What a [`SimpleImputer`] fills in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Impute {
    /// The mean of the feature.
    #[default]
    Mean,
    /// Its median.
    Median,
    /// Its most frequent value; of equally frequent ones the smallest.
    MostFrequent,
    /// This number.
    Constant(f64),
}

/// Fills in missing numbers (NaN), feature by feature, as scikit-learn's class of this name.
///
/// ```
/// use gradus_data::{Impute, SimpleImputer};
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![1.0f32, f32::NAN, 9.0, 2.0], [4, 1])?;
/// let mut imputer = SimpleImputer::default().strategy(Impute::Median);
/// assert_eq!(imputer.fit_transform(&x)?.to_vec::<f32>()?, [1.0, 2.0, 9.0, 2.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SimpleImputer {
    strategy: Impute,
    add_indicator: bool,
    state: Option<State>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    fill: Vec<f64>,
    /// The features that missed values.
    missing: Vec<usize>,
}

impl Saved for SimpleImputer {
    const NAME: &'static str = OP;
}

impl SimpleImputer {
    /// What is filled in.
    #[must_use]
    pub fn strategy(self, strategy: Impute) -> Self {
        SimpleImputer { strategy, ..self }
    }

    /// Whether a feature is added for each that missed values in the fit, 1 where one is missing.
    #[must_use]
    pub fn add_indicator(self, add_indicator: bool) -> Self {
        SimpleImputer { add_indicator, ..self }
    }

    /// Measures `x` `[N, D]`.
    ///
    /// # Errors
    /// `Kind::Shape` for another rank; `Kind::Argument` for a feature without a value, unless a
    /// constant is filled in, or with an infinite one, or a constant that is not finite.
    pub fn fit(&mut self, x: &Array) -> Result<()> {
        let x = Matrix::read(OP, x)?;
        let fill = match self.strategy {
            Impute::Constant(value) if value.is_finite() => vec![value; x.cols],
            Impute::Constant(value) => {
                return Err(Error::argument(OP, "constant", value, "a finite number"));
            }
            Impute::Mean => {
                x.each_column(OP, |column| column.iter().sum::<f64>() / column.len() as f64)?
            }
            Impute::Median => x.each_column(OP, |column| quantile(&sorted(column), 0.5))?,
            Impute::MostFrequent => x.each_column(OP, |column| most_frequent(&sorted(column)))?,
        };
        let missing = (0..x.cols).filter(|&at| x.column(at).count() < x.rows).collect();
        self.state = Some(State { fill, missing });
        Ok(())
    }

    /// The features without missing values; after them the indicators, if asked for.
    ///
    /// # Errors
    /// `Kind::Shape` for another number of features; `Kind::Argument` before a fit.
    pub fn transform(&self, x: &Array) -> Result<Array> {
        let State { fill, missing } = fitted(OP, &self.state)?;
        let mut x = Matrix::read_fitted(OP, x, fill.len())?;
        if !self.add_indicator {
            return x.map(|at, value| if value.is_nan() { fill[at] } else { value });
        }
        let mut values = Vec::with_capacity(x.rows * (x.cols + missing.len()));
        for row in x.values.chunks_exact(x.cols.max(1)) {
            let filled = row.iter().zip(fill);
            values.extend(filled.map(|(&value, &fill)| if value.is_nan() { fill } else { value }));
            values.extend(missing.iter().map(|&at| f64::from(u8::from(row[at].is_nan()))));
        }
        (x.values, x.cols) = (values, x.cols + missing.len());
        x.into_array()
    }

    /// [`fit`](SimpleImputer::fit) and [`transform`](SimpleImputer::transform).
    ///
    /// # Errors
    /// As these.
    pub fn fit_transform(&mut self, x: &Array) -> Result<Array> {
        self.fit(x)?;
        self.transform(x)
    }

    /// What is filled into each feature; empty before a fit.
    pub fn statistics(&self) -> &[f64] {
        self.state.as_ref().map_or(&[], |state| &state.fill)
    }
}

fn sorted(mut column: Vec<f64>) -> Vec<f64> {
    column.sort_by(f64::total_cmp);
    column
}

fn most_frequent(sorted: &[f64]) -> f64 {
    let runs = sorted.chunk_by(|a, b| a == b);
    // The first of the longest runs: `max_by_key` would give the last.
    let longest = runs.rev().max_by_key(|run| run.len());
    longest.map_or(f64::NAN, |run| run[0])
}
