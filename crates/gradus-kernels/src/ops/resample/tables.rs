//! The tables of weights: which elements a result is made of, and how much of each.

use std::sync::{Arc, OnceLock};

#[cfg(feature = "gpu")]
use gradus_tensor::{Array, Device};
use gradus_tensor::{Error, Problem, Result, Shape};
use parking_lot::Mutex;

use super::{Bands, Weighted};
use crate::ops::sliding::Sliding;

/// What an average is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Divisor {
    /// The elements in the window.
    Inside,
    /// The positions in the window, padding included, but not what lies behind it.
    Padded,
    /// Nothing: a sum.
    One,
}

/// What a result is made of when a dimension changes its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// The element at the floored position, as in PyTorch and early OpenCV.
    Nearest,
    /// The element nearest to the position.
    NearestExact,
    /// A straight line between two elements.
    Linear,
    /// Keys' cubic through four elements; a = -0.75, and -0.5 with `antialias`.
    Cubic,
}

/// How a dimension is resampled to another size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// The weights' shape.
    pub filter: Filter,
    /// Whether the first and the last elements stay where they are, rather than the edges.
    pub align_corners: bool,
    /// Whether the filter widens when a dimension shrinks.
    pub antialias: bool,
    /// The factor to take in place of the ratio of sizes.
    pub scale_factor: Option<f64>,
}

/// What a table is made from; equal recipes make equal tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Recipe {
    input: usize,
    output: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sliding(Sliding, Divisor),
    Adaptive,
    /// The scale as bits.
    Sampled(Filter, bool, bool, Option<u64>),
}

/// A table and, once it is wanted, its transpose.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) there: Table,
    back: OnceLock<Table>,
}

/// The rows of a banded matrix.
#[derive(Debug)]
pub(in crate::ops) struct Table {
    /// Columns.
    pub(in crate::ops) input: usize,
    /// Where each row's weights begin and how many there are.
    rows: Vec<(usize, usize)>,
    /// The longest row; all are padded to it.
    pub(in crate::ops) width: usize,
    pub(super) weights: Vec<f64>,
    pub(super) narrow: Vec<f32>,
    /// The table where it was used last.
    #[cfg(feature = "gpu")]
    placed: Mutex<Option<Array>>,
}

impl Bands {
    /// Averages of windows that slide along dimension `d` of `shape`. Windows at the ends are
    /// clipped, those that `ceil_mode` adds too.
    ///
    /// # Errors
    /// What [`Sliding::output`] reports.
    pub fn average(
        op: &'static str,
        shape: &Shape,
        d: usize,
        window: Sliding,
        divisor: Divisor,
    ) -> Result<Self> {
        let input = shape[d];
        let output = window.output(op, input, shape)?;
        Ok(Bands::cached(Recipe { input, output, kind: Kind::Sliding(window, divisor) }))
    }

    /// Averages of `output` windows that divide `input` elements as evenly as can be.
    ///
    /// # Errors
    /// `Kind::Shape` when there are no elements to average.
    pub fn adaptive_average(
        op: &'static str,
        shape: &Shape,
        d: usize,
        output: usize,
    ) -> Result<Self> {
        let input = shape[d];
        if input == 0 && output > 0 {
            return Err(Error::shape(op, Problem::Empty, &[("x", shape)]));
        }
        Ok(Bands::cached(Recipe { input, output, kind: Kind::Adaptive }))
    }

    /// Dimension `d` of `shape` at another size.
    ///
    /// *Source*: PyTorch's `interpolate`; the antialiased filters are Pillow's.
    ///
    /// # Errors
    /// `Kind::Shape` when there are no elements, `Kind::Argument` for an output size of 0.
    pub fn sampled(
        op: &'static str,
        shape: &Shape,
        d: usize,
        output: usize,
        how: Sampling,
    ) -> Result<Self> {
        let input = shape[d];
        if input == 0 {
            return Err(Error::shape(op, Problem::Empty, &[("x", shape)]));
        }
        if !(1..=i32::MAX as usize).contains(&output) {
            return Err(Error::argument(op, "size", output, "at least 1 and below 2³¹"));
        }
        let scale = how.scale_factor.map(f64::to_bits);
        let kind = Kind::Sampled(how.filter, how.align_corners, how.antialias, scale);
        Ok(Bands::cached(Recipe { input, output, kind }))
    }

    /// The table of a recipe, made unless it was used lately: steps of a training ask for the same
    /// tables again and again.
    fn cached(recipe: Recipe) -> Self {
        /// Tables that are kept, the latest first.
        static RECENT: Mutex<Vec<(Recipe, Arc<Pair>)>> = Mutex::new(Vec::new());
        const KEPT: usize = 64;
        /// Larger tables are not kept.
        const LARGEST: usize = 1 << 16;
        let mut recent = RECENT.lock();
        let pair = match recent.iter().position(|(other, _)| *other == recipe) {
            Some(at) => {
                recent[..=at].rotate_right(1);
                recent[0].1.clone()
            }
            None => {
                let pair = Arc::new(Pair { there: recipe.table(), back: OnceLock::new() });
                if pair.there.weights.len() + recipe.input + recipe.output <= LARGEST {
                    recent.truncate(KEPT - 1);
                    recent.insert(0, (recipe, pair.clone()));
                }
                pair
            }
        };
        Bands { pair, transposed: false }
    }
}

