//! CSV files as tables of typed columns, and the columns as arrays.

use std::path::{Path, PathBuf};

use gradus_tensor::{Array, Error, Result};

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
            max_bytes: 1 << 30,
        }
    }
}

/// The values of one column. A column is whole numbers if all its fields are, else numbers if all
/// are (missing ones included, as NaN), else text.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Column {
    /// Whole numbers, none missing.
    Int(Vec<i64>),
    /// Numbers; NaN where one is missing.
    Float(Vec<f64>),
    /// Anything else.
    Text(Vec<String>),
}

/// A CSV file in memory: named columns of equal length.
#[derive(Clone, Debug)]
pub struct Table {
    path: PathBuf,
    names: Vec<String>,
    columns: Vec<Column>,
    /// The line of the file that each row starts on.
    lines: Vec<u64>,
    missing: Missing,
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
    /// text is not UTF-8, two columns have one name, or the file is too large.
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
        if let Some(name) = names.iter().enumerate().find(|(i, n)| names[..*i].contains(n)) {
            let problem = format!("two columns are called `{}`", name.1);
            return Err(Error::format(path, FORMAT, None, problem));
        }
        let columns = fields.into_iter().map(|f| self.typed(f)).collect();
        Ok(Table { path: path.into(), names, columns, lines, missing: self.missing })
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
        let whole: Option<Vec<i64>> = fields.iter().map(|f| f.parse().ok()).collect();
        if let Some(values) = whole {
            return Column::Int(values);
        }
        let is_missing = |field: &String| self.missing_values.contains(field);
        let number = |field: &String| {
            if is_missing(field) { Some(f64::NAN) } else { field.parse().ok() }
        };
        let numbers: Option<Vec<f64>> = fields.iter().map(number).collect();
        numbers.map_or(Column::Text(fields), Column::Float)
    }
}

