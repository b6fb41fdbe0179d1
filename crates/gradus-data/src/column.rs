//! `Column`: the values of one column of a table.

use std::collections::BTreeMap;
use std::fmt;

use gradus_tensor::{Error, Kind, Result};

use crate::dataset::check_indices;

/// The values of one column of a table.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Column {
    /// Whole numbers, none missing.
    Int(Vec<i64>),
    /// Numbers; NaN where one is missing.
    Float(Vec<f64>),
    /// Anything else.
    Text(Vec<String>),
    /// Text with few distinct values.
    Category(Categorical),
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnType {
    /// Whole numbers.
    Int,
    /// Numbers.
    Float,
    /// Text.
    Text,
    /// Text with few distinct values.
    Category,
}

/// Text with few distinct values, as numbers of these: what pandas calls `category`.
///
/// ```
/// use gradus_data::{Categorical, Column};
/// let colours = Categorical::new(&["red", "blue", "red"]);
/// assert_eq!(colours.categories(), ["blue", "red"]);
/// assert_eq!(colours.codes(), [1, 0, 1]);
/// assert_eq!(Column::Category(colours).len(), 3);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Categorical {
    /// The place of each value among the categories; −1 for a missing one.
    codes: Vec<i32>,
    categories: Vec<String>,
}

impl Categorical {
    /// The distinct values in ascending order are the categories.
    pub fn new<S: AsRef<str>>(values: &[S]) -> Self {
        Self::with_missing(values.iter().map(|value| Some(value.as_ref())))
    }

    pub(crate) fn with_missing<'a>(values: impl Iterator<Item = Option<&'a str>> + Clone) -> Self {
        let mut places: BTreeMap<&str, i32> = values.clone().flatten().map(|v| (v, 0)).collect();
        places.values_mut().zip(0..).for_each(|(place, number)| *place = number);
        let codes = values.map(|value| value.map_or(-1, |value| places[value])).collect();
        Categorical { codes, categories: places.into_keys().map(str::to_owned).collect() }
    }

    /// The place of each value among the categories; −1 for a missing one.
    pub fn codes(&self) -> &[i32] {
        &self.codes
    }

    /// The categories, in ascending order.
    pub fn categories(&self) -> &[String] {
        &self.categories
    }

    /// The values; nothing for a missing one.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> + '_ {
        let value = |&code: &i32| {
            let place = usize::try_from(code).ok()?;
            self.categories.get(place).map(String::as_str)
        };
        self.codes.iter().map(value)
    }
}

impl Column {
    /// The number of values.
    pub fn len(&self) -> usize {
        match self {
            Column::Int(values) => values.len(),
            Column::Float(values) => values.len(),
            Column::Text(values) => values.len(),
            Column::Category(values) => values.codes.len(),
        }
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of the values.
    pub const fn column_type(&self) -> ColumnType {
        match self {
            Column::Int(_) => ColumnType::Int,
            Column::Float(_) => ColumnType::Float,
            Column::Text(_) => ColumnType::Text,
            Column::Category(_) => ColumnType::Category,
        }
    }

    /// The values of some rows, in their order: those of a split.
    ///
    /// ```
    /// use gradus_data::Column;
    /// assert_eq!(Column::from(vec![7, 8, 9]).rows(&[2, 0])?, Column::from(vec![9, 7]));
    /// # Ok::<(), gradus_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Index` for a row that does not exist.
    pub fn rows(&self, rows: &[usize]) -> Result<Self> {
        check_indices("rows", rows, self.len())?;
        Ok(match self {
            Column::Int(values) => Column::Int(taken(values, rows)),
            Column::Float(values) => Column::Float(taken(values, rows)),
            Column::Text(values) => Column::Text(taken(values, rows)),
            Column::Category(values) => {
                let categories = values.categories.clone();
                Column::Category(Categorical { codes: taken(&values.codes, rows), categories })
            }
        })
    }

    /// The values as numbers; codes of categories, with NaN for a missing value.
    ///
    /// # Errors
    /// `Kind::Argument` for text.
    pub fn numbers(&self) -> Result<Vec<f64>> {
        match self {
            Column::Int(values) => Ok(values.iter().map(|&v| v as f64).collect()),
            Column::Float(values) => Ok(values.clone()),
            Column::Category(values) => {
                let number = |&code: &i32| if code < 0 { f64::NAN } else { f64::from(code) };
                Ok(values.codes.iter().map(number).collect())
            }
            Column::Text(_) => {
                let expected = "numbers or categories";
                let kind = Kind::Argument {
                    op: "numbers",
                    name: "column",
                    value: "text".into(),
                    expected,
                };
                Err(Error::from(kind))
            }
        }
    }
}

fn taken<T: Clone>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|&row| values[row].clone()).collect()
}

impl From<Vec<i64>> for Column {
    fn from(values: Vec<i64>) -> Self {
        Column::Int(values)
    }
}

impl From<Vec<f64>> for Column {
    fn from(values: Vec<f64>) -> Self {
        Column::Float(values)
    }
}

impl From<Vec<String>> for Column {
    fn from(values: Vec<String>) -> Self {
        Column::Text(values)
    }
}

impl From<&[&str]> for Column {
    fn from(values: &[&str]) -> Self {
        Column::Text(values.iter().map(|&value| value.to_owned()).collect())
    }
}

impl<const N: usize> From<[&str; N]> for Column {
    fn from(values: [&str; N]) -> Self {
        values[..].into()
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ColumnType::Int => "whole numbers",
            ColumnType::Float => "numbers",
            ColumnType::Text => "text",
            ColumnType::Category => "categories",
        })
    }
}