impl Pair {
    pub(super) fn back(&self) -> &Table {
        self.back.get_or_init(|| self.there.transposed())
    }
}

impl Recipe {
    fn table(&self) -> Table {
        let input = self.input;
        match self.kind {
            Kind::Sliding(window, divisor) => {
                let row = |i| sliding_row(input, window, divisor, i);
                Table::build(input, self.output, row)
            }
            Kind::Adaptive => Table::build(input, self.output, |i| {
                let (start, end) = adaptive(i, input, self.output);
                (start, vec![1.0 / (end - start) as f64; end - start])
            }),
            Kind::Sampled(filter, align_corners, antialias, scale) => {
                let scale = Scale {
                    input,
                    output: self.output,
                    align_corners,
                    factor: scale.map(f64::from_bits),
                };
                Table::build(input, self.output, |i| match (filter, antialias) {
                    (Filter::Nearest, _) => (scale.nearest(i, false), vec![1.0]),
                    (Filter::NearestExact, _) => (scale.nearest(i, true), vec![1.0]),
                    (Filter::Linear, false) => scale.linear(i),
                    (Filter::Cubic, false) => scale.cubic(i),
                    (Filter::Linear, true) => scale.smooth(i, 2.0, triangle),
                    (Filter::Cubic, true) => scale.smooth(i, 4.0, |x| keys(x.abs(), -0.5)),
                })
            }
        }
    }
}

/// The window that adaptive pooling gives result `i`: where it starts and where it ends.
pub(in crate::ops) fn adaptive(i: usize, input: usize, output: usize) -> (usize, usize) {
    // Products of sizes that an array has fit 128 bits.
    let (wide, i, count) = (input as u128, i as u128, output as u128);
    ((i * wide / count) as usize, ((i + 1) * wide).div_ceil(count) as usize)
}

fn sliding_row(input: usize, w: Sliding, divisor: Divisor, i: usize) -> (usize, Vec<f64>) {
    let end = (i * w.stride + w.kernel_size).min(input + 2 * w.padding);
    let positions = end - i * w.stride;
    let start = (i * w.stride).saturating_sub(w.padding);
    let inside = end.saturating_sub(w.padding).min(input).saturating_sub(start);
    let weight = match divisor {
        Divisor::Inside => 1.0 / inside.max(1) as f64,
        Divisor::Padded => 1.0 / positions as f64,
        Divisor::One => 1.0,
    };
    (start, vec![weight; inside])
}

/// Where results lie among the elements.
#[derive(Clone, Copy)]
struct Scale {
    input: usize,
    output: usize,
    align_corners: bool,
    factor: Option<f64>,
}

impl Scale {
    /// Elements from one result to the next.
    fn step(self) -> f64 {
        match self.factor {
            _ if self.align_corners && self.output > 1 => {
                (self.input - 1) as f64 / (self.output - 1) as f64
            }
            _ if self.align_corners => 0.0,
            Some(factor) => 1.0 / factor,
            None => self.input as f64 / self.output as f64,
        }
    }

    /// The element of result `i`; in float32, whose rounding decides which element it is.
    fn nearest(self, i: usize, exact: bool) -> usize {
        let step = match self.factor {
            Some(factor) => (1.0 / factor) as f32,
            None => self.input as f32 / self.output as f32,
        };
        let at = if exact { (i as f32 + 0.5) * step } else { i as f32 * step };
        (at.floor() as usize).min(self.input - 1)
    }

    /// Where result `i` lies.
    fn at(self, i: usize) -> f64 {
        if self.align_corners {
            return self.step() * i as f64;
        }
        self.step() * (i as f64 + 0.5) - 0.5
    }

    fn linear(self, i: usize) -> (usize, Vec<f64>) {
        let at = self.at(i).max(0.0);
        let start = (at as usize).min(self.input - 1);
        if start + 1 == self.input {
            return (start, vec![1.0]);
        }
        let part = (at - start as f64).clamp(0.0, 1.0);
        (start, vec![1.0 - part, part])
    }

    fn cubic(self, i: usize) -> (usize, Vec<f64>) {
        let at = self.at(i);
        let floor = at.floor();
        let part = (at - floor).clamp(0.0, 1.0);
        let taps = [1.0 + part, part, 1.0 - part, 2.0 - part].map(|x| keys(x, -0.75));
        // Taps over the ends take the elements there.
        let last = self.input as i64 - 1;
        let place = |k: usize| (floor as i64 - 1 + k as i64).clamp(0, last) as usize;
        let start = place(0);
        let mut weights = vec![0.0; place(3) - start + 1];
        for (k, w) in taps.into_iter().enumerate() {
            weights[place(k) - start] += w;
        }
        (start, weights)
    }

