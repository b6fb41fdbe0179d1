//! `DataLoader`: batches of a dataset, in order or shuffled, fetched ahead, on a device.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use gradus_tensor::{Array, Device, Error, Kind, Operand, Problem, Result};

use crate::dataset::Dataset;
use crate::order::Order;
#[cfg(not(target_family = "wasm"))]
use crate::prefetch::Ahead;

const OP: &str = "data_loader";
const DEFAULT_PREFETCH: usize = 2;

/// The loader of raw arrays.
pub type DataLoader = Loader<Array>;

/// Batches of a dataset. Iterating over it is one epoch; the next iteration is the next epoch,
/// with another order if shuffled.
///
/// `T` is what the batches are made of: [`Array`] in this crate (under the name [`DataLoader`]),
/// any type made from an array in layers above.
///
/// The order depends on seed and epoch alone. On native targets one background thread fetches up
/// to [`prefetch`](Loader::prefetch) batches ahead; it changes when work is done, never the
/// batches. The move to a device happens in the consumer's thread.
///
/// ```
/// use gradus_data::{DataLoader, TensorDataset};
/// use gradus_tensor::Array;
///
/// let x = Array::from_vec((0..10).map(|v| v as f32).collect(), [10, 1])?;
/// let y = Array::from_vec((0..10).collect::<Vec<i32>>(), [10])?;
/// let data = TensorDataset::pair(x, y)?;
/// let loader = DataLoader::new(&data).batch_size(4);
/// let mut sizes = Vec::new();
/// for batch in &loader {
///     let (x, y) = batch?;
///     assert_eq!(x.to_vec::<f32>()?[0], y.to_vec::<i32>()?[0] as f32);
///     sizes.push(y.shape()[0]);
/// }
/// assert_eq!(sizes, [4, 4, 2]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub struct Loader<T> {
    dataset: Arc<dyn Dataset>,
    batch_size: usize,
    order: Order,
    drop_last: bool,
    prefetch: usize,
    device: Option<Device>,
    /// The epoch of the next iteration.
    epoch: AtomicU64,
    /// Batches that the next iteration leaves out at its start.
    skip: AtomicUsize,
    convert: PhantomData<fn() -> T>,
}

