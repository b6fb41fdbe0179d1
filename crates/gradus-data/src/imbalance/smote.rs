//! SMOTE: samples of small classes made up between neighbours.

use gradus_tensor::{Array, DType, Device, Error, Problem, Result};

use super::Strategy;
use super::strategy::Direction;
use crate::labels::Labels;
use crate::random::Purpose;

const OP: &str = "smote";
const DEFAULT_NEIGHBORS: usize = 5;
#[cfg(feature = "gpu")]
const SPARE: usize = 8;

/// Makes up samples of the smaller classes: each lies at a random place on the line from a random
/// sample to a random one of its `k_neighbors` nearest of the same class (Euclidean distance, found
/// exactly), until all classes are as large as the largest, or as the [`Strategy`] says.
///
/// ```
/// use gradus_data::Smote;
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![0.0f32, 0.0, 2.0, 4.0, 9.0, 9.0, 9.0, 8.0, 8.0, 9.0], [5, 2])?;
/// let y = Array::from_vec(vec![1i32, 1, 0, 0, 0], [5])?;
/// let (x, y) = Smote::new(7).k_neighbors(1).fit_resample(&x, &y)?;
/// assert_eq!(y.to_vec::<i32>()?, [1, 1, 0, 0, 0, 1]);
/// let made = &x.to_vec::<f32>()?[10..];
/// assert!((made[1] - 2.0 * made[0]).abs() < 1e-6 && (0.0..=2.0).contains(&made[0]));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// *Source*: N. Chawla, K. Bowyer, L. Hall, W. Kegelmeyer, "SMOTE: Synthetic Minority Over-sampling
/// Technique", JAIR 16, 2002; arXiv:1106.1813. Which samples are chosen follows imbalanced-learn.
#[derive(Clone, Debug)]
pub struct Smote {
    seed: u64,
    k_neighbors: usize,
    strategy: Strategy,
}

impl Smote {
    /// Five neighbours; all classes grow to the size of the largest.
    pub const fn new(seed: u64) -> Self {
        Smote { seed, k_neighbors: DEFAULT_NEIGHBORS, strategy: Strategy::Auto }
    }

    /// Another number of neighbours.
    #[must_use]
    pub fn k_neighbors(self, k_neighbors: usize) -> Self {
        Smote { k_neighbors, ..self }
    }

    /// Grows classes to other sizes.
    #[must_use]
    pub fn strategy(self, strategy: Strategy) -> Self {
        Smote { strategy, ..self }
    }

    /// All samples `x` `[N, …]` (float32 or float64) and labels `y` `[N]` in their order, then the
    /// made ones, class by class. The labels come as int32 `[M]`. Both are where `x` and `y` are.
    ///
    /// Where `x` is on a GPU, the neighbours are looked for there by matrix products in float32;
    /// the nearest few are then compared exactly, so the result is the CPU's, unless more samples
    /// than these few are as near as rounding can tell.
    ///
    /// *Cost*: time `samples² · features` of each class that grows.
    ///
    /// # Errors
    /// `Kind::Argument` for a class that grows with no more than `k_neighbors` samples, or a
    /// strategy that these classes cannot follow; `Kind::Shape` and `Kind::DType` when `labels` are
    /// not whole numbers `[N]` or `x` are not numbers with as many rows.
    pub fn fit_resample(&self, x: &Array, y: &Array) -> Result<(Array, Array)> {
        let labels = Labels::read(OP, y)?;
        let dims = x.shape().dims();
        let samples = labels.values().len();
        if dims.first() != Some(&samples) {
            let (got, expected) = (dims.first().copied().unwrap_or(0), samples);
            let problem = Problem::Size { name: "x", got, unit: "samples", other: "y", expected };
            return Err(Error::shape(OP, problem, &[("x", x.shape()), ("y", y.shape())]));
        }
        let width: usize = dims[1..].iter().product();
        let mut values = numbers(x)?;
        let mut out: Vec<i64> = labels.values().to_vec();
        let classes = labels.classes();
        let targets = self.strategy.targets(OP, &classes, Direction::Over)?;
        let mut words = Purpose::Resample.words(self.seed);
        for (&class, members) in &classes {
            let wanted = targets[&class] - members.len();
            if wanted == 0 {
                continue;
            }
            if members.len() <= self.k_neighbors || self.k_neighbors == 0 {
                let value = format!("{} for {} of class {class}", self.k_neighbors, members.len());
                let expected = "at least 1 and less than the class has samples";
                return Err(Error::argument(OP, "k_neighbors", value, expected));
            }
            let rows: Vec<&[f64]> =
                members.iter().map(|&m| &values[m * width..][..width]).collect();
            let near = Near::new(&rows, self.k_neighbors, &x.device())?;
            let mut neighbors: Vec<Option<Vec<usize>>> = vec![None; rows.len()];
            let mut made = Vec::with_capacity(wanted * width);
            for _ in 0..wanted {
                let from = words.below(rows.len());
                let near =
                    neighbors[from].get_or_insert_with(|| near.of(&rows, from, self.k_neighbors));
                let (to, step) = (near[words.below(near.len())], words.unit());
                let line = rows[from].iter().zip(rows[to]);
                made.extend(line.map(|(from, to)| from + step * (to - from)));
            }
            values.extend(made);
            out.resize(out.len() + wanted, class);
        }
        let mut shape = dims.to_vec();
        shape[0] = out.len();
        let all_y = Array::from_vec(out, [shape[0]])?;
        let all_x = match x.dtype() {
            DType::F64 => Array::from_vec(values, shape)?,
            _ => Array::from_vec(values.iter().map(|&v| v as f32).collect(), shape)?,
        };
        Ok((all_x.to(&x.device())?, all_y.to(&y.device())?))
    }
}

