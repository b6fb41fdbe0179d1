//! `TfidfVectorizer`: counts of terms, weighed by how rare they are.

use gradus_tensor::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{CountVectorizer, SparseMatrix};
use crate::preprocessing::Saved;

const OP: &str = "tfidf_vectorizer";

/// What becomes 1 in each row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Norm {
    /// The sum of the absolute numbers.
    L1,
    /// The root of the sum of the squares.
    #[default]
    L2,
    /// Nothing.
    None,
}

/// Counts of terms times the logarithm of how rare they are, as scikit-learn's class of this name:
/// `tf · (ln((1 + n) / (1 + df)) + 1)`, then each row divided by its norm.
///
/// ```
/// use gradus_data::TfidfVectorizer;
/// let mut tfidf = TfidfVectorizer::default();
/// let x = tfidf.fit_transform(&["good good day", "bad day"])?;
/// assert_eq!(tfidf.feature_names(), ["bad", "day", "good"]);
/// let x = x.dense(&[1])?.to_vec::<f32>()?;
/// assert!((x[0] - 0.814_803).abs() < 1e-6 && (x[1] - 0.579_739).abs() < 1e-6 && x[2] == 0.0);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TfidfVectorizer {
    counts: CountVectorizer,
    norm: Norm,
    use_idf: bool,
    smooth_idf: bool,
    sublinear_tf: bool,
    idf: Option<Vec<f64>>,
}

impl Default for TfidfVectorizer {
    /// Words, smooth weights, rows of length 1.
    fn default() -> Self {
        TfidfVectorizer {
            counts: CountVectorizer::default(),
            norm: Norm::L2,
            use_idf: true,
            smooth_idf: true,
            sublinear_tf: false,
            idf: None,
        }
    }
}

impl Saved for TfidfVectorizer {
    const NAME: &'static str = OP;
}

impl TfidfVectorizer {
    /// How terms are made and counted.
    #[must_use]
    pub fn counts(self, counts: CountVectorizer) -> Self {
        TfidfVectorizer { counts, ..self }
    }

    /// What becomes 1 in each row.
    #[must_use]
    pub fn norm(self, norm: Norm) -> Self {
        TfidfVectorizer { norm, ..self }
    }

    /// Whether rare terms weigh more.
    #[must_use]
    pub fn use_idf(self, use_idf: bool) -> Self {
        TfidfVectorizer { use_idf, ..self }
    }

    /// Whether each term counts as if one more text had it, so that no frequency is 0.
    #[must_use]
    pub fn smooth_idf(self, smooth_idf: bool) -> Self {
        TfidfVectorizer { smooth_idf, ..self }
    }

    /// Whether a count is replaced by `1 + ln(count)`.
    #[must_use]
    pub fn sublinear_tf(self, sublinear_tf: bool) -> Self {
        TfidfVectorizer { sublinear_tf, ..self }
    }

    /// Collects the terms of `texts` and how rare they are.
    ///
    /// # Errors
    /// As [`CountVectorizer::fit`].
    pub fn fit<S: AsRef<str>>(&mut self, texts: &[S]) -> Result<()> {
        let counts = self.counts.fit_transform(texts)?;
        self.weigh(&counts);
        Ok(())
    }

    /// The weights of the terms, `[texts, terms]`.
    ///
    /// # Errors
    /// `Kind::Argument` before a fit.
    pub fn transform<S: AsRef<str>>(&self, texts: &[S]) -> Result<SparseMatrix> {
        self.weighed(self.counts.transform(texts)?)
    }

    /// [`fit`](TfidfVectorizer::fit) and [`transform`](TfidfVectorizer::transform).
    ///
    /// # Errors
    /// As these.
    pub fn fit_transform<S: AsRef<str>>(&mut self, texts: &[S]) -> Result<SparseMatrix> {
        let counts = self.counts.fit_transform(texts)?;
        self.weigh(&counts);
        self.weighed(counts)
    }

    /// The terms in the order of their columns; empty before a fit.
    pub fn feature_names(&self) -> Vec<&str> {
        self.counts.feature_names()
    }

    /// The weight of each term; empty before a fit.
    pub fn idf(&self) -> &[f64] {
        self.idf.as_deref().unwrap_or_default()
    }

    fn weigh(&mut self, counts: &SparseMatrix) {
        let more = f64::from(u8::from(self.smooth_idf));
        let texts = counts.shape().0 as f64 + more;
        let idf = |with: usize| (texts / (with as f64 + more)).ln() + 1.0;
        self.idf = Some(counts.rows_with().into_iter().map(idf).collect());
    }

    fn weighed(&self, mut counts: SparseMatrix) -> Result<SparseMatrix> {
        let Some(idf) = &self.idf else {
            return Err(Error::argument(OP, "idf", "empty", "one that `fit` made"));
        };
        counts.map_rows(|columns, values| {
            for (&column, value) in columns.iter().zip(&mut *values) {
                if self.sublinear_tf {
                    *value = value.ln() + 1.0;
                }
                if self.use_idf {
                    *value *= idf[column as usize];
                }
            }
            let norm = match self.norm {
                Norm::L1 => values.iter().map(|value| value.abs()).sum(),
                Norm::L2 => values.iter().map(|value| value * value).sum::<f64>().sqrt(),
                Norm::None => 1.0,
            };
            if norm > 0.0 {
                values.iter_mut().for_each(|value| *value /= norm);
            }
        });
        Ok(counts)
    }
}
