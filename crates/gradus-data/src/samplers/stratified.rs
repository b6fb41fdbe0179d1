//! Every stretch of an epoch holds the classes in their shares.

use gradus_tensor::{Array, Result};

use super::Sampler;
use crate::labels::Labels;
use crate::random::Purpose;

/// Every sample once an epoch, random within its class, such that the first `t` samples of an
/// epoch hold each class less than one sample away from its share. A batch of any size then holds
/// each class within two samples of its share, where a plain shuffle deviates with the root of the
/// batch size.
///
/// ```
/// use gradus_data::{Sampler, StratifiedSampler};
/// use gradus_tensor::Array;
/// let y: Vec<i32> = (0..100).map(|i| (i % 10 == 0).into()).collect(); // ten of a hundred
/// let sampler = StratifiedSampler::new(&Array::from_vec(y.clone(), [100])?, 1)?;
/// for batch in sampler.indices(0).chunks(20) {
///     let rare = batch.iter().filter(|&&i| y[i] == 1).count();
///     assert!((1..=3).contains(&rare)); // two of twenty, within one
/// }
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// *Source*: R. Tijdeman, "The chairman assignment problem", Discrete Mathematics 32, 1980.
#[derive(Clone, Debug)]
pub struct StratifiedSampler {
    /// The samples of each class.
    classes: Vec<Vec<usize>>,
    samples: usize,
    seed: u64,
}

impl StratifiedSampler {
    /// For samples with the classes `labels`, whole numbers `[N]`.
    ///
    /// # Errors
    /// `Kind::Shape` and `Kind::DType` when `labels` are not whole numbers `[N]`.
    pub fn new(labels: &Array, seed: u64) -> Result<Self> {
        let labels = Labels::read("stratified_sampler", labels)?;
        let classes = labels.classes().into_values().collect();
        Ok(StratifiedSampler { classes, samples: labels.values().len(), seed })
    }

    /// The class of each place: among the classes that may come without getting a sample ahead,
    /// the one that would first be a sample behind. In units of 1 / (samples · 2 · (classes − 1)),
    /// so that everything is whole.
    fn pattern(&self) -> Vec<usize> {
        if self.classes.len() < 2 {
            return vec![0; self.samples];
        }
        let slack = 2 * (self.classes.len() as i128 - 1);
        let whole = self.samples as i128 * slack;
        let rates: Vec<i128> = self.classes.iter().map(|c| c.len() as i128 * slack).collect();
        let mut owed = vec![0i128; rates.len()];
        let place = |_| {
            owed.iter_mut().zip(&rates).for_each(|(owed, rate)| *owed += rate);
            let may = (0..rates.len()).filter(|&c| owed[c] * slack >= whole);
            // Time until class `c` is behind: (whole − whole / slack − owed) / rate.
            let deadline = |c: usize| whole * (slack - 1) - owed[c] * slack;
            let first =
                may.min_by(|&a, &b| (deadline(a) * rates[b]).cmp(&(deadline(b) * rates[a])));
            let first = first.unwrap_or_default();
            owed[first] -= whole;
            first
        };
        (0..self.samples).map(place).collect()
    }
}

impl Sampler for StratifiedSampler {
    fn len(&self) -> usize {
        self.samples
    }

    fn indices(&self, epoch: u64) -> Vec<usize> {
        let mut words = Purpose::Epoch(epoch).words(self.seed);
        let mut classes = self.classes.clone();
        classes.iter_mut().for_each(|class| words.shuffle(class));
        self.pattern().into_iter().filter_map(|class| classes[class].pop()).collect()
    }
}
