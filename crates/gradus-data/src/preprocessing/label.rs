//! `LabelEncoder`: classes as numbers.

use gradus_tensor::{Array, Result};
use serde::{Deserialize, Serialize};

use super::Saved;
use super::categories::{Categories, Code, cells, unknown};
use super::matrix::fitted;
use crate::column::Column;
use crate::labels::Labels;

const OP: &str = "label_encoder";

/// Numbers the classes of targets in ascending order, as scikit-learn's class of this name.
///
/// ```
/// use gradus_data::{Column, LabelEncoder};
/// let mut encoder = LabelEncoder::default();
/// let y = encoder.fit_transform(&Column::from(["spam", "ham", "spam"]))?;
/// assert_eq!(y.to_vec::<i32>()?, [1, 0, 1]);
/// assert_eq!(encoder.classes(), ["ham", "spam"]);
/// assert_eq!(encoder.inverse_transform(&y)?, Column::from(["spam", "ham", "spam"]));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LabelEncoder {
    state: Option<Categories>,
}

impl Saved for LabelEncoder {
    const NAME: &'static str = OP;
}

impl LabelEncoder {
    /// Collects the classes.
    pub fn fit(&mut self, labels: &Column) {
        self.state = Some(Categories::of(labels));
    }

    /// The numbers of the classes, int32 `[N]`.
    ///
    /// # Errors
    /// `Kind::Argument` with the row for a class that the fit did not see, or before a fit.
    pub fn transform(&self, labels: &Column) -> Result<Array> {
        let classes = fitted(OP, &self.state)?;
        let code = |(row, cell)| match classes.code(cell) {
            Code::At(code) | Code::Missing(Some(code)) => Ok(code as i64),
            _ => Err(unknown(OP, cell, row, 0)),
        };
        let codes = cells(labels).enumerate().map(code).collect::<Result<Vec<i64>>>()?;
        Array::from_vec(codes, [labels.len()])
    }

    /// [`fit`](LabelEncoder::fit) and [`transform`](LabelEncoder::transform).
    ///
    /// # Errors
    /// As these.
    pub fn fit_transform(&mut self, labels: &Column) -> Result<Array> {
        self.fit(labels);
        self.transform(labels)
    }

    /// The classes with these numbers `[N]`.
    ///
    /// # Errors
    /// `Kind::Index` for a number that is no class; `Kind::Shape` and `Kind::DType` for other than
    /// whole numbers `[N]`; `Kind::Argument` before a fit.
    pub fn inverse_transform(&self, codes: &Array) -> Result<Column> {
        let classes = fitted(OP, &self.state)?;
        let codes = Labels::read(OP, codes)?;
        codes.check_classes(OP, classes.len())?;
        let codes: Vec<_> = codes.values().iter().map(|&code| Some(code as usize)).collect();
        Ok(classes.decode(&codes))
    }

    /// The classes as text, in the order of their numbers; empty before a fit.
    pub fn classes(&self) -> Vec<String> {
        self.state.as_ref().map(Categories::names).unwrap_or_default()
    }
}
