//! Samples by features in f64: what scalers compute with.

use gradus_tensor::{Array, DType, Error, Operand, Problem, Result, Shape};

/// An array `[N, D]` as numbers, row by row.
pub(super) struct Matrix {
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) values: Vec<f64>,
    double: bool,
}

impl Matrix {
    /// Reads an array of any type of numbers.
    pub(super) fn read(op: &'static str, x: &Array) -> Result<Self> {
        let &[rows, cols] = x.shape().dims() else {
            let got = x.shape().dims().len();
            let problem = Problem::Rank { name: "x", got, expected: "2, samples and features" };
            return Err(Error::shape(op, problem, &[("x", x.shape())]));
        };
        let double = x.dtype() == DType::F64;
        Ok(Matrix { rows, cols, values: numbers(x)?, double })
    }

    /// As [`Matrix::read`], of as many features as were fitted.
    pub(super) fn read_fitted(op: &'static str, x: &Array, features: usize) -> Result<Self> {
        let matrix = Matrix::read(op, x)?;
        if matrix.cols != features {
            let problem = Problem::Size {
                name: "x",
                got: matrix.cols,
                unit: "features",
                other: "what was fitted",
                expected: features,
            };
            let operands = vec![Operand::new("x", x.shape())];
            return Err(gradus_tensor::Kind::Shape { op, problem, operands }.into());
        }
        Ok(matrix)
    }

    /// The values of a feature that are not missing.
    pub(super) fn column(&self, at: usize) -> impl Iterator<Item = f64> + Clone + '_ {
        let column = self.values.iter().skip(at).step_by(self.cols.max(1));
        column.copied().filter(|value| !value.is_nan())
    }

    /// One number for each feature, which has a value at least.
    pub(super) fn each_column(
        &self,
        op: &'static str,
        number: impl Fn(Vec<f64>) -> f64,
    ) -> Result<Vec<f64>> {
        let one = |at| {
            let column: Vec<f64> = self.column(at).collect();
            if column.is_empty() {
                let value = format!("none in column {at}");
                return Err(Error::argument(op, "number of values", value, "at least 1"));
            }
            if let Some(value) = column.iter().find(|value| value.is_infinite()) {
                let value = format!("{value} in column {at}");
                return Err(Error::argument(op, "value", value, "a finite number or NaN"));
            }
            Ok(number(column))
        };
        (0..self.cols).map(one).collect()
    }

    /// Replaces each value by `f` of its feature's number and itself.
    pub(super) fn map(mut self, f: impl Fn(usize, f64) -> f64) -> Result<Array> {
        for row in self.values.chunks_exact_mut(self.cols.max(1)) {
            row.iter_mut().enumerate().for_each(|(at, value)| *value = f(at, *value));
        }
        self.into_array()
    }

    /// float64 if it was, else float32.
    pub(super) fn into_array(self) -> Result<Array> {
        from_numbers(self.values, Shape::new(&[self.rows, self.cols]), self.double)
    }
}

pub(super) fn from_numbers(values: Vec<f64>, shape: Shape, double: bool) -> Result<Array> {
    if double {
        return Array::from_vec(values, shape);
    }
    Array::from_vec(values.iter().map(|&v| v as f32).collect(), shape)
}

pub(super) fn numbers(x: &Array) -> Result<Vec<f64>> {
    match x.dtype() {
        DType::F64 => x.to_vec::<f64>(),
        DType::F32 => Ok(x.to_vec::<f32>()?.into_iter().map(f64::from).collect()),
        _ => Ok(x.to_vec::<i64>()?.into_iter().map(|v| v as f64).collect()),
    }
}

/// What was fitted, or the error that nothing was.
pub(super) fn fitted<'a, T>(op: &'static str, state: &'a Option<T>) -> Result<&'a T> {
    state.as_ref().ok_or_else(|| Error::argument(op, "state", "empty", "one that `fit` made"))
}

/// Scales that divide by almost nothing become 1, as in scikit-learn.
pub(super) fn without_zeros(scales: &mut [f64]) {
    for scale in scales {
        if scale.abs() < 10.0 * f64::EPSILON {
            *scale = 1.0;
        }
    }
}

/// The value below which a share of the sorted values lies, between neighbours in proportion.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (low, rest) = (place.floor() as usize, place.fract());
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + (sorted[high] - sorted[low]) * rest
}
