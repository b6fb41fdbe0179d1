//! `KFold`: every sample is tested once.

use gradus_tensor::{Error, Result};

use crate::random::Purpose;

/// Sample numbers of one of several divisions of a dataset, each in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// The samples to train with.
    pub train: Vec<usize>,
    /// The samples to test with.
    pub test: Vec<usize>,
}

/// Divides samples into `n_splits` parts of equal size, or one more; each is tested once.
///
/// ```
/// use gradus_data::KFold;
/// let folds = KFold::new(3).split(7)?;
/// let tests: Vec<_> = folds.iter().map(|fold| fold.test.clone()).collect();
/// assert_eq!(tests, [vec![0, 1, 2], vec![3, 4], vec![5, 6]]);
/// assert_eq!(folds[1].train, [0, 1, 2, 5, 6]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct KFold {
    n_splits: usize,
    seed: Option<u64>,
}

impl KFold {
    /// Parts of neighbours, in order.
    pub const fn new(n_splits: usize) -> Self {
        KFold { n_splits, seed: None }
    }

    /// Parts of random samples.
    #[must_use]
    pub const fn shuffle(self, seed: u64) -> Self {
        KFold { seed: Some(seed), ..self }
    }

    /// The folds of `samples`.
    ///
    /// # Errors
    /// `Kind::Argument` for less than 2 splits or more than there are samples.
    pub fn split(&self, samples: usize) -> Result<Vec<Fold>> {
        check("k_fold", self.n_splits, samples)?;
        let mut order: Vec<usize> = (0..samples).collect();
        if let Some(seed) = self.seed {
            Purpose::Split.words(seed).shuffle(&mut order);
        }
        let mut fold_of = vec![0; samples];
        let (size, larger) = (samples / self.n_splits, samples % self.n_splits);
        let sizes = (0..self.n_splits).map(|fold| size + usize::from(fold < larger));
        let folds = sizes.enumerate().flat_map(|(fold, size)| std::iter::repeat_n(fold, size));
        order.iter().zip(folds).for_each(|(&sample, fold)| fold_of[sample] = fold);
        Ok(folds_of(&fold_of, self.n_splits))
    }
}

pub(super) fn check(op: &'static str, n_splits: usize, samples: usize) -> Result<()> {
    if n_splits < 2 || n_splits > samples {
        let value = format!("{n_splits} for {samples} samples");
        let expected = "at least 2 and at most as many as there are samples";
        return Err(Error::argument(op, "n_splits", value, expected));
    }
    Ok(())
}

/// The folds in which each sample is tested in the fold that `fold_of` says.
pub(super) fn folds_of(fold_of: &[usize], n_splits: usize) -> Vec<Fold> {
    let fold = |number: usize| {
        let (test, train) = (0..fold_of.len()).partition(|&sample| fold_of[sample] == number);
        Fold { train, test }
    };
    (0..n_splits).map(fold).collect()
}
