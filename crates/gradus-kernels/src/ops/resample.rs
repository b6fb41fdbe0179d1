//! Resampling along one dimension: every result is a weighted sum of neighbouring elements. Average
//! pooling, interpolation in every mode and their gradients are tables for this one op.

mod tables;

use std::sync::Arc;

use gradus_tensor::capture::{Plain, perform};
use gradus_tensor::{Array, DType, Dim, Error, Problem, Result, Shape};

use super::lines::{Fresh, Lines, Real, for_chunks, host, must_be_float, vectorised};
use crate::expr::Value;
use tables::Pair;
pub use tables::{Divisor, Filter, Sampling};
pub(super) use tables::{Table, adaptive};

/// A banded matrix `[output, input]`: row `i` holds the weights of result `i`, a run of neighbours.
///
/// Tables that were used lately are kept, and with them their copies on a GPU.
#[derive(Clone, Debug)]
pub struct Bands {
    pair: Arc<Pair>,
    transposed: bool,
}

impl Bands {
    /// The matrix of the adjoint: inputs and outputs change places.
    #[must_use]
    pub fn transposed(&self) -> Self {
        Bands { pair: self.pair.clone(), transposed: !self.transposed }
    }

    /// The size of the dimension that is read.
    pub fn input(&self) -> usize {
        self.table().input
    }

    /// The size of the dimension that is written.
    pub fn output(&self) -> usize {
        self.table().len()
    }

    /// Whether every result is the element at its own place.
    pub fn is_identity(&self) -> bool {
        self.table().is_identity()
    }

    /// Where the weights of result `i` begin, and the weights.
    ///
    /// # Panics
    /// When there is no such result.
    pub fn row(&self, i: usize) -> (usize, &[f64]) {
        let table = self.table();
        (table.start(i), table.taps(i))
    }

    /// The matrix, row by row.
    pub fn to_dense(&self) -> Vec<f64> {
        let table = self.table();
        let mut all = vec![0.0; table.len() * table.input];
        for i in 0..table.len() {
            let at = i * table.input + table.start(i);
            all[at..at + table.taps::<f64>(i).len()].copy_from_slice(table.taps(i));
        }
        all
    }

    fn table(&self) -> &Table {
        if self.transposed { self.pair.back() } else { &self.pair.there }
    }
}

/// `y[.., i, ..] = Σ_j w[i][j] · x[.., start[i] + j, ..]` along `dim`. Linear; its adjoint is the
/// same op with [`Bands::transposed`].
///
/// *Shapes*: the result has the bands' output size along `dim`.
///
/// *Cost*: an element is read once for every band it lies in.
///
/// ```
/// use gradus_kernels::{Bands, Divisor, Sliding, Value, resample};
/// use gradus_tensor::Array;
///
/// let x = Value::from(Array::from_vec(vec![1.0f32, 3.0, 5.0, 7.0], [4])?);
/// let window = Sliding { kernel_size: 2, stride: 2, ..Sliding::default() };
/// let bands = Bands::average("avg_pool1d", x.shape(), 0, window, Divisor::Inside)?;
/// assert_eq!(resample(&x, 0, &bands)?.array()?.to_vec::<f32>()?, [2.0, 6.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` when the dimension does not exist or has another size than the bands' input,
/// `Kind::DType` unless `x` is a float.
pub fn resample(x: &Value, dim: Dim, bands: &Bands) -> Result<Value> {
    must_be_float("resample", x.dtype())?;
    let d = x.shape().dim("resample", dim)?;
    let lines = Lines::at(x.shape(), d);
    if lines.n != bands.input() {
        let (got, expected) = (lines.n, bands.input());
        let problem = Problem::Size { name: "x", got, unit: "elements", other: "bands", expected };
        return Err(Error::shape("resample", problem, &[("x", x.shape())]));
    }
    let shape = x.shape().with(d, bands.output());
    if shape.numel() == 0 {
        return Ok(Value::constant(0.0, shape, x.dtype(), x.device()));
    }
    if bands.is_identity() {
        return Ok(x.clone());
    }
    let x = x.dense()?;
    #[cfg(feature = "gpu")]
    if let Some(gpu) = x.device().as_gpu() {
        let table = bands.table();
        return super::resample_gpu::run(gpu, &x, lines, table, &shape).map(Value::from);
    }
    let state = (Plain((lines, bands.clone(), shape)), x);
    perform(&state, |(Plain((lines, bands, shape)), x)| run_cpu(x, *lines, bands.table(), shape))
        .map(Value::from)
}

/// The floats with their copy of the weights.
pub(super) trait Weighted: Real {
    fn weights(table: &Table) -> &[Self];
}
impl Weighted for f32 {
    fn weights(table: &Table) -> &[f32] {
        &table.narrow
    }
}
impl Weighted for f64 {
    fn weights(table: &Table) -> &[f64] {
        &table.weights
    }
}

fn run_cpu(x: &Array, lines: Lines, table: &Table, shape: &Shape) -> Result<Array> {
    let mut out = Fresh::new(shape, x.dtype())?;
    match x.dtype() {
        DType::F64 => typed(host::<f64>(x), out.values(), lines, table),
        _ => typed(host::<f32>(x), out.values(), lines, table),
    }
    Ok(out.done())
}

fn typed<T: Weighted>(x: &[T], out: &mut [T], lines: Lines, table: &Table) {
    let cost = out.len() * table.width.clamp(1, 16);
    if lines.inner == 1 {
        for_chunks(out, table.len(), cost, |at, part| {
            alone(&x[at / table.len() * lines.n..], part, lines, table);
        });
    } else {
        for_chunks(out, lines.inner, cost, |at, part| {
            abreast(x, part, at / lines.inner, lines, table);
        });
    }
}

vectorised! {
    /// Contiguous lines.
    fn alone<T: Weighted>(x: &[T], out: &mut [T], lines: Lines, table: &Table) {
        for (x, out) in x.chunks_exact(lines.n).zip(out.chunks_exact_mut(table.len())) {
            for (i, out) in out.iter_mut().enumerate() {
                let mut sum = T::ZERO;
                for (&w, &x) in table.taps::<T>(i).iter().zip(&x[table.start(i)..]) {
                    sum = sum + w * x;
                }
                *out = sum;
            }
        }
    }

    /// Lines side by side: `out` begins with row `first` of the result.
    fn abreast<T: Weighted>(
        x: &[T],
        out: &mut [T],
        first: usize,
        lines: Lines,
        table: &Table,
    ) {
        let inner = lines.inner;
        for (k, out) in out.chunks_exact_mut(inner).enumerate() {
            let (o, i) = ((first + k) / table.len(), (first + k) % table.len());
            let x = &x[(o * lines.n + table.start(i)) * inner..];
            let mut taps = table.taps::<T>(i).iter().zip(x.chunks_exact(inner));
            match taps.next() {
                None => out.fill(T::ZERO),
                Some((&w, x)) => {
                    for (out, &x) in out.iter_mut().zip(x) {
                        *out = w * x;
                    }
                }
            }
            for (&w, x) in taps {
                for (out, &x) in out.iter_mut().zip(x) {
                    *out = *out + w * x;
                }
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
