//! `Collated`: datasets that make one sample at a time, and how samples become a batch.

use std::fmt;
use std::sync::Arc;

use gradus_tensor::{Array, CpuBuffer, Error, Kind, Layout, Problem, Result, Shape, Storage};

use crate::dataset::{Dataset, check_indices};
use crate::gather::{dense_host, stored};
use crate::rows::stack;

const OP: &str = "collate";

/// Samples that are made one at a time: decoded, parsed, simulated. [`Collated`] makes a
/// [`Dataset`] of them.
pub trait Items: Send + Sync {
    /// The number of samples.
    fn len(&self) -> usize;

    /// Whether there are no samples.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sample number `index`, below [`len`](Items::len): one array a column, without a dimension
    /// for the batch.
    ///
    /// # Errors
    /// Whatever making the sample can cause.
    fn get(&self, index: usize) -> Result<Vec<Array>>;
}

type Collate = dyn Fn(&[Vec<Array>]) -> Result<Vec<Array>> + Send + Sync;

/// The dataset of some [`Items`]: a batch is made by a function of its samples, that stacks them
/// unless another is given; PyTorch's `collate_fn`.
///
/// ```
/// use gradus_data::{Collated, DataLoader, Items, pad_collate};
/// use gradus_tensor::{Array, Result};
///
/// /// Sample `i` counts to `i`.
/// struct Counting;
/// impl Items for Counting {
///     fn len(&self) -> usize {
///         4
///     }
///     fn get(&self, index: usize) -> Result<Vec<Array>> {
///         Ok(vec![Array::from_vec((1..=index as i32).collect::<Vec<_>>(), [index])?])
///     }
/// }
///
/// let data = Collated::new(Counting).collate(pad_collate(0.0));
/// let loader = DataLoader::new(&data).batch_size(4);
/// let batch = loader.batches().next().unwrap()?;
/// assert_eq!(batch[0].to_vec::<i32>()?, [0, 0, 0, 1, 0, 0, 1, 2, 0, 1, 2, 3]);
/// assert_eq!(batch[1].to_vec::<i32>()?, [0, 1, 2, 3]); // the lengths
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Collated {
    items: Arc<dyn Items>,
    collate: Arc<Collate>,
}

impl Collated {
    /// Samples of equal shapes, which are stacked.
    pub fn new(items: impl Items + 'static) -> Self {
        Collated { items: Arc::new(items), collate: Arc::new(default_collate) }
    }

    /// Makes batches in another way.
    #[must_use]
    pub fn collate(
        self,
        collate: impl Fn(&[Vec<Array>]) -> Result<Vec<Array>> + Send + Sync + 'static,
    ) -> Self {
        Collated { collate: Arc::new(collate), ..self }
    }
}

impl Dataset for Collated {
    fn len(&self) -> usize {
        self.items.len()
    }

    fn fetch(&self, indices: &[usize]) -> Result<Vec<Array>> {
        check_indices("fetch", indices, self.len())?;
        let samples = indices.iter().map(|&index| {
            self.items.get(index).map_err(|e| e.within(format!("sample {index} of the dataset")))
        });
        (self.collate)(&samples.collect::<Result<Vec<_>>>()?)
    }
}

impl fmt::Debug for Collated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Collated({} samples)", self.items.len())
    }
}

/// Stacks the samples column by column.
///
/// # Errors
/// `Kind::Shape` and `Kind::DType` with the sample that is not like the first; `Kind::Argument`
/// for no samples or other numbers of columns.
pub fn default_collate(samples: &[Vec<Array>]) -> Result<Vec<Array>> {
    columns(samples)?.iter().map(|column| stack(OP, column)).collect()
}

/// Stacks the samples column by column, with those of a column that has one dimension filled up to
/// the longest by `value`. After the columns come the lengths of the first, int32 `[N]`.
///
/// # Errors
/// Those of [`default_collate`], from the function that is returned.
pub fn pad_collate(value: f64) -> impl Fn(&[Vec<Array>]) -> Result<Vec<Array>> + Clone {
    move |samples| {
        let columns = columns(samples)?;
        let sizes = columns[0].iter().map(|sample| sample.shape().dims().first().copied());
        let lengths: Vec<i64> = sizes.map(|size| size.unwrap_or(1) as i64).collect();
        let padded = columns.iter().map(|column| match column[0].shape().dims() {
            [_] => padded(column, value),
            _ => stack(OP, column),
        });
        let mut padded = padded.collect::<Result<Vec<_>>>()?;
        padded.push(Array::from_vec(lengths, [samples.len()])?);
        Ok(padded)
    }
}

fn columns(samples: &[Vec<Array>]) -> Result<Vec<Vec<Array>>> {
    let width = samples.first().map_or(0, Vec::len);
    if let Some(at) = samples.iter().position(|sample| sample.len() != width) {
        let value = format!("{} in sample {at}, {width} in the first", samples[at].len());
        return Err(Error::argument(OP, "number of columns", value, "the same in all samples"));
    }
    if width == 0 {
        return Err(Error::argument(
            OP,
            "number of columns",
            0,
            "at least 1, in one sample or more",
        ));
    }
    Ok((0..width).map(|at| samples.iter().map(|s| s[at].clone()).collect()).collect())
}

fn padded(column: &[Array], value: f64) -> Result<Array> {
    let dtype = column[0].dtype();
    let longest = column.iter().map(|sample| sample.shape().numel()).max().unwrap_or(0);
    let fill = crate::fill::element(OP, value, dtype)?;
    let mut out = CpuBuffer::new(column.len() * longest * dtype.size())?;
    out.bytes_mut().chunks_exact_mut(fill.len()).for_each(|to| to.copy_from_slice(&fill));
    for (at, sample) in column.iter().enumerate() {
        if sample.shape().rank() != 1 || sample.dtype() != dtype {
            let within = |error: Error| error.within(format!("sample {at}"));
            if sample.dtype() != dtype {
                let (got, expected) = (vec![dtype, sample.dtype()], "one type in a column");
                return Err(within(Kind::DType { op: OP, got, expected }.into()));
            }
            let got = sample.shape().rank();
            let problem = Problem::Rank { name: "sample", got, expected: "1, as the first" };
            return Err(within(Error::shape(OP, problem, &[("sample", sample.shape())])));
        }
        let bytes = sample.shape().numel() * dtype.size();
        let sample = dense_host(sample.clone())?;
        let row = at * longest * dtype.size();
        out.bytes_mut()[row..][..bytes].copy_from_slice(&stored(&sample)[..bytes]);
    }
    let layout = Layout::dense(Shape::new(&[column.len(), longest]));
    Ok(Array::new(Storage::Cpu(Arc::new(out)), layout, dtype))
}
