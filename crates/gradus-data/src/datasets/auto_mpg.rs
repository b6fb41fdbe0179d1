//! Auto MPG: how far 398 cars of the seventies go on a gallon.

use std::path::Path;

use gradus_tensor::Result;

use super::places::{DATA_VAR, Package};
use crate::column::Column;
use crate::csv::Table;
use crate::json::read_json;

const PACKAGE: Package = Package {
    name: "auto-mpg",
    files: &["cars.json"],
    system: "/usr/lib/python3/dist-packages/vega_datasets/_data",
    cures: "install the Debian or Ubuntu package `python3-vega-datasets`, or set GRADUS_DATA to a \
            directory that has the `cars.json` of vega-datasets",
};

/// Columns of the file and their names in the UCI repository.
const NAMES: [(&str, &str); 9] = [
    ("Miles_per_Gallon", "mpg"),
    ("Cylinders", "cylinders"),
    ("Displacement", "displacement"),
    ("Horsepower", "horsepower"),
    ("Weight_in_lbs", "weight"),
    ("Acceleration", "acceleration"),
    ("Year", "year"),
    ("Origin", "origin"),
    ("Name", "name"),
];

/// The columns of Auto MPG that are numbers and from which `mpg` is predicted; `origin` is a
/// category beside them.
pub const AUTO_MPG_FEATURES: [&str; 6] =
    ["cylinders", "displacement", "horsepower", "weight", "acceleration", "year"];

/// Auto MPG as a table of 406 cars: `mpg`, the [`AUTO_MPG_FEATURES`], `origin` (USA, Europe,
/// Japan) and `name`. `year` counts from 1900, as in the UCI repository. Eight cars lack `mpg`, six
/// `horsepower`; [`Table::drop_missing`] leaves the 392 complete ones.
/// Anchors: mean absolute error in five-fold cross-validation 2.58 by ridge regression, 1.93 by a
/// network 64-64.
///
/// `cars.json` of vega-datasets is looked for in `$GRADUS_DATA` and its folder `auto-mpg`, where
/// the Debian package `python3-vega-datasets` puts it, and in the folder `gradus/auto-mpg` of the
/// user's cache directory.
///
/// *Source*: R. Quinlan, "Auto MPG", UCI Machine Learning Repository, 1993; StatLib, 1982.
///
/// # Errors
/// `Kind::Io` when the file is nowhere: the message lists the places and the cures. `Kind::Format`
/// when it is damaged.
pub fn auto_mpg() -> Result<Table> {
    let places = PACKAGE.places(std::env::var_os(DATA_VAR), PACKAGE.cache());
    auto_mpg_from(&PACKAGE.require(&places)?[0])
}

/// As [`auto_mpg`], from the file `path`.
///
/// # Errors
/// `Kind::Io` when it cannot be read; `Kind::Format` when it is damaged or lacks a column.
pub fn auto_mpg_from(path: impl AsRef<Path>) -> Result<Table> {
    let table = read_json(path.as_ref())?;
    let column = |&(from, to): &(&'static str, &'static str)| {
        let column = table.column(from)?.clone();
        let column = match column {
            Column::Text(dates) if to == "year" => Column::Int(dates.iter().map(year).collect()),
            other => other,
        };
        Ok((to, column))
    };
    Table::new(path, NAMES.iter().map(column).collect::<Result<Vec<_>>>()?)
}

/// The year of `1970-01-01`, from 1900; 0 for what is no date.
#[allow(clippy::ptr_arg, reason = "a callback over strings")]
fn year(date: &String) -> i64 {
    let year = date.split('-').next().and_then(|year| year.parse::<i64>().ok());
    year.map_or(0, |year| year - 1900)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_get_the_names_of_the_repository() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("cars.json");
        let car = |mpg: &str, origin: &str| {
            format!(
                r#"{{"Name":"a","Miles_per_Gallon":{mpg},"Cylinders":8,"Displacement":307,
                "Horsepower":130,"Weight_in_lbs":3504,"Acceleration":12.5,"Year":"1970-01-01",
                "Origin":"{origin}"}}"#
            )
        };
        let text = format!("[{},{}]", car("18", "USA"), car("null", "Japan"));
        std::fs::write(&path, text).expect("writable");
        let table = auto_mpg_from(&path).expect("valid");
        assert_eq!(table.column("year").expect("year"), &Column::Int(vec![70, 70]));
        assert_eq!(table.column("origin").expect("origin"), &Column::from(["USA", "Japan"]));
        let complete = table.drop_missing(&["mpg"]).expect("column");
        assert_eq!(complete.rows(), 1);
        let x = complete.to_array(&AUTO_MPG_FEATURES).expect("numbers");
        assert_eq!(x.to_vec::<f32>().expect("f32"), [8.0, 307.0, 130.0, 3504.0, 12.5, 70.0]);
        std::fs::write(&path, "[{\"Name\":\"a\"}]").expect("writable");
        let error = auto_mpg_from(&path).expect_err("columns are missing").to_string();
        assert!(error.contains("Miles_per_Gallon"), "{error}");
    }
}
