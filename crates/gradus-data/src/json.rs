//! JSON records as tables.

use std::path::Path;

use gradus_tensor::{Error, Result};
use serde_json::{Map, Value};

use crate::column::Column;
use crate::csv::Table;
use crate::files::read_all;

const FORMAT: &str = "json";
const MAX_BYTES: u64 = 1 << 30;

/// Reads a JSON array of objects, a row each; gzip is unpacked. The columns are those of the first
/// object, in the order of their names: whole numbers if all values are, else numbers if all are or
/// `null`, else text, with `null` as an empty one.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("cars.json");
/// std::fs::write(&path, r#"[{"mpg": 18, "name": "vw"}, {"mpg": null, "name": "bmw"}]"#).unwrap();
/// let table = gradus_data::read_json(&path)?;
/// assert_eq!((table.rows(), table.names()), (2, &["mpg".to_owned(), "name".to_owned()][..]));
/// assert_eq!(table.drop_missing(&["mpg"])?.rows(), 1);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Io` when the file cannot be read; `Kind::Format` when it is not such an array, with row
/// and column of a value that is neither number, text nor truth value, or with the row that has
/// other names.
pub fn read_json(path: impl AsRef<Path>) -> Result<Table> {
    let path = path.as_ref();
    let bytes = read_all(path, MAX_BYTES, FORMAT)?;
    let bad = |problem: String| Error::format(path, FORMAT, None, problem);
    let rows: Vec<Map<String, Value>> =
        serde_json::from_slice(&bytes).map_err(|e| bad(e.to_string()))?;
    let names: Vec<String> = rows.first().map(|r| r.keys().cloned().collect()).unwrap_or_default();
    for (at, row) in rows.iter().enumerate() {
        if let Some(name) = row.keys().find(|name| !names.contains(name)) {
            return Err(bad(format!("row {at} has a column `{name}`, the first has not")));
        }
    }
    let columns = names.iter().map(|name| {
        let values: Vec<&Value> =
            rows.iter().map(|row| row.get(name).unwrap_or(&Value::Null)).collect();
        let odd = values.iter().position(|v| v.is_array() || v.is_object());
        match odd {
            None => Ok((name.clone(), column(&values))),
            Some(row) => Err(bad(format!("row {row} has a nested value in column `{name}`"))),
        }
    });
    Table::new(path, columns.collect::<Result<Vec<_>>>()?)
}

fn column(values: &[&Value]) -> Column {
    let whole: Option<Vec<i64>> = values.iter().map(|value| value.as_i64()).collect();
    if let Some(values) = whole {
        return Column::Int(values);
    }
    let number = |value: &&Value| if value.is_null() { Some(f64::NAN) } else { value.as_f64() };
    if let Some(values) = values.iter().map(number).collect::<Option<Vec<f64>>>() {
        return Column::Float(values);
    }
    let text = |value: &&Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    Column::Text(values.iter().map(text).collect())
}
