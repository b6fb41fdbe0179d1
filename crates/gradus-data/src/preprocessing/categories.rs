//! The categories of a column, in order.

use std::cmp::Ordering;

use gradus_tensor::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::column::Column;

/// What an encoder makes of a category that the fit did not see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unknown {
    /// An error that says which, and where.
    #[default]
    Error,
    /// Nothing of it: no one among the zeros of a one-hot code, NaN as a number.
    Ignore,
    /// This number as an ordinal code; one-hot codes cannot say it.
    Value(i32),
}

/// The distinct values of a column in ascending order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Categories {
    Text(Vec<String>),
    Number {
        values: Vec<f64>,
        /// Whether they were whole numbers.
        whole: bool,
        /// Whether some were missing, which is the last category then.
        missing: bool,
    },
}

/// One value of a column.
#[derive(Clone, Copy)]
pub(super) enum Cell<'a> {
    Text(&'a str),
    Number(f64),
}

/// What a value is among categories.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Code {
    At(usize),
    /// A missing number; with a place of its own if the fit saw one.
    Missing(Option<usize>),
    Unknown,
}

impl Categories {
    /// Those that occur in `column`.
    pub(super) fn of(column: &Column) -> Self {
        if let Column::Int(_) | Column::Float(_) = column {
            let mut values: Vec<f64> = cells(column).map(number).collect();
            let missing = values.iter().any(|v| v.is_nan());
            values.retain(|v| !v.is_nan());
            values.sort_by(f64::total_cmp);
            // Zero of either sign is one number.
            values.dedup_by(|a, b| a == b);
            let whole = matches!(column, Column::Int(_));
            return Categories::Number { values, whole, missing };
        }
        let mut values: Vec<&str> = cells(column).map(text).collect();
        values.sort_unstable();
        values.dedup();
        Categories::Text(values.into_iter().map(str::to_owned).collect())
    }

    /// The number of categories, with that of missing numbers.
    pub(super) fn len(&self) -> usize {
        match self {
            Categories::Text(values) => values.len(),
            Categories::Number { values, missing, .. } => values.len() + usize::from(*missing),
        }
    }

    /// The categories as text.
    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Categories::Text(values) => values.clone(),
            Categories::Number { values, missing, .. } => {
                let names = values.iter().map(f64::to_string);
                names.chain(missing.then(|| "NaN".to_owned())).collect()
            }
        }
    }

    pub(super) fn code(&self, cell: Cell<'_>) -> Code {
        let found = match (self, cell) {
            (Categories::Number { values, missing, .. }, Cell::Number(value)) => {
                if value.is_nan() {
                    return Code::Missing(missing.then_some(values.len()));
                }
                values.binary_search_by(|v| v.partial_cmp(&value).unwrap_or(Ordering::Less))
            }
            (Categories::Text(values), Cell::Text(value)) => {
                values.binary_search_by(|v| v.as_str().cmp(value))
            }
            _ => Err(0),
        };
        found.map_or(Code::Unknown, Code::At)
    }

    /// The values with the given codes. `None` is a missing one: NaN, which makes whole numbers
    /// floats, or an empty text.
    pub(super) fn decode(&self, codes: &[Option<usize>]) -> Column {
        match self {
            Categories::Text(values) => {
                let text = |code: &Option<usize>| code.map_or(String::new(), |c| values[c].clone());
                Column::Text(codes.iter().map(text).collect())
            }
            Categories::Number { values, whole, .. } => {
                let number = |code: &Option<usize>| {
                    code.and_then(|code| values.get(code).copied()).unwrap_or(f64::NAN)
                };
                let numbers: Vec<f64> = codes.iter().map(number).collect();
                if *whole && !numbers.iter().any(|v| v.is_nan()) {
                    return Column::Int(numbers.iter().map(|&v| v as i64).collect());
                }
                Column::Float(numbers)
            }
        }
    }
}

/// The values of a column.
pub(super) fn cells(column: &Column) -> Box<dyn Iterator<Item = Cell<'_>> + '_> {
    match column {
        Column::Int(values) => Box::new(values.iter().map(|&v| Cell::Number(v as f64))),
        Column::Float(values) => Box::new(values.iter().map(|&v| Cell::Number(v))),
        Column::Text(values) => Box::new(values.iter().map(|v| Cell::Text(v))),
        Column::Category(values) => Box::new(values.iter().map(|v| Cell::Text(v.unwrap_or("")))),
    }
}

/// Whether the columns are as many as were fitted, and equally long; gives their length.
pub(super) fn check_columns(
    op: &'static str,
    columns: &[Column],
    fitted: Option<usize>,
) -> Result<usize> {
    if fitted.is_some_and(|fitted| fitted != columns.len()) || columns.is_empty() {
        let value = format!("{} for {} fitted", columns.len(), fitted.unwrap_or(1));
        let expected = "as many as were fitted, at least 1";
        return Err(Error::argument(op, "number of columns", value, expected));
    }
    let rows = columns[0].len();
    if let Some(at) = columns.iter().position(|column| column.len() != rows) {
        let value = format!("{} in column {at}, {rows} in column 0", columns[at].len());
        return Err(Error::argument(op, "number of rows", value, "the same in every column"));
    }
    Ok(rows)
}

/// The error for a category that the fit did not see.
pub(super) fn unknown(op: &'static str, cell: Cell<'_>, row: usize, column: usize) -> Error {
    let value = match cell {
        Cell::Text(text) => format!("`{text}` in row {row} of column {column}"),
        Cell::Number(number) => format!("{number} in row {row} of column {column}"),
    };
    Error::argument(op, "category", value, "one that the fit saw; `Unknown` says what else to do")
}

fn number(cell: Cell<'_>) -> f64 {
    match cell {
        Cell::Number(number) => number,
        Cell::Text(_) => f64::NAN,
    }
}

fn text(cell: Cell<'_>) -> &str {
    match cell {
        Cell::Text(text) => text,
        Cell::Number(_) => "",
    }
}
