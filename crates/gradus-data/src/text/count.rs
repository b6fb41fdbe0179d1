//! `CountVectorizer`: texts as counts of their terms.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use gradus_tensor::{Error, Result};
use serde::{Deserialize, Serialize};

use super::analyzer::Terms;
use super::{Analyzer, SparseMatrix, Tokenizer};
use crate::preprocessing::Saved;

const OP: &str = "count_vectorizer";

/// A number of texts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum DocumentFrequency {
    /// This many.
    Count(usize),
    /// This share of all.
    Fraction(f64),
}

impl DocumentFrequency {
    fn of(self, texts: usize) -> f64 {
        match self {
            DocumentFrequency::Count(count) => count as f64,
            DocumentFrequency::Fraction(share) => share * texts as f64,
        }
    }
}

/// Counts the terms of texts: the matrix of texts and words, as scikit-learn's class of this name.
///
/// ```
/// use gradus_data::CountVectorizer;
/// let mut counts = CountVectorizer::default();
/// let x = counts.fit_transform(&["the cat and the dog", "a dog"])?;
/// assert_eq!(counts.feature_names(), ["and", "cat", "dog", "the"]);
/// assert_eq!(x.dense(&[0, 1])?.to_vec::<f32>()?, [1.0, 1.0, 1.0, 2.0, 0.0, 0.0, 1.0, 0.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
pub struct CountVectorizer {
    analyzer: Analyzer,
    lowercase: bool,
    ngram_range: (usize, usize),
    stop_words: Vec<String>,
    min_df: DocumentFrequency,
    max_df: DocumentFrequency,
    max_features: Option<usize>,
    binary: bool,
    #[serde(skip)]
    tokenizer: Option<Arc<dyn Tokenizer>>,
    /// The terms and their columns.
    vocabulary: Option<BTreeMap<String, usize>>,
}

impl Default for CountVectorizer {
    /// Words in lower case, all of them.
    fn default() -> Self {
        CountVectorizer {
            analyzer: Analyzer::Word,
            lowercase: true,
            ngram_range: (1, 1),
            stop_words: Vec::new(),
            min_df: DocumentFrequency::Count(1),
            max_df: DocumentFrequency::Fraction(1.0),
            max_features: None,
            binary: false,
            tokenizer: None,
            vocabulary: None,
        }
    }
}

impl Saved for CountVectorizer {
    const NAME: &'static str = OP;
}

impl CountVectorizer {
    /// What terms are.
    #[must_use]
    pub fn analyzer(self, analyzer: Analyzer) -> Self {
        CountVectorizer { analyzer, ..self }
    }

    /// Whether texts are put into lower case.
    #[must_use]
    pub fn lowercase(self, lowercase: bool) -> Self {
        CountVectorizer { lowercase, ..self }
    }

    /// The least and the most words or characters of a term.
    #[must_use]
    pub fn ngram_range(self, least: usize, most: usize) -> Self {
        CountVectorizer { ngram_range: (least, most), ..self }
    }

    /// Words that are left out.
    #[must_use]
    pub fn stop_words(self, words: &[&str]) -> Self {
        CountVectorizer { stop_words: words.iter().map(|&word| word.to_owned()).collect(), ..self }
    }

    /// Terms in fewer texts are left out.
    #[must_use]
    pub fn min_df(self, min_df: DocumentFrequency) -> Self {
        CountVectorizer { min_df, ..self }
    }

    /// Terms in more texts are left out.
    #[must_use]
    pub fn max_df(self, max_df: DocumentFrequency) -> Self {
        CountVectorizer { max_df, ..self }
    }

    /// The most terms; those that come most often are kept, of equal ones the first by name.
    #[must_use]
    pub fn max_features(self, terms: usize) -> Self {
        CountVectorizer { max_features: Some(terms), ..self }
    }

    /// Whether a term counts once in a text.
    #[must_use]
    pub fn binary(self, binary: bool) -> Self {
        CountVectorizer { binary, ..self }
    }

    /// Divides texts by `tokenizer` instead of the analyzer. It is not saved: give it again to what
    /// was loaded.
    #[must_use]
    pub fn tokenizer(self, tokenizer: impl Tokenizer + 'static) -> Self {
        CountVectorizer { tokenizer: Some(Arc::new(tokenizer)), ..self }
    }

