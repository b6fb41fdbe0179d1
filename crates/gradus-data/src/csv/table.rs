//! `Table`: named columns of equal length, and arrays made of them.

use std::path::{Path, PathBuf};

use gradus_tensor::{Array, Error, Result};

use super::{FORMAT, Missing};
use crate::column::{Categorical, Column, ColumnType};
use crate::dataset::check_indices;

/// A CSV file in memory: named columns of equal length.
///
/// A column whose type is not given is whole numbers if all its fields are, else numbers if all are
/// (missing ones included, as NaN), else text.
#[derive(Clone, Debug)]
pub struct Table {
    pub(super) path: PathBuf,
    pub(super) names: Vec<String>,
    pub(super) columns: Vec<Column>,
    /// The line of the file that each row starts on.
    pub(super) lines: Vec<u64>,
    pub(super) missing: Missing,
    pub(super) missing_values: Vec<String>,
}

impl Table {
    /// A table of columns that are in memory; errors call it `name`, and rows lines.
    ///
    /// ```
    /// use gradus_data::{Column, Table};
    /// let columns = vec![("a", Column::from(vec![1, 2])), ("b", Column::from(["x", "y"]))];
    /// let table = Table::new("pairs", columns)?;
    /// assert_eq!((table.rows(), table.names().len()), (2, 2));
    /// # Ok::<(), gradus_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Argument` for columns of different lengths or of one name.
    pub fn new<S: Into<String>>(
        name: impl AsRef<Path>,
        columns: impl IntoIterator<Item = (S, Column)>,
    ) -> Result<Self> {
        let columns = columns.into_iter().map(|(name, column)| (name.into(), column));
        let (names, columns): (Vec<String>, Vec<Column>) = columns.unzip();
        let rows = columns.first().map_or(0, Column::len);
        if let Some(at) = columns.iter().position(|column| column.len() != rows) {
            let value = format!("{} in column `{}`", columns[at].len(), names[at]);
            return Err(Error::argument("table", "number of rows", value, "the same everywhere"));
        }
        if let Some(name) = repeated(&names) {
            return Err(Error::argument("table", "name", name, "another one for each column"));
        }
        Ok(Table {
            path: name.as_ref().into(),
            names,
            columns,
            lines: (1..=rows as u64).collect(),
            missing: Missing::Error,
            missing_values: vec![String::new()],
        })
    }

    /// The number of rows, without the header.
    pub fn rows(&self) -> usize {
        self.lines.len()
    }

    /// The names of the columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The column called `name`.
    ///
    /// # Errors
    /// `Kind::Argument` when there is none.
    pub fn column(&self, name: &str) -> Result<&Column> {
        self.place(name).map(|at| &self.columns[at])
    }

    /// The columns `names`, for an encoder.
    ///
    /// # Errors
    /// `Kind::Argument` when one does not exist.
    pub fn columns(&self, names: &[&str]) -> Result<Vec<Column>> {
        names.iter().map(|name| self.column(name).cloned()).collect()
    }

    /// The names of the columns of some types, in their order.
    ///
    /// ```
    /// use gradus_data::{ColumnType, CsvOptions};
    /// let table = CsvOptions::default().parse("a,b,c\n1,x,0.5\n2,y,1\n", "t.csv")?;
    /// assert_eq!(table.select_dtypes(&[ColumnType::Int, ColumnType::Float]), ["a", "c"]);
    /// assert_eq!(table.select_dtypes(&[ColumnType::Text]), ["b"]);
    /// # Ok::<(), gradus_tensor::Error>(())
    /// ```
    pub fn select_dtypes(&self, include: &[ColumnType]) -> Vec<&str> {
        let columns = self.names.iter().zip(&self.columns);
        let chosen = columns.filter(|(_, column)| include.contains(&column.column_type()));
        chosen.map(|(name, _)| name.as_str()).collect()
    }

    /// The table with column `name` as another type. Text and whole numbers become categories, with
    /// fields that stand for missing values as missing; whole numbers become numbers; all become
    /// text.
    ///
    /// ```
    /// use gradus_data::{Column, ColumnType, CsvOptions};
    /// let table = CsvOptions::default().parse("size\nbig\nsmall\nNA\n", "t.csv")?;
    /// let table = table.astype("size", ColumnType::Category)?;
    /// let Column::Category(size) = table.column("size")? else { unreachable!() };
    /// assert_eq!((size.codes(), size.categories().len()), (&[0, 1, -1][..], 2));
    /// # Ok::<(), gradus_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Argument` when there is no such column or its values have no such form.
    pub fn astype(mut self, name: &str, to: ColumnType) -> Result<Self> {
        let at = self.place(name)?;
        let texts: Vec<String> = match (&self.columns[at], to) {
            (column, to) if column.column_type() == to => return Ok(self),
            (Column::Int(values), ColumnType::Float) => {
                self.columns[at] = Column::Float(values.iter().map(|&v| v as f64).collect());
                return Ok(self);
            }
            (_, ColumnType::Int | ColumnType::Float) | (Column::Float(_), ColumnType::Category) => {
                let value = format!("{to} for `{name}`, {}", self.columns[at].column_type());
                let expected = "categories or text; numbers for whole numbers";
                return Err(Error::argument("astype", "type", value, expected));
            }
            (Column::Int(values), _) => values.iter().map(i64::to_string).collect(),
            (Column::Float(values), _) => values.iter().map(f64::to_string).collect(),
            (Column::Text(values), _) => values.clone(),
            (Column::Category(values), _) => {
                values.iter().map(|value| value.unwrap_or_default().to_owned()).collect()
            }
        };
        self.columns[at] = if to == ColumnType::Text {
            Column::Text(texts)
        } else {
            Column::Category(categories(&texts, &self.missing_values))
        };
        Ok(self)
    }