impl Table {
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
        let found = self.names.iter().position(|n| n == name).map(|i| &self.columns[i]);
        found.ok_or_else(|| {
            let value = format!("`{name}` (the table has {})", self.names.join(", "));
            Error::argument("table", "column", value, "the name of a column")
        })
    }

    /// The columns `names` side by side: `[rows, names]` as float32.
    ///
    /// # Errors
    /// `Kind::Argument` when a column does not exist or holds text, or without names;
    /// `Kind::Format` with line and column for a missing number, unless NaN was asked for.
    pub fn to_array(&self, names: &[&str]) -> Result<Array> {
        if names.is_empty() {
            return Err(Error::argument("to_array", "number of columns", 0, "at least 1"));
        }
        let width = names.len();
        let mut values = vec![0.0f32; self.rows() * width];
        for (at, name) in names.iter().enumerate() {
            let cells = values.iter_mut().skip(at).step_by(width);
            match self.column(name)? {
                Column::Int(column) => cells.zip(column).for_each(|(to, &v)| *to = v as f32),
                Column::Float(column) => {
                    self.refuse_missing(name, column)?;
                    cells.zip(column).for_each(|(to, &v)| *to = v as f32);
                }
                Column::Text(_) => {
                    let value = format!("`{name}`, which holds text");
                    let expected = "a column of numbers; `codes` numbers the values of a text";
                    return Err(Error::argument("to_array", "column", value, expected));
                }
            }
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
    /// `Kind::Argument` when the column does not exist or holds fractions.
    pub fn codes(&self, name: &str) -> Result<(Array, Vec<String>)> {
        let (codes, classes) = match self.column(name)? {
            Column::Text(values) => coded(values),
            Column::Int(values) => coded(values),
            Column::Float(_) => {
                let value = format!("`{name}`, which holds fractions or misses values");
                let expected = "a column of text or whole numbers";
                return Err(Error::argument("codes", "column", value, expected));
            }
        };
        Ok((Array::from_vec(codes, [self.rows()])?, classes))
    }

    fn refuse_missing(&self, name: &str, column: &[f64]) -> Result<()> {
        match column.iter().position(|v| v.is_nan()) {
            Some(row) if self.missing == Missing::Error => {
                let line = self.lines[row];
                let problem = format!(
                    "line {line} has no number in column `{name}`; `Missing::Nan` reads it as NaN"
                );
                Err(Error::format(&self.path, FORMAT, None, problem))
            }
            _ => Ok(()),
        }
    }
}

fn coded<V: Ord + Clone + ToString>(values: &[V]) -> (Vec<i64>, Vec<String>) {
    let mut distinct = values.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let code = |v| distinct.partition_point(|d| d < v) as i64;
    (values.iter().map(code).collect(), distinct.iter().map(ToString::to_string).collect())
}

fn unreadable(error: &::csv::Error, path: &Path) -> Error {
    let problem = match error.kind() {
        ::csv::ErrorKind::Utf8 { pos: Some(at), .. } => format!("line {} is not UTF-8", at.line()),
        _ => error.to_string(),
    };
    Error::format(path, FORMAT, error.position().map(::csv::Position::byte), problem)
}

#[cfg(test)]
mod tests {
    use gradus_tensor::Kind;

    use super::*;

    const CARS: &str = "mpg, cylinders,name\n18.5,8,\"buick, skylark\"\n?,4,vw\n24,4,vw\n";

    fn parse(text: &str) -> Result<Table> {
        CsvOptions::default().parse(text, "cars.csv")
    }

    #[track_caller]
    fn says(result: Result<impl Sized>, message: &str) {
        assert_eq!(result.err().expect("refused").to_string(), message);
    }

    #[test]
    fn columns_get_their_types() {
        let table = parse(CARS).expect("valid");
        assert_eq!(table.names(), ["mpg", "cylinders", "name"]);
        assert_eq!(table.rows(), 3);
        assert_eq!(table.column("cylinders").unwrap(), &Column::Int(vec![8, 4, 4]));
        let names = ["buick, skylark", "vw", "vw"].map(str::to_owned).to_vec();
        assert_eq!(table.column("name").unwrap(), &Column::Text(names));
        let Column::Float(mpg) = table.column("mpg").unwrap() else { panic!("numbers") };
        assert!(mpg[0] == 18.5 && mpg[1].is_nan() && mpg[2] == 24.0);
    }

    #[test]
    fn arrays_take_columns_in_the_order_of_the_names() {
        let options = CsvOptions { missing: Missing::Nan, ..Default::default() };
        let table = options.parse(CARS, "cars.csv").expect("valid");
        let x = table.to_array(&["cylinders", "mpg"]).expect("numbers");
        assert_eq!(x.shape().dims(), [3, 2]);
        let x = x.to_vec::<f32>().unwrap();
        assert_eq!((&x[..3], &x[4..]), (&[8.0, 18.5, 4.0][..], &[4.0, 24.0][..]));
        assert!(x[3].is_nan());
        let (y, classes) = table.codes("cylinders").expect("whole numbers");
        assert_eq!(y.to_vec::<i32>().unwrap(), [1, 0, 0]);
        assert_eq!(classes, ["4", "8"]);
    }

    #[test]
    fn mistakes_name_line_and_column() {
        let table = parse(CARS).expect("valid");
        says(
            table.to_array(&["mpg"]),
            "cars.csv: csv: line 3 has no number in column `mpg`; `Missing::Nan` reads it as NaN",
        );
        says(
            table.to_array(&["hp"]),
            "table: column is `hp` (the table has mpg, cylinders, name), expected the name of a \
             column",
        );
        assert!(matches!(table.to_array(&["name"]).unwrap_err().kind(), Kind::Argument { .. }));
        assert!(matches!(table.to_array(&[]).unwrap_err().kind(), Kind::Argument { .. }));
        assert!(matches!(table.codes("mpg").unwrap_err().kind(), Kind::Argument { .. }));
        says(
            parse("a,b\r\n1,2\r\n\r\n3\r\n"),
            "cars.csv: csv: line 4 has 1 fields, the first has 2; at byte 12",
        );
        says(parse("a,a\n1,2\n"), "cars.csv: csv: two columns are called `a`");
        let latin = CsvOptions::default().parse(b"a\n1\n\xe9\n", "cars.csv");
        says(latin, "cars.csv: csv: line 3 is not UTF-8; at byte 4");
    }

    #[test]
    fn options_change_the_dialect() {
        let options = CsvOptions {
            has_header: false,
            delimiter: b'\t',
            comment: Some(b'#'),
            missing_values: vec!["-".into()],
            ..Default::default()
        };
        let table = options.parse("# units\n1\t-\r\n2\t0.5\r\n", "t").expect("valid");
        assert_eq!(table.names(), ["0", "1"]);
        assert_eq!(table.to_array(&["0"]).unwrap().to_vec::<f32>().unwrap(), [1.0, 2.0]);
        assert!(table.to_array(&["1"]).is_err());
        says(
            options.parse("1\t2\n# x\n\n3\n", "t"),
            "t: csv: line 4 has 1 fields, the first has 2; at byte 9",
        );
    }

    #[test]
    fn empty_tables_and_byte_order_marks_are_read() {
        let table = parse("a,b\n").expect("a header alone");
        assert_eq!(table.to_array(&["a", "b"]).unwrap().shape().dims(), [0, 2]);
        assert_eq!(parse("").expect("nothing").names().len(), 0);
        let marked = parse("\u{feff}a,b\n1,2\n").expect("valid");
        assert_eq!(marked.names(), ["a", "b"]);
    }

    #[test]
    fn a_file_beyond_the_limit_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("cars.csv");
        std::fs::write(&path, CARS).expect("writable");
        assert_eq!(read_csv(&path).expect("valid").rows(), 3);
        let options = CsvOptions { max_bytes: 20, ..Default::default() };
        let error = options.read(&path).expect_err("refused");
        assert!(error.to_string().contains("larger than the limit of 20 bytes"), "{error}");
        assert!(matches!(read_csv("no/such.csv").err().unwrap().kind(), Kind::Io { .. }));
    }
}