    /// A filter of `size` elements, wider where the dimension shrinks.
    fn smooth(self, i: usize, size: f64, filter: impl Fn(f64) -> f64) -> (usize, Vec<f64>) {
        let step = self.step();
        let wide = step.max(1.0);
        let support = size / 2.0 * wide;
        let center = step * (i as f64 + 0.5);
        let start = ((center - support + 0.5).max(0.0) as usize).min(self.input);
        let end = ((center + support + 0.5).max(0.0) as usize).clamp(start, self.input);
        let mut weights: Vec<f64> =
            (start..end).map(|j| filter((j as f64 - center + 0.5) / wide)).collect();
        let total: f64 = weights.iter().sum();
        if total != 0.0 {
            weights.iter_mut().for_each(|w| *w /= total);
        }
        (start.min(self.input - 1), weights)
    }
}

fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// Keys' cubic convolution kernel at the distance x ≥ 0 (IEEE TASSP 29, 1981).
fn keys(x: f64, a: f64) -> f64 {
    if x < 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    } else {
        0.0
    }
}

impl Table {
    fn build(input: usize, output: usize, row: impl Fn(usize) -> (usize, Vec<f64>)) -> Self {
        let all: Vec<(usize, Vec<f64>)> = (0..output).map(|i| trimmed(row(i))).collect();
        let width = all.iter().map(|(_, weights)| weights.len()).max().unwrap_or(0);
        let mut weights = vec![0.0; output * width];
        for (i, (_, row)) in all.iter().enumerate() {
            weights[i * width..][..row.len()].copy_from_slice(row);
        }
        let rows = all.iter().map(|(start, row)| (*start, row.len())).collect();
        let narrow = weights.iter().map(|&w| w as f32).collect();
        Table {
            input,
            rows,
            width,
            weights,
            narrow,
            #[cfg(feature = "gpu")]
            placed: Mutex::new(None),
        }
    }

    /// How many rows there are.
    pub(in crate::ops) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The first element of row `i`.
    #[inline(always)]
    pub(super) fn start(&self, i: usize) -> usize {
        self.rows[i].0
    }

    /// The weights of row `i`.
    #[inline(always)]
    pub(super) fn taps<T: Weighted>(&self, i: usize) -> &[T] {
        &T::weights(self)[i * self.width..][..self.rows[i].1]
    }

    pub(super) fn is_identity(&self) -> bool {
        let own = |(i, &(start, count)): (usize, &(usize, usize))| start == i && count == 1;
        self.input == self.len()
            && self.rows.iter().enumerate().all(own)
            && self.weights.iter().all(|&w| w == 1.0)
    }

    fn transposed(&self) -> Table {
        // The rows that hold a column, from the first to the last of them.
        let mut ends = vec![(usize::MAX, 0); self.input];
        for (i, &(start, count)) in self.rows.iter().enumerate() {
            for end in &mut ends[start..start + count] {
                *end = (end.0.min(i), i + 1);
            }
        }
        Table::build(self.len(), self.input, |column| {
            let (first, last) = ends[column];
            let weight = |i: usize| {
                let j = column.checked_sub(self.start(i));
                j.and_then(|j| self.taps::<f64>(i).get(j)).copied().unwrap_or(0.0)
            };
            (first.min(last), (first..last).map(weight).collect())
        })
    }

    /// The table as words on a device: starts, counts, then the padded rows.
    ///
    /// # Errors
    /// `Kind::OutOfMemory` when there is no more memory.
    #[cfg(feature = "gpu")]
    pub(in crate::ops) fn on(&self, device: &Device) -> Result<Array> {
        let mut placed = self.placed.lock();
        if let Some(array) = placed.as_ref().filter(|array| array.device() == *device) {
            return Ok(array.clone());
        }
        let starts = self.rows.iter().map(|&(start, _)| start as u32);
        let counts = self.rows.iter().map(|&(_, count)| count as u32);
        let weights = self.narrow.iter().map(|w| w.to_bits());
        let words: Vec<u32> = starts.chain(counts).chain(weights).collect();
        let array = Array::from_slice(&words, words.len())?.to(device)?;
        *placed = Some(array.clone());
        Ok(array)
    }
}

/// A row without the zeros at its ends.
fn trimmed((start, mut weights): (usize, Vec<f64>)) -> (usize, Vec<f64>) {
    while weights.last() == Some(&0.0) {
        weights.pop();
    }
    let zeros = weights.iter().take_while(|&&w| w == 0.0).count();
    (if weights.is_empty() { 0 } else { start + zeros }, weights.split_off(zeros))
}