    /// The rows `rows`, in that order.
    ///
    /// # Errors
    /// `Kind::Index` for a row that does not exist.
    pub fn take(&self, rows: &[usize]) -> Result<Self> {
        check_indices("take", rows, self.rows())?;
        let columns = self.columns.iter().map(|column| column.rows(rows));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let lines = rows.iter().map(|&row| self.lines[row]).collect();
        Ok(Table { columns, lines, ..self.clone() })
    }

    /// The rows in which none of the columns `names` misses its value; pandas' `dropna`.
    ///
    /// # Errors
    /// `Kind::Argument` when a column does not exist.
    pub fn drop_missing(&self, names: &[&str]) -> Result<Self> {
        let mut whole = vec![true; self.rows()];
        for name in names {
            let column = self.column(name)?;
            let missing: Box<dyn Iterator<Item = bool>> = match column {
                Column::Int(_) => continue,
                Column::Float(values) => Box::new(values.iter().map(|v| v.is_nan())),
                Column::Text(values) => {
                    Box::new(values.iter().map(|v| self.missing_values.contains(v)))
                }
                Column::Category(values) => Box::new(values.codes().iter().map(|&code| code < 0)),
            };
            whole.iter_mut().zip(missing).for_each(|(whole, missing)| *whole &= !missing);
        }
        let rows: Vec<usize> = (0..self.rows()).filter(|&row| whole[row]).collect();
        self.take(&rows)
    }

    /// The columns `names` side by side: `[rows, names]` as float32; categories as their codes.
    ///
    /// # Errors
    /// `Kind::Argument` when a column does not exist or holds text, or without names;
    /// `Kind::Format` with line and column for a missing value, unless NaN was asked for.
    pub fn to_array(&self, names: &[&str]) -> Result<Array> {
        if names.is_empty() {
            return Err(Error::argument("to_array", "number of columns", 0, "at least 1"));
        }
        let width = names.len();
        let mut values = vec![0.0f32; self.rows() * width];
        for (at, name) in names.iter().enumerate() {
            let column = self.column(name)?;
            if column.column_type() == ColumnType::Text {
                let value = format!("`{name}`, which holds text");
                let expected = "a column of numbers; `codes` numbers the values of a text";
                return Err(Error::argument("to_array", "column", value, expected));
            }
            let numbers = column.numbers()?;
            self.refuse_missing(name, &numbers)?;
            let cells = values.iter_mut().skip(at).step_by(width);
            cells.zip(&numbers).for_each(|(to, &v)| *to = v as f32);
        }
        Array::from_vec(values, [self.rows(), width])
    }

    /// The values of a column as class numbers, int32 `[rows]`, and the classes: its distinct
    /// values in ascending order.
    ///
    /// ```
    /// let table = gradus_data::CsvOptions::default().parse("kind\nb\na\nb\n", "t.csv")?;
    /// let (y, classes) = table.codes("kind")?;
    /// assert_eq!(y.to_vec::<i32>()?, [1, 0, 1]);
    /// assert_eq!(classes, ["a", "b"]);
    /// # Ok::<(), gradus_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Argument` when the column does not exist or holds fractions; `Kind::Format` with the
    /// line for a missing category.
    pub fn codes(&self, name: &str) -> Result<(Array, Vec<String>)> {
        let (codes, classes) = match self.column(name)? {
            Column::Text(values) => coded(values),
            Column::Int(values) => coded(values),
            Column::Category(values) => {
                if let Some(row) = values.codes().iter().position(|&code| code < 0) {
                    return Err(self.missing_at(row, name, "value"));
                }
                let codes = values.codes().iter().map(|&code| i64::from(code));
                (codes.collect(), values.categories().to_vec())
            }
            Column::Float(_) => {
                let value = format!("`{name}`, which holds fractions or misses values");
                let expected = "a column of text or whole numbers";
                return Err(Error::argument("codes", "column", value, expected));
            }
        };
        Ok((Array::from_vec(codes, [self.rows()])?, classes))
    }

    fn place(&self, name: &str) -> Result<usize> {
        self.names.iter().position(|n| n == name).ok_or_else(|| {
            let value = format!("`{name}` (the table has {})", self.names.join(", "));
            Error::argument("table", "column", value, "the name of a column")
        })
    }

    fn refuse_missing(&self, name: &str, column: &[f64]) -> Result<()> {
        match column.iter().position(|v| v.is_nan()) {
            Some(row) if self.missing == Missing::Error => {
                Err(self.missing_at(row, name, "number"))
            }
            _ => Ok(()),
        }
    }

    fn missing_at(&self, row: usize, name: &str, what: &str) -> Error {
        let line = self.lines[row];
        let problem =
            format!("line {line} has no {what} in column `{name}`; `Missing::Nan` reads it as NaN");
        Error::format(&self.path, FORMAT, None, problem)
    }
}

/// Texts as categories, with those that stand for missing values as missing.
pub(super) fn categories(texts: &[String], missing: &[String]) -> Categorical {
    Categorical::with_missing(texts.iter().map(|text| {
        let there = !missing.contains(text);
        there.then_some(text.as_str())
    }))
}

/// A name that stands twice.
pub(super) fn repeated(names: &[String]) -> Option<&String> {
    names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)).map(|(_, name)| name)
}

fn coded<V: Ord + Clone + ToString>(values: &[V]) -> (Vec<i64>, Vec<String>) {
    let mut distinct = values.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let code = |v| distinct.partition_point(|d| d < v) as i64;
    (values.iter().map(code).collect(), distinct.iter().map(ToString::to_string).collect())
}
