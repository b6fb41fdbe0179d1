//! `DataLoader`: batches of a dataset, in order or shuffled, fetched ahead, on a device.

#[cfg(not(target_family = "wasm"))]
mod ahead;
mod batches;
mod job;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use gradus_tensor::{Array, Device, Error, Result};

pub use self::batches::{Batches, Pairs};
use self::job::{Job, repeats};
use crate::convert::ToFloat;
use crate::dataset::{Dataset, check_indices};
use crate::samplers::{RandomSampler, Sampler, SequentialSampler};
use crate::transform::Transform;

const OP: &str = "data_loader";
const DEFAULT_PREFETCH: usize = 2;
const DEFAULT_WORKERS: usize = 1;

/// The loader of raw arrays.
pub type DataLoader = Loader<Array>;

/// Batches of a dataset. Iterating over it is one epoch; the next iteration is the next epoch,
/// with another order if shuffled.
///
/// `T` is what the batches are made of: [`Array`] in this crate (under the name [`DataLoader`]),
/// any type made from an array in layers above.
///
/// The order and the random numbers of transforms depend on seed, epoch and sample alone. On native
/// targets [`num_workers`](Loader::num_workers) threads fetch up to [`prefetch`](Loader::prefetch)
/// batches ahead; they change when work is done, never the batches. The move to a device happens in
/// the consumer's thread.
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
    sampler: Arc<dyn Sampler>,
    /// The seed of the transforms.
    seed: u64,
    drop_last: bool,
    prefetch: usize,
    workers: usize,
    transforms: Vec<Arc<dyn Transform>>,
    conversions: Vec<(usize, ToFloat)>,
    on_device: Vec<Arc<dyn Transform>>,
    device: Option<Device>,
    /// The epoch of the next iteration.
    epoch: AtomicU64,
    /// Batches that the next iteration leaves out at its start.
    skip: AtomicUsize,
    convert: PhantomData<fn() -> T>,
}

/// A place in the sequence of batches: before batch `batch` of epoch `epoch`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The number of the epoch.
    pub epoch: u64,
    /// The number of the batch in its epoch.
    pub batch: usize,
}

