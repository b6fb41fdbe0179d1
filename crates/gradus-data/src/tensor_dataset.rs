//! `TensorDataset`: a dataset of arrays in memory, sliced along dimension 0.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use gradus_tensor::{Array, DType, Error, Kind, Operand, Problem, Result, Shape};

use crate::convert::ToFloat;
use crate::dataset::{Dataset, check_indices};
use crate::gather::{dense_host, gather, gather_converted};
use crate::random::split_order;

/// Forgives the rounding of fractions such as 0.29 (times 100 is 28.999…) in a split.
const SPLIT_SLACK: f64 = 1e-6;

/// Arrays whose rows are samples, as PyTorch's `TensorDataset`.
///
/// Columns stay in host memory as they were given and are shared by clones, subsets and splits;
/// a byte image column can stay bytes and be delivered as floats ([`TensorDataset::scaled`]).
///
/// ```
/// use gradus_data::{Dataset, TensorDataset};
/// use gradus_tensor::Array;
///
/// let x = Array::from_vec(vec![0u8, 51, 102, 255], [4, 1])?;
/// let y = Array::from_vec(vec![0i32, 1, 0, 1], [4])?;
/// let data = TensorDataset::pair(x, y)?.scaled(0, 1.0 / 255.0)?;
/// let batch = data.fetch(&[3, 0])?;
/// assert_eq!(batch[0].to_vec::<f32>()?, [1.0, 0.0]);
/// assert_eq!(batch[1].to_vec::<i32>()?, [1, 0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct TensorDataset {
    columns: Vec<Column>,
    /// Rows of the columns that belong to this dataset; all of them when `None`.
    rows: Option<Arc<[usize]>>,
    len: usize,
    classes: Arc<[String]>,
}

#[derive(Clone)]
struct Column {
    name: Cow<'static, str>,
    data: Array,
    convert: Option<ToFloat>,
}

impl Column {
    fn fetch(&self, rows: &[usize]) -> Result<Array> {
        match &self.convert {
            Some(convert) => gather_converted(&self.data, rows, convert),
            None => gather(&self.data, rows),
        }
    }
}

