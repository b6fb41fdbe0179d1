//! `Tokenizer`: the seam between text and its words, and the plain ones.

use serde::{Deserialize, Serialize};

/// Divides text into tokens. Vectorizers and vocabularies take any: one that asks a morphological
/// analyser, too.
///
/// ```
/// use gradus_data::{CountVectorizer, Tokenizer};
/// /// Words that end at a hyphen.
/// struct Hyphens;
/// impl Tokenizer for Hyphens {
///     fn tokenize(&self, text: &str) -> Vec<String> {
///         text.split('-').map(str::to_owned).collect()
///     }
/// }
/// let mut counts = CountVectorizer::default().tokenizer(Hyphens);
/// counts.fit(&["a-b", "b-c"])?;
/// assert_eq!(counts.feature_names(), ["a", "b", "c"]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub trait Tokenizer: Send + Sync {
    /// The tokens of `text`, in their order.
    fn tokenize(&self, text: &str) -> Vec<String>;
}

/// What stands between spaces.
///
/// ```
/// use gradus_data::{Tokenizer, WhitespaceTokenizer};
/// assert_eq!(WhitespaceTokenizer.tokenize("To be,  or\nnot"), ["To", "be,", "or", "not"]);
/// ```
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct WhitespaceTokenizer;

impl Tokenizer for WhitespaceTokenizer {
    fn tokenize(&self, text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }
}

/// Runs of letters, digits and underscores with at least `min_length` characters: scikit-learn's
/// pattern `\b\w\w+\b` when it is 2.
///
/// ```
/// use gradus_data::{Tokenizer, WordTokenizer};
/// let words = WordTokenizer::default().tokenize("It's a snake_case, 42!");
/// assert_eq!(words, ["It", "snake_case", "42"]);
/// ```
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct WordTokenizer {
    /// Shorter words are left out.
    pub min_length: usize,
}

impl Default for WordTokenizer {
    /// Two characters.
    fn default() -> Self {
        WordTokenizer { min_length: 2 }
    }
}

impl Tokenizer for WordTokenizer {
    fn tokenize(&self, text: &str) -> Vec<String> {
        let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        let long = |word: &&str| !word.is_empty() && word.chars().count() >= self.min_length;
        words.filter(long).map(str::to_owned).collect()
    }
}

/// Every character is a token: for models of characters.
///
/// ```
/// use gradus_data::{CharTokenizer, Tokenizer};
/// assert_eq!(CharTokenizer.tokenize("나 a"), ["나", " ", "a"]);
/// ```
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct CharTokenizer;

impl Tokenizer for CharTokenizer {
    fn tokenize(&self, text: &str) -> Vec<String> {
        text.chars().map(String::from).collect()
    }
}