impl<T> Loader<T> {
    /// A loader of one sample at a time, in order. Takes a handle of the dataset: cloning must be
    /// cheap, as for [`TensorDataset`](crate::TensorDataset) and every `Arc`.
    pub fn new<D: Dataset + Clone + 'static>(dataset: &D) -> Self {
        Loader {
            dataset: Arc::new(dataset.clone()),
            batch_size: 1,
            sampler: Arc::new(SequentialSampler::new(dataset.len())),
            seed: 0,
            drop_last: false,
            prefetch: DEFAULT_PREFETCH,
            workers: DEFAULT_WORKERS,
            transforms: Vec::new(),
            conversions: Vec::new(),
            on_device: Vec::new(),
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

    /// Visits the samples in a random order that is another one in each epoch, and seeds the
    /// transforms.
    #[must_use]
    pub fn shuffle(mut self, seed: u64) -> Self {
        self.sampler = Arc::new(RandomSampler::new(self.dataset.len(), seed));
        self.seed(seed)
    }

    /// Visits the samples that `sampler` says, in its order.
    #[must_use]
    pub fn sampler(mut self, sampler: impl Sampler + 'static) -> Self {
        self.sampler = Arc::new(sampler);
        self
    }

    /// Seeds the transforms, 0 unless said, and leaves the order as it is.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Leaves out a last batch that is not full.
    #[must_use]
    pub fn drop_last(mut self, drop: bool) -> Self {
        self.drop_last = drop;
        self
    }

    /// How many batches are fetched ahead, 2 unless said, and one per worker at least; 0 fetches
    /// each when it is asked for. Without threads (wasm) this has no effect.
    #[must_use]
    pub fn prefetch(mut self, batches: usize) -> Self {
        self.prefetch = batches;
        self
    }

    /// How many threads fetch and transform, 1 unless said; 0 leaves it to the consumer's. More
    /// pay off where samples are decoded or transformed. The batches stay the same.
    #[must_use]
    pub fn num_workers(mut self, threads: usize) -> Self {
        self.workers = threads;
        self
    }

    /// Changes every batch by `transform` after those given before, on a worker, with the columns
    /// in host memory.
    #[must_use]
    pub fn transform(mut self, transform: impl Transform + 'static) -> Self {
        self.transforms.push(Arc::new(transform));
        self
    }

    /// Converts a byte column to floats after the transforms; on the device, if there is one, so
    /// that it is moved as bytes.
    ///
    /// ```
    /// use gradus_data::{DataLoader, TensorDataset, ToFloat};
    /// use gradus_tensor::Array;
    /// let x = Array::from_vec(vec![0u8, 255], [2, 1])?;
    /// let data = TensorDataset::pair(x.clone(), x)?;
    /// let to_float = ToFloat::normalized(&[0.5], &[0.5])?;
    /// let loader = DataLoader::new(&data).batch_size(2).convert(0, to_float);
    /// let (x, y) = loader.iter().next().unwrap()?;
    /// assert_eq!(x.to_vec::<f32>()?, [-1.0, 1.0]);
    /// assert_eq!(y.to_vec::<u8>()?, [0, 255]);
    /// # Ok::<(), gradus_tensor::Error>(())
    /// ```
    #[must_use]
    pub fn convert(mut self, column: usize, to: ToFloat) -> Self {
        self.conversions.push((column, to));
        self
    }

    /// Changes every batch by `transform` when it is on its device, in the consumer's thread.
    #[must_use]
    pub fn transform_on_device(mut self, transform: impl Transform + 'static) -> Self {
        self.on_device.push(Arc::new(transform));
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

    /// Starts the next iteration at a position that [`Batches::position`] said.
    #[must_use]
    pub fn resume(self, at: Position) -> Self {
        self.epoch(at.epoch).skip(at.batch)
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

    /// The number of samples that an epoch visits: those of the dataset, unless a sampler says
    /// otherwise.
    pub fn samples(&self) -> usize {
        self.sampler.len()
    }

    fn start(&self) -> Batches<T> {
        let epoch = self.epoch.fetch_add(1, Ordering::Relaxed);
        let first = self.skip.swap(0, Ordering::Relaxed).min(self.len());
        match self.job(epoch, first) {
            Ok(job) => Batches::new(job, self.device.clone(), self.prefetch, self.workers),
            Err(error) => Batches::failed(error, Position { epoch, batch: first }),
        }
    }

    fn job(&self, epoch: u64, first: usize) -> Result<Job> {
        if self.batch_size == 0 {
            return Err(Error::argument(OP, "batch_size", 0, "at least 1"));
        }
        let order = self.sampler.indices(epoch);
        check_indices("sampler", &order, self.dataset.len())?;
        if order.len() != self.samples() {
            let value = format!("{} for a length of {}", order.len(), self.samples());
            return Err(Error::argument(
                OP,
                "number of the sampler's indices",
                value,
                "its length",
            ));
        }
        let late = self.device.as_ref().is_some_and(|device| !device.is_cpu());
        let stored = late && self.transforms.is_empty();
        let mut conversions = Vec::new();
        if stored {
            let of_dataset = self.dataset.conversions().into_iter().enumerate();
            conversions.extend(of_dataset.filter_map(|(column, to)| Some((column, to?))));
        }
        conversions.extend(self.conversions.iter().cloned());
        Ok(Job {
            dataset: self.dataset.clone(),
            repeats: self.sampler.repeats().then(|| repeats(&order)),
            order,
            seed: self.seed,
            epoch,
            batch_size: self.batch_size,
            first,
            batches: self.len(),
            stored,
            late,
            transforms: self.transforms.as_slice().into(),
            conversions,
            on_device: self.on_device.as_slice().into(),
        })
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
            .field("sampler", &self.sampler)
            .field("seed", &self.seed)
            .field("drop_last", &self.drop_last)
            .field("prefetch", &self.prefetch)
            .field("num_workers", &self.workers)
            .field("transforms", &self.transforms.len())
            .field("device", &self.device)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
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
