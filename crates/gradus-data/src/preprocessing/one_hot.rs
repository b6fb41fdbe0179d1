//! `OneHotEncoder`: a column of zeros and ones for each category.

use gradus_tensor::{Array, Error, Result};
use serde::{Deserialize, Serialize};

use super::categories::{Categories, Code, cells, check_columns, unknown};
use super::matrix::{Matrix, fitted};
use super::{Saved, Unknown};
use crate::column::Column;

const OP: &str = "one_hot_encoder";

/// Which category gets no column of its own, because the others being 0 says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DropCategory {
    /// Each has its column.
    #[default]
    None,
    /// Not the first.
    First,
    /// Not the first of two.
    IfBinary,
}

/// A column for each category of each column, 1 where it holds, as scikit-learn's class of this
/// name. Missing numbers are a category, the last.
///
/// ```
/// use gradus_data::{Column, OneHotEncoder};
/// let mut encoder = OneHotEncoder::default();
/// let y = encoder.fit_transform(&[Column::from(["b", "a", "b"])])?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
/// assert_eq!(encoder.inverse_transform(&y)?, [Column::from(["b", "a", "b"])]);
/// assert_eq!(encoder.feature_names(&["x"])?, ["x_a", "x_b"]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct OneHotEncoder {
    handle_unknown: Unknown,
    drop: DropCategory,
    state: Option<Vec<Categories>>,
}

impl Saved for OneHotEncoder {
    const NAME: &'static str = OP;
}

impl OneHotEncoder {
    /// What becomes of categories that the fit did not see; [`Unknown::Ignore`] makes them zeros.
    #[must_use]
    pub fn handle_unknown(self, handle_unknown: Unknown) -> Self {
        OneHotEncoder { handle_unknown, ..self }
    }

    /// Categories without a column.
    #[must_use]
    pub fn drop(self, drop: DropCategory) -> Self {
        OneHotEncoder { drop, ..self }
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

    /// The codes, float32 `[N, features]`.
    ///
    /// # Errors
    /// `Kind::Argument` with row and column for a category that the fit did not see, unless it is
    /// ignored; for other columns than were fitted, or before a fit.
    pub fn transform(&self, columns: &[Column]) -> Result<Array> {
        let state = fitted(OP, &self.state)?;
        let rows = check_columns(OP, columns, Some(state.len()))?;
        let width = self.widths(state).iter().sum();
        let mut codes = vec![0.0f32; rows * width];
        let mut start = 0;
        for (at, (column, categories)) in columns.iter().zip(state).enumerate() {
            let dropped = self.dropped(categories);
            for (row, cell) in cells(column).enumerate() {
                match categories.code(cell) {
                    Code::At(code) | Code::Missing(Some(code)) => {
                        if let Some(place) = code.checked_sub(dropped) {
                            codes[row * width + start + place] = 1.0;
                        }
                    }
                    _ if self.handle_unknown == Unknown::Ignore => {}
                    _ => return Err(unknown(OP, cell, row, at)),
                }
            }
            start += categories.len() - dropped;
        }
        Array::from_vec(codes, [rows, width])
    }

    /// [`fit`](OneHotEncoder::fit) and [`transform`](OneHotEncoder::transform).
    ///
    /// # Errors
    /// As these.
    pub fn fit_transform(&mut self, columns: &[Column]) -> Result<Array> {
        self.fit(columns)?;
        self.transform(columns)
    }

    /// The categories whose features are largest, so that probabilities are decoded, too. Where all
    /// are 0, the dropped category; without one and with unknown ones ignored NaN, or empty text.
    ///
    /// # Errors
    /// `Kind::Shape` for another number of features; `Kind::Argument` where all are 0 and that says
    /// nothing.
    pub fn inverse_transform(&self, codes: &Array) -> Result<Vec<Column>> {
        let state = fitted(OP, &self.state)?;
        let widths = self.widths(state);
        let codes = Matrix::read_fitted(OP, codes, widths.iter().sum())?;
        let mut start = 0;
        let mut columns = Vec::with_capacity(state.len());
        for (at, (categories, width)) in state.iter().zip(widths).enumerate() {
            let dropped = self.dropped(categories);
            let code = |row: usize| {
                let features = &codes.values[row * codes.cols + start..][..width];
                let mut largest: Option<usize> = None;
                for (place, &value) in features.iter().enumerate() {
                    if value > largest.map_or(0.0, |best| features[best]) {
                        largest = Some(place);
                    }
                }
                match largest {
                    Some(place) => Ok(Some(place + dropped)),
                    None if dropped > 0 => Ok(Some(0)),
                    None if self.handle_unknown == Unknown::Ignore => Ok(None),
                    None => {
                        let value = format!("all 0 in row {row} of column {at}");
                        Err(Error::argument(OP, "code", value, "a 1 at a category"))
                    }
                }
            };
            let rows = (0..codes.rows).map(code).collect::<Result<Vec<_>>>()?;
            columns.push(categories.decode(&rows));
            start += width;
        }
        Ok(columns)
    }

    /// The names of the features: those of the columns, `_`, and the category.
    ///
    /// # Errors
    /// `Kind::Argument` before a fit or for another number of names.
    pub fn feature_names(&self, columns: &[&str]) -> Result<Vec<String>> {
        let state = fitted(OP, &self.state)?;
        if columns.len() != state.len() {
            let value = format!("{} for {} columns", columns.len(), state.len());
            return Err(Error::argument(OP, "number of names", value, "one for each column"));
        }
        let names = columns.iter().zip(state).flat_map(|(column, categories)| {
            let categories_of = categories.names().into_iter().skip(self.dropped(categories));
            categories_of.map(move |category| format!("{column}_{category}"))
        });
        Ok(names.collect())
    }

    /// The categories of each column as text; empty before a fit.
    pub fn categories(&self) -> Vec<Vec<String>> {
        self.state.iter().flatten().map(Categories::names).collect()
    }

    fn dropped(&self, categories: &Categories) -> usize {
        let drop = match self.drop {
            DropCategory::None => false,
            DropCategory::First => categories.len() > 0,
            DropCategory::IfBinary => categories.len() == 2,
        };
        usize::from(drop)
    }

    fn widths(&self, state: &[Categories]) -> Vec<usize> {
        state.iter().map(|categories| categories.len() - self.dropped(categories)).collect()
    }
}