impl<T> Loader<T> {
    /// A loader of one sample at a time, in order. Takes a handle of the dataset: cloning must be
    /// cheap, as for [`TensorDataset`](crate::TensorDataset) and every `Arc`.
    pub fn new<D: Dataset + Clone + 'static>(dataset: &D) -> Self {
        Loader {
            dataset: Arc::new(dataset.clone()),
            batch_size: 1,
            order: Order::Sequential,
            drop_last: false,
            prefetch: DEFAULT_PREFETCH,
            device: None,
            epoch: AtomicU64::new(0),
            skip: AtomicUsize::new(0),
            convert: PhantomData,
        }
    }

    /// Samples per batch. Zero is reported as an error when iteration starts.
    #[must_use]
    pub fn batch_size(mut self, samples: usize) -> Self {
        self.batch_size = samples;
        self
    }

    /// Visits the samples in a random order that is another one in each epoch.
    #[must_use]
    pub fn shuffle(mut self, seed: u64) -> Self {
        self.order = Order::Shuffled { seed };
        self
    }

    /// Leaves out a last batch that is not full.
    #[must_use]
    pub fn drop_last(mut self, drop: bool) -> Self {
        self.drop_last = drop;
        self
    }

    /// How many batches are fetched ahead, 2 unless said; 0 fetches each when it is asked for.
    /// Without threads (wasm) this has no effect.
    #[must_use]
    pub fn prefetch(mut self, batches: usize) -> Self {
        self.prefetch = batches;
        self
    }

    /// Puts every batch on `device`.
    #[must_use]
    pub fn to(mut self, device: &Device) -> Self {
        self.device = Some(device.clone());
        self
    }

    /// Numbers the next iteration, as when training resumes; it counts on from there.
    #[must_use]
    pub fn epoch(self, epoch: u64) -> Self {
        Loader { epoch: AtomicU64::new(epoch), ..self }
    }

    /// Leaves out the first batches of the next iteration, as when training resumes in the middle
    /// of an epoch; they are not fetched. Later iterations are whole.
    ///
    /// ```
    /// use gradus_data::{DataLoader, TensorDataset};
    /// use gradus_tensor::Array;
    /// let x = Array::from_vec((0..6).collect::<Vec<i32>>(), [6])?;
    /// let data = TensorDataset::pair(x.clone(), x)?;
    /// let loader = DataLoader::new(&data).batch_size(2).shuffle(1);
    /// let whole: Vec<_> = loader.iter().map(|b| b.unwrap().0.to_vec::<i32>().unwrap()).collect();
    /// let loader = DataLoader::new(&data).batch_size(2).shuffle(1).skip(2);
    /// let rest: Vec<_> = loader.iter().map(|b| b.unwrap().0.to_vec::<i32>().unwrap()).collect();
    /// assert_eq!(rest, whole[2..]);
    /// # Ok::<(), gradus_tensor::Error>(())
    /// ```
    #[must_use]
    pub fn skip(self, batches: usize) -> Self {
        Loader { skip: AtomicUsize::new(batches), ..self }
    }

    /// The number of batches in an epoch; 0 while the batch size is 0.
    pub fn len(&self) -> usize {
        match (self.batch_size, self.drop_last) {
            (0, _) => 0,
            (size, true) => self.samples() / size,
            (size, false) => self.samples().div_ceil(size),
        }
    }

    /// Whether an epoch has no batches.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of samples of the dataset.
    pub fn samples(&self) -> usize {
        self.dataset.len()
    }

    fn start(&self) -> Batches<T> {
        let epoch = self.epoch.fetch_add(1, Ordering::Relaxed);
        let first = self.skip.swap(0, Ordering::Relaxed).min(self.len());
        let job = Arc::new(Job {
            dataset: self.dataset.clone(),
            order: self.order.indices(self.samples(), epoch),
            batch_size: self.batch_size,
            first,
            batches: self.len(),
        });
        let mut batches = Batches {
            left: job.batches - first,
            device: self.device.clone(),
            convert: PhantomData,
            source: Source::Inline { next: first, job: job.clone() },
        };
        if self.batch_size == 0 {
            let error = Error::argument(OP, "batch_size", 0, "at least 1");
            (batches.left, batches.source) = (1, Source::Failed(Some(error)));
            return batches;
        }
        #[cfg(not(target_family = "wasm"))]
        // A single batch has nothing to be ahead of. A system that gives no thread is served
        // without one: the batches are the same.
        if self.prefetch > 0
            && batches.left > 1
            && let Ok(ahead) = Ahead::start(job, self.prefetch)
        {
            batches.source = Source::Ahead(ahead);
        }
        batches
    }
}

impl<T: From<Array>> Loader<T> {
    /// One epoch of `(x, y)` batches: what `for batch in &loader` runs over.
    pub fn iter(&self) -> Pairs<T> {
        Pairs { batches: self.start() }
    }

    /// One epoch of batches with any number of columns.
    pub fn batches(&self) -> Batches<T> {
        self.start()
    }
}

impl<T> fmt::Debug for Loader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataLoader")
            .field("samples", &self.samples())
            .field("batch_size", &self.batch_size)
            .field("order", &self.order)
            .field("drop_last", &self.drop_last)
            .field("prefetch", &self.prefetch)
            .field("device", &self.device)
            .field("epoch", &self.epoch)
            .finish()
    }
}

impl<T: From<Array>> IntoIterator for &Loader<T> {
    type Item = Result<(T, T)>;
    type IntoIter = Pairs<T>;

    fn into_iter(self) -> Pairs<T> {
        self.iter()
    }
}

impl<T: From<Array>> IntoIterator for Loader<T> {
    type Item = Result<(T, T)>;
    type IntoIter = Pairs<T>;

    fn into_iter(self) -> Pairs<T> {
        self.iter()
    }
}