impl TensorDataset {
    /// A dataset of `columns` with equal sizes of dimension 0. The first two are called `x` and
    /// `y`. Arrays on a GPU and strided views are brought to dense host memory once.
    ///
    /// # Errors
    /// `Kind::Shape` when the sizes differ or a column has no dimension; `Kind::Argument` without
    /// columns.
    pub fn new(columns: Vec<Array>) -> Result<Self> {
        let Some(first) = columns.first() else {
            return Err(Error::argument("tensor_dataset", "columns", 0, "at least 1"));
        };
        let expected = first.shape().dims().first().copied().unwrap_or_default();
        for (i, column) in columns.iter().enumerate() {
            let problem = match column.shape().dims().first() {
                None => Problem::Rank { name: static_name(i), got: 0, expected: "at least 1" },
                Some(&got) if got != expected => Problem::Size {
                    name: static_name(i),
                    got,
                    unit: "samples",
                    other: static_name(0),
                    expected,
                },
                Some(_) => continue,
            };
            let operands = columns.iter().enumerate();
            let operands = operands.map(|(i, c)| Operand::new(static_name(i), c.shape()));
            let operands = operands.collect();
            return Err(Kind::Shape { op: "tensor_dataset", problem, operands }.into());
        }
        let columns = columns.into_iter().enumerate().map(|(i, data)| {
            let name = if i < 2 { static_name(i).into() } else { format!("column{i}").into() };
            Ok(Column { name, data: dense_host(data)?, convert: None })
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(TensorDataset { columns, rows: None, len: expected, classes: Arc::new([]) })
    }

    /// A dataset of inputs `x` and targets `y`.
    ///
    /// # Errors
    /// As [`TensorDataset::new`].
    pub fn pair(x: Array, y: Array) -> Result<Self> {
        TensorDataset::new(vec![x, y])
    }

    /// Delivers the byte column `column` as `float32`, multiplied by `scale`; in memory it stays
    /// bytes, a quarter of the size, and so it does on the way to a loader's device.
    ///
    /// # Errors
    /// `Kind::Index` when there is no such column; `Kind::DType` when it is not `uint8`;
    /// `Kind::Argument` when `scale` is not finite.
    pub fn scaled(self, column: usize, scale: f32) -> Result<Self> {
        self.converted("scaled", column, ToFloat::scaled(scale)?)
    }

    /// Delivers the byte column `column` as `float32`, `(x / 255 − mean) / std`, with one mean and
    /// deviation or one for each channel; until then it stays bytes.
    ///
    /// # Errors
    /// `Kind::Index` when there is no such column; `Kind::DType` when it is not `uint8`;
    /// `Kind::Shape` when it has another number of channels; `Kind::Argument` for numbers that are
    /// not finite or a deviation of 0.
    pub fn normalized(self, column: usize, mean: &[f32], std: &[f32]) -> Result<Self> {
        self.converted("normalized", column, ToFloat::normalized(mean, std)?)
    }

    fn converted(mut self, op: &'static str, column: usize, to: ToFloat) -> Result<Self> {
        check_indices(op, &[column], self.columns.len())?;
        let dtype = self.columns[column].data.dtype();
        if dtype != DType::U8 {
            return Err(Kind::DType { op, got: vec![dtype], expected: "uint8" }.into());
        }
        to.check(&self.columns[column].data)?;
        self.columns[column].convert = Some(to);
        Ok(self)
    }

    /// Names the columns.
    ///
    /// # Errors
    /// `Kind::Argument` when there are not as many names as columns.
    pub fn named(mut self, names: &[&str]) -> Result<Self> {
        if names.len() != self.columns.len() {
            let expected = "as many as there are columns";
            return Err(Error::argument("named", "number of names", names.len(), expected));
        }
        for (column, name) in self.columns.iter_mut().zip(names) {
            column.name = (*name).to_owned().into();
        }
        Ok(self)
    }

    /// Names the classes that the targets count.
    #[must_use]
    pub fn with_classes<S: Into<String>>(mut self, classes: impl IntoIterator<Item = S>) -> Self {
        self.classes = classes.into_iter().map(Into::into).collect();
        self
    }

    /// The names of the classes, in the order of their numbers; empty when there are none.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The names of the columns.
    pub fn column_names(&self) -> Vec<&str> {
        self.columns.iter().map(|c| &*c.name).collect()
    }

    /// The shape of one sample in a column.
    ///
    /// # Errors
    /// `Kind::Index` when there is no such column.
    pub fn sample_shape(&self, column: usize) -> Result<Shape> {
        check_indices("sample_shape", &[column], self.columns.len())?;
        Ok(Shape::new(&self.columns[column].data.shape().dims()[1..]))
    }

    /// A whole column as it is delivered: scaled, and of this subset's rows. Free of copies when
    /// the column is neither.
    ///
    /// # Errors
    /// `Kind::Index` when there is no such column; `Kind::OutOfMemory`.
    pub fn column(&self, column: usize) -> Result<Array> {
        check_indices("column", &[column], self.columns.len())?;
        let column = &self.columns[column];
        match (&self.rows, &column.convert) {
            (None, None) => Ok(column.data.clone()),
            (Some(rows), _) => column.fetch(rows),
            (None, Some(_)) => column.fetch(&(0..self.len).collect::<Vec<_>>()),
        }
    }

    /// All columns, as [`TensorDataset::column`].
    ///
    /// # Errors
    /// `Kind::OutOfMemory`.
    pub fn columns(&self) -> Result<Vec<Array>> {
        (0..self.columns.len()).map(|i| self.column(i)).collect()
    }

    /// The samples `indices`, in that order. Copies no data.
    ///
    /// # Errors
    /// `Kind::Index` for an index outside the dataset.
    pub fn subset(&self, indices: &[usize]) -> Result<Self> {
        check_indices("subset", indices, self.len)?;
        let rows = self.stored_rows(indices).into_owned().into();
        Ok(TensorDataset { rows: Some(rows), len: indices.len(), ..self.clone() })
    }

    /// Two random parts without common samples; the first has `fraction` of them, rounded down.
    /// The same seed gives the same parts. Copies no data.
    ///
    /// # Errors
    /// `Kind::Argument` when `fraction` lies outside `0..=1`.
    pub fn split(&self, fraction: f64, seed: u64) -> Result<(Self, Self)> {
        if !(0.0..=1.0).contains(&fraction) {
            return Err(Error::argument("split", "fraction", fraction, "0 to 1"));
        }
        let order = split_order(self.len, seed);
        let size = (self.len as f64 * fraction + SPLIT_SLACK).floor() as usize;
        let (first, second) = order.split_at(size.min(self.len));
        Ok((self.subset(first)?, self.subset(second)?))
    }

    /// Where the samples lie in the columns. The indices are valid.
    fn stored_rows<'a>(&self, indices: &'a [usize]) -> Cow<'a, [usize]> {
        match &self.rows {
            None => Cow::Borrowed(indices),
            Some(rows) => indices.iter().map(|&i| rows[i]).collect(),
        }
    }
}

