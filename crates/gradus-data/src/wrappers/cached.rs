//! `Cached`: samples that are made once.

use std::fmt;
use std::sync::Arc;

use gradus_tensor::{Array, CpuBuffer, DType, Error, Layout, Result, Shape, Storage};
use parking_lot::RwLock;

use crate::dataset::{Dataset, check_indices};
use crate::gather::{dense_host, stored};

const OP: &str = "cached";
const DEFAULT_LIMIT: u64 = 4 << 30;

/// Keeps the samples of a dataset in memory when they were fetched for the first time, as they
/// came: decoding and parsing are done in the first epoch only. All must have one shape.
///
/// ```
/// use gradus_data::{Cached, Dataset, Mapped, TensorDataset};
/// use gradus_tensor::Array;
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// let data = TensorDataset::new(vec![Array::from_vec(vec![5i32, 6, 7], [3])?])?;
/// let made = Arc::new(AtomicUsize::new(0));
/// let count = made.clone();
/// let slow = Mapped::new(&data, move |columns| {
///     count.fetch_add(columns[0].shape()[0], Ordering::Relaxed);
///     Ok(columns)
/// });
/// let data = Cached::new(&slow);
/// data.fetch(&[0, 1])?;
/// assert_eq!(data.fetch(&[2, 1, 0])?[0].to_vec::<i32>()?, [7, 6, 5]);
/// assert_eq!(made.load(Ordering::Relaxed), 3);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Cached {
    data: Arc<dyn Dataset>,
    store: Arc<RwLock<Store>>,
    limit: u64,
}

#[derive(Default)]
struct Store {
    columns: Vec<Column>,
    there: Vec<bool>,
}

/// All samples of a column, made or not.
struct Column {
    sample: Vec<usize>,
    dtype: DType,
    size: usize,
    bytes: Vec<u8>,
}

impl Cached {
    /// Keeps up to 4 GiB of `data`, of which a handle is taken; clones share the memory.
    pub fn new<D: Dataset + Clone + 'static>(data: &D) -> Self {
        Cached { data: Arc::new(data.clone()), store: Arc::default(), limit: DEFAULT_LIMIT }
    }

    /// Refuses to keep more bytes than this.
    #[must_use]
    pub fn max_bytes(self, limit: u64) -> Self {
        Cached { limit, ..self }
    }

    fn keep(&self, missing: &[usize]) -> Result<()> {
        let fetched = self.data.fetch(missing)?;
        let fetched = fetched.into_iter().map(dense_host).collect::<Result<Vec<_>>>()?;
        let mut store = self.store.write();
        if store.there.is_empty() {
            store.columns = self.empty(&fetched)?;
            store.there = vec![false; self.data.len()];
        }
        let alike = |(column, array): (&Column, &Array)| {
            array.dtype() == column.dtype && array.shape().dims()[1..] == column.sample
        };
        if fetched.len() != store.columns.len() || !store.columns.iter().zip(&fetched).all(alike) {
            let shapes: Vec<_> = fetched.iter().map(Array::shape).collect();
            let value = format!("{shapes:?}");
            let expected = "samples of the shapes and types of the first";
            return Err(Error::argument(OP, "columns", value, expected));
        }
        let Store { columns, there } = &mut *store;
        for (column, array) in columns.iter_mut().zip(&fetched) {
            let from = stored(array);
            for (row, &sample) in missing.iter().enumerate() {
                let to = &mut column.bytes[sample * column.size..][..column.size];
                to.copy_from_slice(&from[row * column.size..][..column.size]);
            }
        }
        missing.iter().for_each(|&sample| there[sample] = true);
        Ok(())
    }

    fn empty(&self, like: &[Array]) -> Result<Vec<Column>> {
        let column = |array: &Array| {
            let sample = array.shape().dims().get(1..).unwrap_or_default().to_vec();
            let size = sample.iter().product::<usize>() * array.dtype().size();
            Column { sample, dtype: array.dtype(), size, bytes: Vec::new() }
        };
        let mut columns: Vec<Column> = like.iter().map(column).collect();
        let samples = self.data.len();
        let size: usize = columns.iter().map(|column| column.size).sum();
        let bytes = size as u64 * samples as u64;
        if bytes > self.limit {
            let value = format!("{bytes} for {samples} samples, above {}", self.limit);
            return Err(Error::argument(OP, "bytes", value, "no more than `max_bytes`"));
        }
        for column in &mut columns {
            column.bytes = vec![0; column.size * samples];
        }
        Ok(columns)
    }
}

impl Dataset for Cached {
    fn len(&self) -> usize {
        self.data.len()
    }

    fn fetch(&self, indices: &[usize]) -> Result<Vec<Array>> {
        check_indices("fetch", indices, self.len())?;
        if indices.is_empty() {
            return self.data.fetch(indices);
        }
        let mut missing: Vec<usize> = {
            let store = self.store.read();
            let there = |sample: usize| store.there.get(sample).copied().unwrap_or(false);
            indices.iter().copied().filter(|&sample| !there(sample)).collect()
        };
        missing.sort_unstable();
        missing.dedup();
        if !missing.is_empty() {
            self.keep(&missing)?;
        }
        let store = self.store.read();
        let gathered = store.columns.iter().map(|column| {
            let mut out = CpuBuffer::new(indices.len() * column.size)?;
            if column.size > 0 {
                let rows = out.bytes_mut().chunks_exact_mut(column.size).zip(indices);
                rows.for_each(|(to, &sample)| {
                    to.copy_from_slice(&column.bytes[sample * column.size..][..column.size]);
                });
            }
            let mut dims = vec![indices.len()];
            dims.extend_from_slice(&column.sample);
            let layout = Layout::dense(Shape::from(dims));
            Ok(Array::new(Storage::Cpu(Arc::new(out)), layout, column.dtype))
        });
        gathered.collect()
    }
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let there = self.store.read().there.iter().filter(|&&there| there).count();
        write!(f, "Cached({there} of {} samples)", self.data.len())
    }
}