/// The fetches of one epoch.
pub(crate) struct Job {
    dataset: Arc<dyn Dataset>,
    order: Vec<usize>,
    batch_size: usize,
    first: usize,
    batches: usize,
}

impl Job {
    /// The numbers of the batches to fetch.
    pub(crate) fn batches(&self) -> Range<usize> {
        self.first..self.batches
    }

    /// Batch number `batch`. A panic of the dataset becomes an error, so that it reaches the
    /// consumer and not only the thread it happened on.
    pub(crate) fn fetch(&self, batch: usize) -> Result<Vec<Array>> {
        let start = batch * self.batch_size;
        let end = (start + self.batch_size).min(self.order.len());
        let indices = &self.order[start..end];
        let fetched = catch_unwind(AssertUnwindSafe(|| self.dataset.fetch(indices)));
        let fetched = fetched.unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
        fetched
            .and_then(|columns| checked(columns, indices.len()))
            .map_err(|error| error.within(format!("batch {batch} of the data loader")))
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let value = format!("one that panics: {}", text.unwrap_or("without a message"));
    Error::argument(OP, "dataset", value, "a fetch that returns its errors")
}

fn checked(columns: Vec<Array>, samples: usize) -> Result<Vec<Array>> {
    for column in &columns {
        if column.shape().dims().first() != Some(&samples) {
            let problem =
                Problem::Rule { rule: "fetch must return one row per index in every column" };
            let operands = columns.iter().map(|c| Operand::new("column", c.shape())).collect();
            return Err(Kind::Shape { op: OP, problem, operands }.into());
        }
    }
    Ok(columns)
}

/// One epoch of batches, one `T` per column. Ends after the first error.
pub struct Batches<T> {
    source: Source,
    left: usize,
    device: Option<Device>,
    convert: PhantomData<fn() -> T>,
}

enum Source {
    Inline {
        next: usize,
        job: Arc<Job>,
    },
    #[cfg(not(target_family = "wasm"))]
    Ahead(Ahead),
    Failed(Option<Error>),
}

impl<T> Batches<T> {
    fn fetch(&mut self) -> Option<Result<Vec<Array>>> {
        match &mut self.source {
            Source::Inline { next, job } => {
                *next += 1;
                Some(job.fetch(*next - 1))
            }
            #[cfg(not(target_family = "wasm"))]
            Source::Ahead(ahead) => ahead.next(),
            Source::Failed(error) => error.take().map(Err),
        }
    }

    fn stop(&mut self) {
        (self.left, self.source) = (0, Source::Failed(None));
    }
}

impl<T: From<Array>> Iterator for Batches<T> {
    type Item = Result<Vec<T>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let moved = self.fetch()?.and_then(|columns| match &self.device {
            Some(device) => columns.iter().map(|c| c.to(device)).collect(),
            None => Ok(columns),
        });
        if moved.is_err() || self.left == 0 {
            self.stop();
        }
        Some(moved.map(|columns| columns.into_iter().map(T::from).collect()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error ends the epoch early.
        (self.left.min(1), Some(self.left))
    }
}

/// One epoch of `(x, y)` batches. Ends after the first error.
pub struct Pairs<T> {
    batches: Batches<T>,
}

impl<T: From<Array>> Iterator for Pairs<T> {
    type Item = Result<(T, T)>;

    fn next(&mut self) -> Option<Self::Item> {
        let columns = match self.batches.next()? {
            Ok(columns) => columns,
            Err(error) => return Some(Err(error)),
        };
        match <[T; 2]>::try_from(columns) {
            Ok([x, y]) => Some(Ok((x, y))),
            Err(columns) => {
                self.batches.stop();
                let expected = "2; `batches` gives any number of columns";
                let got = columns.len();
                Some(Err(Error::argument(OP, "number of columns", got, expected)))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.batches.size_hint()
    }
}

impl<T> fmt::Debug for Batches<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batches({} left)", self.left)
    }
}

impl<T> fmt::Debug for Pairs<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pairs({} left)", self.batches.left)
    }
}
