//! `SparseMatrix`: rows that are mostly zeros, dense only as batches.

use std::sync::Arc;

use gradus_tensor::{Array, Error, Problem, Result};

use crate::dataset::{Dataset, check_indices};

/// A matrix of which only the numbers other than 0 are stored, row by row (CSR).
///
/// ```
/// use gradus_data::SparseMatrix;
/// let matrix = SparseMatrix::from_rows(3, [vec![(2, 5.0)], vec![]])?;
/// assert_eq!(matrix.shape(), (2, 3));
/// assert_eq!(matrix.dense(&[1, 0])?.to_vec::<f32>()?, [0.0, 0.0, 0.0, 0.0, 0.0, 5.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SparseMatrix {
    cols: usize,
    /// Where each row starts among the numbers, and where the last ends.
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f64>,
}

impl SparseMatrix {
    /// A matrix of rows of columns and numbers, the columns ascending.
    ///
    /// # Errors
    /// `Kind::Argument` for a column outside `0..cols` or columns out of order.
    pub fn from_rows(
        cols: usize,
        rows: impl IntoIterator<Item = Vec<(usize, f64)>>,
    ) -> Result<Self> {
        let bad =
            |value: String, expected| Err(Error::argument("sparse", "column", value, expected));
        if u32::try_from(cols).is_err() {
            return bad(format!("{cols} of them"), "less than 2^32");
        }
        let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for row in rows {
            if let Some(pair) = row.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
                return bad(format!("{} after {}", pair[1].0, pair[0].0), "ascending columns");
            }
            for (column, value) in row {
                if column >= cols {
                    return bad(format!("{column} of {cols}"), "one that exists");
                }
                columns.push(column as u32);
                values.push(value);
            }
            starts.push(columns.len());
        }
        Ok(SparseMatrix { cols, starts, columns, values })
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.starts.len() - 1, self.cols)
    }

    /// The number of stored numbers.
    pub fn stored(&self) -> usize {
        self.values.len()
    }

    /// The columns and numbers of a row, which must exist.
    pub fn row(&self, row: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.starts[row]..self.starts[row + 1];
        let columns = self.columns[range.clone()].iter().map(|&column| column as usize);
        columns.zip(self.values[range].iter().copied())
    }

    /// Some rows with all their zeros, float32 `[rows, cols]`.
    ///
    /// # Errors
    /// `Kind::Index` for a row that does not exist; `Kind::OutOfMemory`.
    pub fn dense(&self, rows: &[usize]) -> Result<Array> {
        check_indices("dense", rows, self.shape().0)?;
        let mut values = vec![0.0f32; rows.len() * self.cols];
        for (at, &row) in rows.iter().enumerate() {
            for (column, value) in self.row(row) {
                values[at * self.cols + column] = value as f32;
            }
        }
        Array::from_vec(values, [rows.len(), self.cols])
    }

    /// Changes the numbers of each row, given with their columns.
    pub(super) fn map_rows(&mut self, mut change: impl FnMut(&[u32], &mut [f64])) {
        for pair in self.starts.windows(2) {
            let range = pair[0]..pair[1];
            change(&self.columns[range.clone()], &mut self.values[range]);
        }
    }

    /// How many rows have a number in each column.
    pub(super) fn rows_with(&self) -> Vec<usize> {
        let mut counts = vec![0; self.cols];
        self.columns.iter().for_each(|&column| counts[column as usize] += 1);
        counts
    }
}

/// The rows of a sparse matrix, with labels or without: `x` is dense in a batch, float32
/// `[N, cols]`.
///
/// ```
/// use gradus_data::{Dataset, SparseDataset, SparseMatrix};
/// use gradus_tensor::Array;
/// let x = SparseMatrix::from_rows(2, [vec![(0, 1.0)], vec![(1, 2.0)]])?;
/// let data = SparseDataset::new(x, Some(Array::from_vec(vec![0i32, 1], [2])?))?;
/// let batch = data.fetch(&[1])?;
/// assert_eq!(batch[0].to_vec::<f32>()?, [0.0, 2.0]);
/// assert_eq!(batch[1].to_vec::<i32>()?, [1]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SparseDataset {
    x: Arc<SparseMatrix>,
    y: Option<Array>,
}

impl SparseDataset {
    /// Samples are the rows of `x`; `y` has one row for each.
    ///
    /// # Errors
    /// `Kind::Shape` when it has not.
    pub fn new(x: SparseMatrix, y: Option<Array>) -> Result<Self> {
        let rows = x.shape().0;
        if let Some(y) = &y
            && y.shape().dims().first() != Some(&rows)
        {
            let got = y.shape().dims().first().copied().unwrap_or(0);
            let (unit, other) = ("samples", "x");
            let problem = Problem::Size { name: "y", got, unit, other, expected: rows };
            return Err(Error::shape("sparse_dataset", problem, &[("y", y.shape())]));
        }
        let y = y.map(crate::gather::dense_host).transpose()?;
        Ok(SparseDataset { x: Arc::new(x), y })
    }
}

impl Dataset for SparseDataset {
    fn len(&self) -> usize {
        self.x.shape().0
    }

    fn fetch(&self, indices: &[usize]) -> Result<Vec<Array>> {
        check_indices("fetch", indices, self.len())?;
        let mut columns = vec![self.x.dense(indices)?];
        if let Some(y) = &self.y {
            columns.push(crate::gather::gather(y, indices)?);
        }
        Ok(columns)
    }
}
