//! `OrdinalEncoder`: categories as numbers.

use gradus_tensor::{Array, Error, Result};
use serde::{Deserialize, Serialize};

use super::categories::{Categories, Code, cells, check_columns, unknown};
use super::matrix::{Matrix, fitted};
use super::{Saved, Unknown};
use crate::column::Column;

const OP: &str = "ordinal_encoder";

/// Numbers the categories of each column in ascending order, as scikit-learn's class of this name.
/// The code of a missing number is NaN.
///
/// ```
/// use gradus_data::{Column, OrdinalEncoder, Unknown};
/// let mut encoder = OrdinalEncoder::default();
/// let train = encoder.fit_transform(&[Column::from(["low", "high", "low"])])?;
/// assert_eq!(train.to_vec::<f32>()?, [1.0, 0.0, 1.0]);
/// let test = [Column::from(["high", "medium"])];
/// assert!(encoder.transform(&test).is_err());
/// let encoder = encoder.handle_unknown(Unknown::Value(-1));
/// assert_eq!(encoder.transform(&test)?.to_vec::<f32>()?, [0.0, -1.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct OrdinalEncoder {
    handle_unknown: Unknown,
    state: Option<Vec<Categories>>,
}

impl Saved for OrdinalEncoder {
    const NAME: &'static str = OP;
}

impl OrdinalEncoder {
    /// What becomes of categories that the fit did not see.
    #[must_use]
    pub fn handle_unknown(self, handle_unknown: Unknown) -> Self {
        OrdinalEncoder { handle_unknown, ..self }
    }

    /// Collects the categories of each column.
    ///
    /// # Errors
    /// `Kind::Argument` for no columns or columns of different lengths.
    pub fn fit(&mut self, columns: &[Column]) -> Result<()> {
        check_columns(OP, columns, None)?;
        self.state = Some(columns.iter().map(Categories::of).collect());
        Ok(())
    }

    /// The codes, float32 `[N, columns]`.
    ///
    /// # Errors
    /// `Kind::Argument` with row and column for a category that the fit did not see, unless
    /// [`handle_unknown`](OrdinalEncoder::handle_unknown) says otherwise; for other columns than
    /// were fitted, or before a fit.
    pub fn transform(&self, columns: &[Column]) -> Result<Array> {
        let state = fitted(OP, &self.state)?;
        let rows = check_columns(OP, columns, Some(state.len()))?;
        let width = columns.len();
        let mut codes = vec![0.0f32; rows * width];
        for (at, (column, categories)) in columns.iter().zip(state).enumerate() {
            for (row, cell) in cells(column).enumerate() {
                codes[row * width + at] = match (categories.code(cell), self.handle_unknown) {
                    (Code::At(code), _) => code as f32,
                    (Code::Missing(_), _) | (Code::Unknown, Unknown::Ignore) => f32::NAN,
                    (Code::Unknown, Unknown::Value(value)) => value as f32,
                    (Code::Unknown, Unknown::Error) => return Err(unknown(OP, cell, row, at)),
                };
            }
        }
        Array::from_vec(codes, [rows, width])
    }

    /// [`fit`](OrdinalEncoder::fit) and [`transform`](OrdinalEncoder::transform).
    ///
    /// # Errors
    /// As these.
    pub fn fit_transform(&mut self, columns: &[Column]) -> Result<Array> {
        self.fit(columns)?;
        self.transform(columns)
    }

    /// The columns with these codes. What stands for an unknown category becomes NaN, or empty
    /// text.
    ///
    /// # Errors
    /// `Kind::Shape` for another number of columns; `Kind::Argument` for a number that is no code.
    pub fn inverse_transform(&self, codes: &Array) -> Result<Vec<Column>> {
        let state = fitted(OP, &self.state)?;
        let codes = Matrix::read_fitted(OP, codes, state.len())?;
        let decode = |(at, categories): (usize, &Categories)| {
            let column = codes.values.iter().skip(at).step_by(codes.cols).enumerate();
            let code = |(row, &code): (usize, &f64)| match self.handle_unknown {
                _ if code.is_nan() => Ok(None),
                Unknown::Value(value) if code == f64::from(value) => Ok(None),
                _ if code >= 0.0 && code.fract() == 0.0 && (code as usize) < categories.len() => {
                    Ok(Some(code as usize))
                }
                _ => {
                    let value = format!("{code} in row {row} of column {at}");
                    Err(Error::argument(OP, "code", value, "the number of a category"))
                }
            };
            Ok(categories.decode(&column.map(code).collect::<Result<Vec<_>>>()?))
        };
        state.iter().enumerate().map(decode).collect()
    }

    /// The categories of each column as text, in the order of their codes; empty before a fit.
    pub fn categories(&self) -> Vec<Vec<String>> {
        self.state.iter().flatten().map(Categories::names).collect()
    }
}
