//! CSV files as tables of typed columns, and the columns as arrays.

mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use gradus_tensor::{Error, Result};

pub use self::table::Table;
use self::table::{categories, repeated};
use crate::column::{Column, ColumnType};
use crate::files::read_all;

const FORMAT: &str = "csv";

/// What to do with a missing number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// [`Table::to_array`] refuses a column that lacks one, and says which row.
    #[default]
    Error,
    /// It becomes NaN.
    Nan,
}

/// How a CSV file is written.
///
/// ```
/// use gradus_data::{CsvOptions, Missing};
///
/// let options = CsvOptions { delimiter: b';', missing: Missing::Nan, ..Default::default() };
/// let table = options.parse("mpg;cylinders;origin\n18.0;8;USA\n?;4;Japan\n", "cars.csv")?;
/// let x = table.to_array(&["cylinders", "mpg"])?; // [2, 2]
/// assert_eq!(x.to_vec::<f32>()?[..3], [8.0, 18.0, 4.0]);
/// assert!(x.to_vec::<f32>()?[3].is_nan());
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CsvOptions {
    /// Whether the first line names the columns. Without it their names are `0`, `1` ….
    pub has_header: bool,
    /// The byte between fields.
    pub delimiter: u8,
    /// Lines that start with this byte are skipped.
    pub comment: Option<u8>,
    /// Fields that stand for a missing number.
    pub missing_values: Vec<String>,
    /// What to do with a missing number.
    pub missing: Missing,
    /// The types of columns by name; those that are not named get the first of whole numbers,
    /// numbers and text that fits all fields.
    pub dtypes: BTreeMap<String, ColumnType>,
    /// Files with more bytes than this are refused, unpacked if they are gzipped.
    pub max_bytes: u64,
}

impl Default for CsvOptions {
    /// A header, commas, no comments, no missing numbers tolerated, at most 1 GiB.
    fn default() -> Self {
        let missing_values = ["", "NA", "N/A", "NaN", "nan", "null", "?"];
        CsvOptions {
            has_header: true,
            delimiter: b',',
            comment: None,
            missing_values: missing_values.map(str::to_owned).into(),
            missing: Missing::Error,
            dtypes: BTreeMap::new(),
            max_bytes: 1 << 30,
        }
    }
}

/// Reads a CSV file with a header and commas; [`CsvOptions`] reads others. Gzip is unpacked.
///
/// # Errors
/// As [`CsvOptions::read`].
pub fn read_csv(path: impl AsRef<Path>) -> Result<Table> {
    CsvOptions::default().read(path)
}

