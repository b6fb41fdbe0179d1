//! Datasets of arrays in files: `.npy`, `.npz`, `.safetensors`, tables.

use std::collections::BTreeMap;
use std::path::Path;

#[cfg(feature = "npz")]
use gradus_io::read_npz;
use gradus_io::{read_npy, read_safetensors};
use gradus_tensor::{Array, Error, Result};

use crate::csv::Table;
use crate::tensor_dataset::TensorDataset;

impl TensorDataset {
    /// A dataset of `.npy` files, a column each.
    ///
    /// # Errors
    /// `Kind::Io` and `Kind::Format` with the path of a file that cannot be read; those of
    /// [`TensorDataset::new`].
    pub fn from_npy(paths: &[impl AsRef<Path>]) -> Result<Self> {
        TensorDataset::new(paths.iter().map(read_npy).collect::<Result<_>>()?)
    }

    /// A dataset of arrays of an `.npz` file: those called `names`, in that order, or all in the
    /// order of their names.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("data.npz");
    /// use std::collections::BTreeMap;
    /// use gradus_data::TensorDataset;
    /// use gradus_io::write_npz;
    /// use gradus_tensor::Array;
    /// let y = Array::from_vec(vec![1i32, 2], [2])?;
    /// let x = Array::from_vec(vec![0.5f32; 4], [2, 2])?;
    /// write_npz(&path, &BTreeMap::from([("y".to_owned(), y), ("x".to_owned(), x)]))?;
    /// let data = TensorDataset::from_npz(&path, &["x", "y"])?;
    /// assert_eq!((data.len(), data.column_names()), (2, vec!["x", "y"]));
    /// # Ok::<(), gradus_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`TensorDataset::from_npy`]; `Kind::Argument` for a name that the file does not have.
    #[cfg(feature = "npz")]
    pub fn from_npz(path: impl AsRef<Path>, names: &[&str]) -> Result<Self> {
        let path = path.as_ref();
        named(read_npz(path)?, names, path)
    }

    /// A dataset of arrays of a `.safetensors` file: those called `names`, in that order, or all in
    /// the order of their names.
    ///
    /// # Errors
    /// As [`TensorDataset::from_npy`]; `Kind::Argument` for a name that the file does not have.
    pub fn from_safetensors(path: impl AsRef<Path>, names: &[&str]) -> Result<Self> {
        let path = path.as_ref();
        named(read_safetensors(path)?.tensors, names, path)
    }

    /// A dataset of a table's columns: `x` float32 `[N, features]` and `y`, a class number int32
    /// `[N]` for text, categories and whole numbers, else float32 `[N, 1]`.
    ///
    /// ```
    /// use gradus_data::{CsvOptions, TensorDataset};
    /// let table = CsvOptions::default().parse("a,b,kind\n1,2,x\n3,4,y\n", "t.csv")?;
    /// let data = TensorDataset::from_table(&table, &["a", "b"], "kind")?;
    /// assert_eq!(data.classes(), ["x", "y"]);
    /// assert_eq!(data.column(0)?.to_vec::<f32>()?, [1.0, 2.0, 3.0, 4.0]);
    /// # Ok::<(), gradus_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Argument` for a column that does not exist or holds text among the features;
    /// `Kind::Format` with line and column for a missing value.
    pub fn from_table(table: &Table, features: &[&str], target: &str) -> Result<Self> {
        use crate::column::ColumnType;
        let x = table.to_array(features)?;
        if table.column(target)?.column_type() == ColumnType::Float {
            return TensorDataset::pair(x, table.to_array(&[target])?);
        }
        let (y, classes) = table.codes(target)?;
        Ok(TensorDataset::pair(x, y)?.with_classes(classes))
    }
}

fn named(
    mut arrays: BTreeMap<String, Array>,
    names: &[&str],
    path: &Path,
) -> Result<TensorDataset> {
    let all: Vec<String> = arrays.keys().cloned().collect();
    let names =
        if names.is_empty() { all.iter().map(String::as_str).collect() } else { names.to_vec() };
    let column = |name: &&str| {
        arrays.remove(*name).ok_or_else(|| {
            let value = format!("`{name}` ({} has {})", path.display(), all.join(", "));
            Error::argument("tensor_dataset", "array", value, "the name of one, once")
        })
    };
    TensorDataset::new(names.iter().map(column).collect::<Result<_>>()?)?.named(&names)
}