    /// Collects the terms of `texts`.
    ///
    /// # Errors
    /// `Kind::Argument` for a range of no lengths, frequencies that leave no term, or no terms.
    pub fn fit<S: AsRef<str>>(&mut self, texts: &[S]) -> Result<()> {
        let (least, most) = self.ngram_range;
        if least == 0 || least > most {
            let value = format!("{least} to {most}");
            return Err(Error::argument(OP, "ngram_range", value, "1 or more, ascending"));
        }
        let (min_df, max_df) = (self.min_df.of(texts.len()), self.max_df.of(texts.len()));
        if !(min_df >= 0.0 && min_df <= max_df) {
            let value = format!("{min_df} to {max_df} of {} texts", texts.len());
            let expected = "min_df no greater than max_df";
            return Err(Error::argument(OP, "document frequency", value, expected));
        }
        // How often each term comes, and in how many texts.
        let mut counts: HashMap<String, (usize, usize)> = HashMap::new();
        let terms = self.terms();
        for text in texts {
            let mut here: HashSet<String> = HashSet::new();
            for term in terms.of(text.as_ref()) {
                let first = here.insert(term.clone());
                let (all, texts) = counts.entry(term).or_default();
                *all += if self.binary { usize::from(first) } else { 1 };
                *texts += usize::from(first);
            }
        }
        let found = counts.len();
        counts.retain(|_, (_, texts)| (min_df..=max_df).contains(&(*texts as f64)));
        let mut kept: Vec<(String, usize)> =
            counts.into_iter().map(|(term, (all, _))| (term, all)).collect();
        kept.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        kept.truncate(self.max_features.unwrap_or(usize::MAX));
        if kept.is_empty() {
            let value = format!("0 of {found}");
            let expected = "at least 1: other texts, or other frequencies";
            return Err(Error::argument(OP, "number of terms", value, expected));
        }
        let mut vocabulary: BTreeMap<String, usize> =
            kept.into_iter().map(|(term, _)| (term, 0)).collect();
        vocabulary.values_mut().enumerate().for_each(|(number, column)| *column = number);
        self.vocabulary = Some(vocabulary);
        Ok(())
    }

    /// The counts of the terms, `[texts, terms]`; terms that the fit did not see are left out.
    ///
    /// # Errors
    /// `Kind::Argument` before a fit.
    pub fn transform<S: AsRef<str>>(&self, texts: &[S]) -> Result<SparseMatrix> {
        let Some(vocabulary) = &self.vocabulary else {
            return Err(Error::argument(OP, "vocabulary", "empty", "one that `fit` made"));
        };
        let terms = self.terms();
        let row = |text: &S| {
            let mut row: BTreeMap<usize, f64> = BTreeMap::new();
            for term in terms.of(text.as_ref()) {
                if let Some(&column) = vocabulary.get(&term) {
                    let count = row.entry(column).or_default();
                    *count = if self.binary { 1.0 } else { *count + 1.0 };
                }
            }
            row.into_iter().collect()
        };
        SparseMatrix::from_rows(vocabulary.len(), texts.iter().map(row))
    }

    /// [`fit`](CountVectorizer::fit) and [`transform`](CountVectorizer::transform).
    ///
    /// # Errors
    /// As these.
    pub fn fit_transform<S: AsRef<str>>(&mut self, texts: &[S]) -> Result<SparseMatrix> {
        self.fit(texts)?;
        self.transform(texts)
    }

    /// The terms in the order of their columns; empty before a fit.
    pub fn feature_names(&self) -> Vec<&str> {
        // The columns were numbered in the order of the terms.
        self.vocabulary.iter().flat_map(BTreeMap::keys).map(String::as_str).collect()
    }

    fn terms(&self) -> Terms<'_> {
        Terms {
            analyzer: &self.analyzer,
            tokenizer: self.tokenizer.as_ref(),
            lowercase: self.lowercase,
            ngram_range: self.ngram_range,
            stop_words: &self.stop_words,
        }
    }
}

impl fmt::Debug for CountVectorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountVectorizer")
            .field("analyzer", &self.analyzer)
            .field("ngram_range", &self.ngram_range)
            .field("min_df", &self.min_df)
            .field("max_df", &self.max_df)
            .field("terms", &self.vocabulary.as_ref().map_or(0, BTreeMap::len))
            .finish_non_exhaustive()
    }
}