impl CsvOptions {
    /// Reads a file, gzipped or not.
    ///
    /// # Errors
    /// `Kind::Io` when it cannot be read; `Kind::Format` with the line when rows differ in width,
    /// text is not UTF-8, two columns have one name, a field has not the type that `dtypes` gives
    /// its column, or the file is too large.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Table> {
        let path = path.as_ref();
        self.table(&read_all(path, self.max_bytes, FORMAT)?, path)
    }

    /// Reads text that is in memory; errors call it `name`.
    ///
    /// # Errors
    /// As [`CsvOptions::read`], without `Kind::Io`.
    pub fn parse(&self, text: impl AsRef<[u8]>, name: impl AsRef<Path>) -> Result<Table> {
        self.table(text.as_ref(), name.as_ref())
    }

    fn table(&self, text: &[u8], path: &Path) -> Result<Table> {
        let mut reader = ::csv::ReaderBuilder::new()
            .has_headers(self.has_header)
            .delimiter(self.delimiter)
            .comment(self.comment)
            .trim(::csv::Trim::All)
            .flexible(true)
            .from_reader(text);
        let mut names: Vec<String> = Vec::new();
        if self.has_header {
            let header = reader.headers().map_err(|e| unreadable(&e, path))?;
            names.extend(header.iter().map(str::to_owned));
        }
        let mut fields: Vec<Vec<String>> = vec![Vec::new(); names.len()];
        let (mut lines, mut record) = (Vec::new(), ::csv::StringRecord::new());
        while reader.read_record(&mut record).map_err(|e| unreadable(&e, path))? {
            let (byte, line) = self.start(text, &record);
            if lines.is_empty() && !self.has_header {
                names = (0..record.len()).map(|i| i.to_string()).collect();
                fields.resize(record.len(), Vec::new());
            }
            if record.len() != names.len() {
                let (got, expected) = (record.len(), names.len());
                let problem = format!("line {line} has {got} fields, the first has {expected}");
                return Err(Error::format(path, FORMAT, byte, problem));
            }
            for (column, field) in fields.iter_mut().zip(&record) {
                column.push(field.to_owned());
            }
            lines.push(line);
        }
        if let Some(name) = repeated(&names) {
            let problem = format!("two columns are called `{name}`");
            return Err(Error::format(path, FORMAT, None, problem));
        }
        if let Some(name) = self.dtypes.keys().find(|name| !names.contains(name)) {
            let problem = format!("no column is called `{name}`, whose type is given");
            return Err(Error::format(path, FORMAT, None, problem));
        }
        let columns = names.iter().zip(fields);
        let columns = columns.map(|(name, fields)| match self.dtypes.get(name) {
            None => Ok(self.typed(fields)),
            Some(&dtype) => self.declared(dtype, fields).map_err(|(row, field)| {
                let line = lines[row];
                let problem = format!("line {line} has `{field}` in column `{name}` of {dtype}");
                Error::format(path, FORMAT, None, problem)
            }),
        });
        let columns = columns.collect::<Result<_>>()?;
        let (missing, missing_values) = (self.missing, self.missing_values.clone());
        Ok(Table { path: path.into(), names, columns, lines, missing, missing_values })
    }

    /// Byte and line where a record starts. The reader's position may still lie on the line ends
    /// and comments before it.
    fn start(&self, text: &[u8], record: &::csv::StringRecord) -> (u64, u64) {
        let (byte, mut line) = record.position().map_or((0, 1), |at| (at.byte(), at.line()));
        let (mut at, mut in_comment) = (byte as usize, false);
        while let Some(&next) = text.get(at) {
            in_comment |= Some(next) == self.comment;
            match next {
                b'\n' => (line, in_comment) = (line + 1, false),
                b'\r' => {}
                _ if in_comment => {}
                _ => break,
            }
            at += 1;
        }
        (at as u64, line)
    }

    fn typed(&self, fields: Vec<String>) -> Column {
        if let Ok(column) = whole(&fields) {
            return column;
        }
        self.numbers(&fields).unwrap_or(Column::Text(fields))
    }

    /// A column of the given type, or the row and field that have another.
    fn declared(
        &self,
        dtype: ColumnType,
        fields: Vec<String>,
    ) -> std::result::Result<Column, (usize, String)> {
        match dtype {
            ColumnType::Int => whole(&fields),
            ColumnType::Float => self.numbers(&fields),
            ColumnType::Category => Ok(Column::Category(categories(&fields, &self.missing_values))),
            ColumnType::Text => Ok(Column::Text(fields)),
        }
    }

    fn numbers(&self, fields: &[String]) -> std::result::Result<Column, (usize, String)> {
        let number = |(row, field): (usize, &String)| {
            if self.missing_values.contains(field) {
                return Ok(f64::NAN);
            }
            field.parse().map_err(|_| (row, field.clone()))
        };
        fields
            .iter()
            .enumerate()
            .map(number)
            .collect::<std::result::Result<_, _>>()
            .map(Column::Float)
    }
}

fn whole(fields: &[String]) -> std::result::Result<Column, (usize, String)> {
    let number = |(row, field): (usize, &String)| field.parse().map_err(|_| (row, field.clone()));
    fields.iter().enumerate().map(number).collect::<std::result::Result<_, _>>().map(Column::Int)
}

fn unreadable(error: &::csv::Error, path: &Path) -> Error {
    let problem = match error.kind() {
        ::csv::ErrorKind::Utf8 { pos: Some(at), .. } => format!("line {} is not UTF-8", at.line()),
        _ => error.to_string(),
    };
    Error::format(path, FORMAT, error.position().map(::csv::Position::byte), problem)
}