impl Dataset for TensorDataset {
    fn len(&self) -> usize {
        self.len
    }

    fn fetch(&self, indices: &[usize]) -> Result<Vec<Array>> {
        check_indices("fetch", indices, self.len)?;
        let rows = self.stored_rows(indices);
        self.columns.iter().map(|column| column.fetch(&rows)).collect()
    }

    fn fetch_stored(&self, indices: &[usize]) -> Result<Vec<Array>> {
        check_indices("fetch", indices, self.len)?;
        let rows = self.stored_rows(indices);
        self.columns.iter().map(|column| gather(&column.data, &rows)).collect()
    }

    fn conversions(&self) -> Vec<Option<ToFloat>> {
        self.columns.iter().map(|column| column.convert.clone()).collect()
    }
}

impl fmt::Debug for TensorDataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TensorDataset({} samples", self.len)?;
        for Column { name, data, convert } in &self.columns {
            let dtype = if convert.is_some() { DType::F32 } else { data.dtype() };
            write!(f, ", {name} {:?} {dtype}", &data.shape().dims()[1..])?;
        }
        f.write_str(")")
    }
}

/// The name that an error gives to a column.
fn static_name(column: usize) -> &'static str {
    const NAMES: [&str; 8] =
        ["x", "y", "column2", "column3", "column4", "column5", "column6", "column7"];
    NAMES.get(column).copied().unwrap_or("column")
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradus_tensor::Array;

    fn counting(n: usize) -> TensorDataset {
        let x: Vec<f32> = (0..n * 2).map(|v| v as f32).collect();
        let y: Vec<i32> = (0..n as i32).collect();
        let x = Array::from_vec(x, [n, 2]).expect("shape");
        TensorDataset::pair(x, Array::from_vec(y, [n]).expect("shape")).expect("equal sizes")
    }

    #[track_caller]
    fn says(error: &Error, message: &str) {
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn rows_come_in_the_order_asked_for() {
        let batch = counting(5).fetch(&[4, 0, 4]).expect("valid");
        assert_eq!(batch[0].shape().dims(), [3, 2]);
        assert_eq!(batch[0].to_vec::<f32>().expect("f32"), [8.0, 9.0, 0.0, 1.0, 8.0, 9.0]);
        assert_eq!(batch[1].to_vec::<i32>().expect("i32"), [4, 0, 4]);
        assert_eq!(counting(5).fetch(&[]).expect("valid")[0].shape().dims(), [0, 2]);
    }

    #[test]
    fn mistakes_are_typed_errors_with_all_shapes() {
        let a = |shape: &[usize]| Array::alloc(&Default::default(), shape, DType::F32).unwrap();
        let error = TensorDataset::new(vec![a(&[3, 2]), a(&[3]), a(&[4, 1])]).unwrap_err();
        says(
            &error,
            "tensor_dataset: column2 has 4 samples, x expects 3; x [3, 2], y [3], column2 [4, 1]",
        );
        let error = TensorDataset::new(vec![a(&[3, 2]), a(&[])]).unwrap_err();
        says(&error, "tensor_dataset: y has 0 dimensions, expected at least 1; x [3, 2], y []");
        let error = TensorDataset::new(vec![]).unwrap_err();
        assert!(matches!(error.kind(), Kind::Argument { .. }));
        let error = counting(5).fetch(&[1, 5]).unwrap_err();
        says(&error, "fetch: index 5 at position 1 is outside 0..5");
        assert!(matches!(counting(5).subset(&[9]).unwrap_err().kind(), Kind::Index { .. }));
        assert!(matches!(counting(5).column(2).unwrap_err().kind(), Kind::Index { .. }));
        assert!(matches!(counting(5).split(1.5, 0).unwrap_err().kind(), Kind::Argument { .. }));
        assert!(matches!(
            counting(5).split(f64::NAN, 0).unwrap_err().kind(),
            Kind::Argument { .. }
        ));
        let error = counting(5).scaled(0, 0.5).unwrap_err();
        says(&error, "scaled: got float32, expected uint8");
        assert!(counting(5).named(&["only"]).is_err());
    }

    #[test]
    fn bytes_stay_bytes_and_arrive_as_floats() {
        let bytes: Vec<u8> = (0..=255).collect();
        let x = Array::from_vec(bytes, [16, 1, 4, 4]).expect("shape");
        let data = TensorDataset::new(vec![x]).and_then(|d| d.scaled(0, 1.0 / 255.0));
        let data = data.expect("uint8");
        assert_eq!(data.columns[0].data.dtype(), DType::U8);
        let row = data.fetch(&[15]).expect("valid")[0].to_vec::<f32>().expect("f32");
        for (i, value) in row.iter().enumerate() {
            assert_eq!(*value, (240 + i) as f32 * (1.0 / 255.0));
        }
        assert_eq!(data.column(0).expect("exists").shape().dims(), [16, 1, 4, 4]);
        assert_eq!(format!("{data:?}"), "TensorDataset(16 samples, x [1, 4, 4] float32)");
    }

    #[test]
    fn subsets_of_subsets_and_splits_keep_samples_whole() {
        let data = counting(100);
        let (a, b) = data.split(0.29, 3).expect("fraction");
        assert_eq!((a.len(), b.len()), (29, 71));
        let labels = |d: &TensorDataset| d.column(1).unwrap().to_vec::<i32>().unwrap();
        let mut all = [labels(&a), labels(&b)].concat();
        assert_ne!(all, (0..100).collect::<Vec<_>>());
        assert_eq!(labels(&a), labels(&data.split(0.29, 3).expect("fraction").0));
        assert_ne!(labels(&a), labels(&data.split(0.29, 4).expect("fraction").0));
        let inner = a.subset(&[5, 2]).expect("valid");
        assert_eq!(labels(&inner), [labels(&a)[5], labels(&a)[2]]);
        let x = inner.fetch(&[1]).expect("valid")[0].to_vec::<f32>().expect("f32");
        assert_eq!(x[0], 2.0 * labels(&a)[2] as f32);
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn views_are_made_dense_and_offsets_are_kept() {
        let base = Array::from_vec((0..12).collect::<Vec<i32>>(), [3, 4]).expect("shape");
        let data = TensorDataset::new(vec![
            base.transpose(0, 1).expect("dims"),
            base.view(&[12]).expect("count").expect("dense").narrow(0, 8, 4).expect("range"),
        ]);
        let batch = data.expect("sizes").fetch(&[1, 3]).expect("valid");
        assert_eq!(batch[0].to_vec::<i32>().expect("i32"), [1, 5, 9, 3, 7, 11]);
        assert_eq!(batch[1].to_vec::<i32>().expect("i32"), [9, 11]);
    }

    #[test]
    fn rows_without_elements_are_counted() {
        let x = Array::alloc(&Default::default(), [3, 0], DType::U8).expect("memory");
        let data = TensorDataset::new(vec![x]).expect("sizes");
        assert_eq!(data.fetch(&[0, 2]).expect("valid")[0].shape().dims(), [2, 0]);
        let data = data.scaled(0, 1.0).expect("uint8");
        assert_eq!(data.fetch(&[0, 2]).expect("valid")[0].shape().dims(), [2, 0]);
    }
}