/// Which rows can be the nearest ones of a row.
enum Near {
    All(usize),
    /// Those that a GPU found, so many for each row, the row itself among them.
    #[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "nobody else finds them"))]
    Found(Vec<i32>, usize),
}

impl Near {
    #[cfg_attr(not(feature = "gpu"), allow(clippy::unnecessary_wraps, reason = "a GPU may fail"))]
    fn new(rows: &[&[f64]], k: usize, device: &Device) -> Result<Self> {
        #[cfg(feature = "gpu")]
        if !device.is_cpu() {
            // The row itself, and some that rounding puts in front of the nearest.
            let count = (k + 1 + SPARE).min(rows.len());
            return Ok(Near::Found(found(rows, count, device)?, count));
        }
        let _ = (k, device);
        Ok(Near::All(rows.len()))
    }

    /// The `k` rows nearest to the row `of`, itself left out; of equally near ones the first.
    fn of(&self, rows: &[&[f64]], of: usize, k: usize) -> Vec<usize> {
        match self {
            Near::All(n) => nearest(rows, of, 0..*n, k),
            Near::Found(all, count) => {
                let found = all[of * count..][..*count].iter().map(|&row| row as usize);
                nearest(rows, of, found, k)
            }
        }
    }
}

/// For each row the `count` rows whose distance is least in float32.
#[cfg(feature = "gpu")]
fn found(rows: &[&[f64]], count: usize, device: &Device) -> Result<Vec<i32>> {
    use gradus_kernels::{Binary, Value, matmul, topk};
    /// Distances that are computed at once.
    const AT_ONCE: usize = 1 << 24;
    let (n, width) = (rows.len(), rows[0].len());
    let mut mean = vec![0.0; width];
    for row in rows {
        mean.iter_mut().zip(*row).for_each(|(mean, v)| *mean += v / n as f64);
    }
    // Around their mean, so that little is lost where squares are subtracted.
    let centered: Vec<f32> =
        rows.iter().flat_map(|row| row.iter().zip(&mean).map(|(v, m)| (v - m) as f32)).collect();
    let half_squares: Vec<f32> = centered
        .chunks(width.max(1))
        .map(|row| row.iter().map(|v| v * v).sum::<f32>() / 2.0)
        .collect();
    let points = Array::from_vec(centered, [n, width])?.to(device)?;
    let half_squares = Value::from(Array::from_vec(half_squares, [1, n])?.to(device)?);
    let across = Value::from(points.transpose(0, 1)?);
    let at_once = (AT_ONCE / n).max(1);
    let mut all = Vec::with_capacity(n * count);
    for start in (0..n).step_by(at_once) {
        let some = Value::from(points.narrow(0, start, at_once.min(n - start))?);
        // |a - b|² / 2 without |a|², which is the same for all b; the largest is the nearest.
        let close = Value::binary(Binary::sub, &matmul(&some, &across)?, &half_squares)?;
        let (_, indices) = topk(&close, count, 1, true)?;
        all.extend(indices.array()?.to_vec::<i32>()?);
    }
    Ok(all)
}

fn nearest(rows: &[&[f64]], of: usize, among: impl Iterator<Item = usize>, k: usize) -> Vec<usize> {
    let distance =
        |row: &[f64]| -> f64 { row.iter().zip(rows[of]).map(|(a, b)| (a - b) * (a - b)).sum() };
    let others = among.filter(|&row| row != of);
    let mut near: Vec<(f64, usize)> = others.map(|row| (distance(rows[row]), row)).collect();
    let by_distance = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    near.select_nth_unstable_by(k - 1, by_distance);
    near.truncate(k);
    near.sort_by(by_distance);
    near.into_iter().map(|(_, row)| row).collect()
}

fn numbers(x: &Array) -> Result<Vec<f64>> {
    match x.dtype() {
        DType::F64 => x.to_vec::<f64>(),
        _ => Ok(x.to_vec::<f32>()?.into_iter().map(f64::from).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_the_nearest() {
        let points: Vec<[f64; 1]> = [0.0, 5.0, 1.0, 7.0, 4.5].map(|v| [v]).to_vec();
        let rows: Vec<&[f64]> = points.iter().map(|p| &p[..]).collect();
        assert_eq!(nearest(&rows, 0, 0..5, 2), [2, 4]);
        assert_eq!(nearest(&rows, 1, 0..5, 3), [4, 3, 2]);
        assert_eq!(nearest(&rows, 3, 0..5, 4), [1, 4, 2, 0]);
    }
}
