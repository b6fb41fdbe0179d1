//! `Windowed`: stretches of a series.

use gradus_tensor::{Array, Error, Problem, Result};

use crate::dataset::{Dataset, check_indices};
use crate::gather::{dense_host, gather};

const OP: &str = "windowed";

/// Options of [`Windowed`], those of Keras' `timeseries_dataset_from_array`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowOptions {
    /// Steps in a window.
    pub sequence_length: usize,
    /// Steps of the series from the start of a window to that of the next.
    pub sequence_stride: usize,
    /// Steps of the series from one step of a window to the next.
    pub sampling_rate: usize,
    /// The first step that windows use.
    pub start_index: usize,
    /// One past the last step that windows use; the end of the series unless given.
    pub end_index: Option<usize>,
}

impl WindowOptions {
    /// Windows of neighbouring steps, one starting at each.
    pub const fn new(sequence_length: usize) -> Self {
        WindowOptions {
            sequence_length,
            sequence_stride: 1,
            sampling_rate: 1,
            start_index: 0,
            end_index: None,
        }
    }
}

/// Windows of a series `[T, …]` as samples `[sequence_length, …]`; nothing is copied until a
/// batch is.
///
/// ```
/// use gradus_data::{Dataset, WindowOptions, Windowed};
/// use gradus_tensor::Array;
/// let series = Array::from_vec((0..8).map(|v| v as f32).collect(), [8])?;
/// // Three steps, and the two that follow them.
/// let data = Windowed::forecast(&series, 2, WindowOptions::new(3))?;
/// assert_eq!(data.len(), 4);
/// let batch = data.fetch(&[1])?;
/// assert_eq!(batch[0].to_vec::<f32>()?, [1.0, 2.0, 3.0]);
/// assert_eq!(batch[1].to_vec::<f32>()?, [4.0, 5.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Windowed {
    series: Array,
    target: Target,
    options: WindowOptions,
    len: usize,
}

#[derive(Clone, Debug)]
enum Target {
    None,
    /// A row for each start.
    Rows(Array),
    /// The steps that follow a window.
    Next(usize),
}

impl Windowed {
    /// Windows, with the target of the same number as their first step, if there are targets.
    /// The series may be longer than the targets.
    ///
    /// # Errors
    /// `Kind::Argument` for a length, stride or rate of 0, or an end outside the series;
    /// `Kind::Shape` for a series without dimensions.
    pub fn new(series: &Array, targets: Option<&Array>, options: WindowOptions) -> Result<Self> {
        let starts = starts(series, &options, 0)?;
        let starts = match targets.map(|targets| targets.shape().dims().first()) {
            None => starts,
            Some(Some(&targets)) => starts.min(targets.saturating_sub(options.start_index)),
            Some(None) => return Err(rank("targets", targets.unwrap_or(series))),
        };
        let target = match targets {
            None => Target::None,
            Some(targets) => Target::Rows(dense_host(targets.clone())?),
        };
        Self::from_starts(series, target, options, starts)
    }

    /// Windows, and the `horizon` steps after each as targets: `[horizon, …]`, at the same rate.
    ///
    /// # Errors
    /// As [`Windowed::new`]; `Kind::Argument` for a horizon of 0.
    pub fn forecast(series: &Array, horizon: usize, options: WindowOptions) -> Result<Self> {
        if horizon == 0 {
            return Err(Error::argument(OP, "horizon", 0, "at least 1"));
        }
        let starts = starts(series, &options, horizon)?;
        Self::from_starts(series, Target::Next(horizon), options, starts)
    }

    fn from_starts(
        series: &Array,
        target: Target,
        options: WindowOptions,
        starts: usize,
    ) -> Result<Self> {
        let len = starts.div_ceil(options.sequence_stride);
        Ok(Windowed { series: dense_host(series.clone())?, target, options, len })
    }

    /// `count` steps from step `from` of each window on: `[windows, count, …]`.
    fn steps(&self, starts: &[usize], from: usize, count: usize) -> Result<Array> {
        let step = |start: usize, step: usize| start + (from + step) * self.options.sampling_rate;
        let rows: Vec<usize> =
            starts.iter().flat_map(|&start| (0..count).map(move |at| step(start, at))).collect();
        let flat = gather(&self.series, &rows)?;
        let mut shape = vec![starts.len() as i64, count as i64];
        shape.extend(self.series.shape().dims()[1..].iter().map(|&size| size as i64));
        let view = flat.view(&shape)?;
        view.ok_or_else(|| Error::argument(OP, "layout", "strided", "a dense gather"))
    }
}

impl Dataset for Windowed {
    fn len(&self) -> usize {
        self.len
    }

    fn fetch(&self, indices: &[usize]) -> Result<Vec<Array>> {
        check_indices("fetch", indices, self.len)?;
        let WindowOptions { start_index, sequence_stride, sequence_length, .. } = self.options;
        let starts: Vec<usize> =
            indices.iter().map(|&index| start_index + index * sequence_stride).collect();
        let x = self.steps(&starts, 0, sequence_length)?;
        Ok(match &self.target {
            Target::None => vec![x],
            Target::Rows(targets) => vec![x, gather(targets, &starts)?],
            Target::Next(horizon) => vec![x, self.steps(&starts, sequence_length, *horizon)?],
        })
    }
}

/// The number of steps at which a window with `horizon` steps after it can start.
fn starts(series: &Array, options: &WindowOptions, horizon: usize) -> Result<usize> {
    let Some(&steps) = series.shape().dims().first() else {
        return Err(rank("series", series));
    };
    let sizes = [
        ("sequence_length", options.sequence_length),
        ("sequence_stride", options.sequence_stride),
        ("sampling_rate", options.sampling_rate),
    ];
    if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
        return Err(Error::argument(OP, name, 0, "at least 1"));
    }
    let end = options.end_index.unwrap_or(steps);
    if end > steps || options.start_index > end {
        let value = format!("{} to {end} of {steps} steps", options.start_index);
        return Err(Error::argument(OP, "range", value, "inside the series"));
    }
    let reach = options.sequence_length.saturating_add(horizon) - 1;
    let reach = reach.saturating_mul(options.sampling_rate);
    Ok((end - options.start_index).saturating_sub(reach))
}

fn rank(name: &'static str, array: &Array) -> Error {
    let problem = Problem::Rank { name, got: 0, expected: "at least 1" };
    Error::shape(OP, problem, &[(name, array.shape())])
}
