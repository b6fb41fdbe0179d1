//! `train_test_split`: two parts without common samples, with equal shares of classes if asked.

use gradus_tensor::{Array, Error, Result};

use crate::labels::Labels;
use crate::random::{Purpose, Words};

const OP: &str = "train_test_split";
const DEFAULT_TEST: f64 = 0.25;

/// How many samples a part has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Portion {
    /// This share of all samples, above 0 and below 1.
    Fraction(f64),
    /// This many.
    Count(usize),
}

impl From<f64> for Portion {
    fn from(fraction: f64) -> Self {
        Portion::Fraction(fraction)
    }
}

impl From<usize> for Portion {
    fn from(count: usize) -> Self {
        Portion::Count(count)
    }
}

/// Options of [`train_test_split`], scikit-learn's.
#[derive(Clone, Debug)]
pub struct TrainTestSplit {
    /// Size of the part to test; a fraction is rounded up. What the other part leaves if only that
    /// is given, a quarter if neither is.
    pub test_size: Option<Portion>,
    /// Size of the part to train; a fraction is rounded down. What the other part leaves if not
    /// given.
    pub train_size: Option<Portion>,
    /// Seed of the random choice.
    pub seed: u64,
    /// Whether samples are chosen at random; otherwise the first ones train.
    pub shuffle: bool,
    /// Classes `[N]` whose shares are kept in both parts.
    pub stratify: Option<Array>,
}

impl Default for TrainTestSplit {
    /// A random quarter to test, seed 0.
    fn default() -> Self {
        TrainTestSplit { test_size: None, train_size: None, seed: 0, shuffle: true, stratify: None }
    }
}

/// Sample numbers to train and to test, as scikit-learn's function of this name chooses sizes: for
/// [`TensorDataset::subset`](crate::TensorDataset::subset) and [`Subset`](crate::Subset).
///
/// With `stratify`, each class is rounded to whole samples by the largest remainders, and classes
/// with equal remainders are chosen among at random.
///
/// ```
/// use gradus_data::{TrainTestSplit, train_test_split};
/// use gradus_tensor::Array;
/// let y: Vec<i32> = (0..100).map(|i| (i % 5 == 0).into()).collect(); // 20 of 100
/// let stratify = Some(Array::from_vec(y.clone(), [100])?);
/// let options = TrainTestSplit { test_size: Some(0.3.into()), stratify, ..Default::default() };
/// let (train, test) = train_test_split(100, &options)?;
/// assert_eq!((train.len(), test.len()), (70, 30));
/// assert_eq!(test.iter().filter(|&&i| y[i] == 1).count(), 6);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Argument` when a part would have no samples or both more than there are, a fraction
/// lies outside 0 to 1, `stratify` is given without `shuffle` or does not label each sample, a
/// class has one sample only or a part has fewer samples than there are classes.
pub fn train_test_split(
    samples: usize,
    options: &TrainTestSplit,
) -> Result<(Vec<usize>, Vec<usize>)> {
    let (n_train, n_test) = sizes(samples, options)?;
    let mut words = Purpose::Split.words(options.seed);
    match &options.stratify {
        _ if !options.shuffle => {
            if options.stratify.is_some() {
                let expected = "true, to choose among the samples of a class";
                return Err(Error::argument(OP, "shuffle", "false with `stratify`", expected));
            }
            Ok(((0..n_train).collect(), (n_train..n_train + n_test).collect()))
        }
        None => {
            let mut order: Vec<usize> = (0..samples).collect();
            words.shuffle(&mut order);
            // The part to test is what does not depend on how much trains.
            let train = order[n_test..][..n_train].to_vec();
            order.truncate(n_test);
            Ok((train, order))
        }
        Some(labels) => stratified(samples, n_train, n_test, labels, &mut words),
    }
}

fn stratified(
    samples: usize,
    n_train: usize,
    n_test: usize,
    labels: &Array,
    words: &mut Words,
) -> Result<(Vec<usize>, Vec<usize>)> {
    let labels = Labels::read(OP, labels)?;
    labels.check_len(OP, samples)?;
    let mut classes = labels.classes();
    if let Some((class, _)) = classes.iter().find(|(_, samples)| samples.len() < 2) {
        let value = format!("one of class {class}");
        return Err(Error::argument(OP, "number of samples", value, "at least 2 of each class"));
    }
    for (name, size) in [("train_size", n_train), ("test_size", n_test)] {
        if size < classes.len() {
            let value = format!("{size} for {} classes", classes.len());
            return Err(Error::argument(OP, name, value, "a sample of each class"));
        }
    }
    let counts: Vec<usize> = classes.values().map(Vec::len).collect();
    let to_train = shares(&counts, n_train, words);
    let left: Vec<usize> = counts.iter().zip(&to_train).map(|(all, train)| all - train).collect();
    let to_test = shares(&left, n_test, words);
    let (mut train, mut test) = (Vec::with_capacity(n_train), Vec::with_capacity(n_test));
    for ((class, n_train), n_test) in classes.values_mut().zip(to_train).zip(to_test) {
        words.shuffle(class);
        train.extend_from_slice(&class[..n_train]);
        test.extend_from_slice(&class[n_train..][..n_test]);
    }
    words.shuffle(&mut train);
    words.shuffle(&mut test);
    Ok((train, test))
}

/// Shares of `total` in proportion to `counts`, rounded by the largest remainders.
fn shares(counts: &[usize], total: usize, words: &mut Words) -> Vec<usize> {
    let all: u128 = counts.iter().map(|&n| n as u128).sum();
    let exact = |n: usize| n as u128 * total as u128;
    let mut shares: Vec<usize> = counts.iter().map(|&n| (exact(n) / all.max(1)) as usize).collect();
    let missing = total - shares.iter().sum::<usize>();
    let mut classes: Vec<usize> = (0..counts.len()).collect();
    words.shuffle(&mut classes);
    // Stable, so that the shuffle decides between equal remainders.
    classes.sort_by_key(|&class| std::cmp::Reverse(exact(counts[class]) % all.max(1)));
    classes.iter().take(missing).for_each(|&class| shares[class] += 1);
    shares
}

fn sizes(samples: usize, options: &TrainTestSplit) -> Result<(usize, usize)> {
    let size = |name, portion, round: fn(f64) -> f64| match portion {
        Portion::Count(count) => Ok(count),
        Portion::Fraction(share) if share > 0.0 && share < 1.0 => {
            Ok(round(share * samples as f64) as usize)
        }
        Portion::Fraction(share) => {
            Err(Error::argument(OP, name, share, "above 0 and below 1, or a number of samples"))
        }
    };
    let test = |portion| size("test_size", portion, f64::ceil);
    let train = |portion| size("train_size", portion, f64::floor);
    let (n_train, n_test) = match (options.train_size, options.test_size) {
        (Some(a), Some(b)) => (train(a)?, test(b)?),
        (Some(a), None) => {
            let n_train = train(a)?;
            (n_train, samples.saturating_sub(n_train))
        }
        (None, b) => {
            let n_test = test(b.unwrap_or(Portion::Fraction(DEFAULT_TEST)))?;
            (samples.saturating_sub(n_test), n_test)
        }
    };
    if n_train == 0 || n_test == 0 || n_train.saturating_add(n_test) > samples {
        let value = format!("{n_train} to train and {n_test} to test of {samples}");
        let expected = "at least one sample each and not more than there are";
        return Err(Error::argument(OP, "size of the parts", value, expected));
    }
    Ok((n_train, n_test))
}
