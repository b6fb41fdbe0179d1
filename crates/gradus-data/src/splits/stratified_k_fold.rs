//! `StratifiedKFold`: folds that keep the shares of classes.

use gradus_tensor::{Array, Error, Result};

use super::Fold;
use super::k_fold::{check, folds_of};
use crate::labels::Labels;
use crate::random::Purpose;

const OP: &str = "stratified_k_fold";

/// Divides samples into `n_splits` parts that hold each class in its share, within one sample;
/// without a seed into the same parts as scikit-learn's class of this name.
///
/// ```
/// use gradus_data::StratifiedKFold;
/// use gradus_tensor::Array;
/// let y = Array::from_vec(vec![0i32, 0, 0, 0, 1, 1], [6])?;
/// let folds = StratifiedKFold::new(2).split(&y)?;
/// assert_eq!((&folds[0].test[..], &folds[1].test[..]), (&[0, 1, 4][..], &[2, 3, 5][..]));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct StratifiedKFold {
    n_splits: usize,
    seed: Option<u64>,
}

impl StratifiedKFold {
    /// Parts of neighbours within each class, in order.
    pub const fn new(n_splits: usize) -> Self {
        StratifiedKFold { n_splits, seed: None }
    }

    /// Parts of random samples of each class.
    #[must_use]
    pub const fn shuffle(self, seed: u64) -> Self {
        StratifiedKFold { seed: Some(seed), ..self }
    }

    /// The folds of samples with the classes `labels`, whole numbers `[N]`.
    ///
    /// # Errors
    /// `Kind::Argument` for less than 2 splits, or more than the largest class has samples;
    /// `Kind::Shape` and `Kind::DType` when `labels` are not whole numbers `[N]`.
    pub fn split(&self, labels: &Array) -> Result<Vec<Fold>> {
        let labels = Labels::read(OP, labels)?;
        let samples = labels.values().len();
        check(OP, self.n_splits, samples)?;
        // Classes in the order of their first samples, as scikit-learn counts them.
        let mut classes: Vec<Vec<usize>> = labels.classes().into_values().collect();
        classes.sort_by_key(|class| class[0]);
        let largest = classes.iter().map(Vec::len).max().unwrap_or_default();
        if self.n_splits > largest {
            let value = format!("{} for classes of {largest} samples at most", self.n_splits);
            let expected = "no more than the largest class has samples";
            return Err(Error::argument(OP, "n_splits", value, expected));
        }
        let mut words = self.seed.map(|seed| Purpose::Split.words(seed));
        let mut fold_of = vec![0; samples];
        let mut start = 0;
        for class in classes {
            // Every `n_splits`-th of the samples sorted by class goes to the same fold.
            let mut folds: Vec<usize> =
                (start..start + class.len()).map(|place| place % self.n_splits).collect();
            start += class.len();
            folds.sort_unstable();
            if let Some(words) = &mut words {
                words.shuffle(&mut folds);
            }
            class.iter().zip(folds).for_each(|(&sample, fold)| fold_of[sample] = fold);
        }
        Ok(folds_of(&fold_of, self.n_splits))
    }
}
