//! `Vocabulary`: the tokens that a model knows, as numbers.

use std::collections::HashMap;

use gradus_tensor::{Error, Result};
use serde::{Deserialize, Serialize};

use super::Tokenizer;
use crate::preprocessing::Saved;

const OP: &str = "vocabulary";

/// Options of [`Vocabulary::build`].
#[derive(Clone, Debug)]
pub struct VocabularyOptions {
    /// Tokens that come less often are left out.
    pub min_freq: usize,
    /// The most tokens, with the special ones; the most frequent are kept.
    pub max_tokens: Option<usize>,
    /// The first tokens. The first is what sequences are padded with, the second stands for tokens
    /// that are not in the vocabulary.
    pub specials: Vec<String>,
}

impl Default for VocabularyOptions {
    /// All tokens, after `<pad>` and `<unk>`.
    fn default() -> Self {
        let specials = ["<pad>", "<unk>"].map(str::to_owned).into();
        VocabularyOptions { min_freq: 1, max_tokens: None, specials }
    }
}

/// Tokens and their numbers: the special ones, then by falling frequency, equally frequent ones in
/// alphabetical order.
///
/// ```
/// use gradus_data::{Vocabulary, WhitespaceTokenizer};
/// let texts = ["b a b", "c b"];
/// let vocabulary = Vocabulary::build(&texts, &WhitespaceTokenizer, &Default::default())?;
/// assert_eq!(vocabulary.tokens(), ["<pad>", "<unk>", "b", "a", "c"]);
/// assert_eq!(vocabulary.encode("a z b", &WhitespaceTokenizer), [3, 1, 2]);
/// assert_eq!(vocabulary.decode(&[2, 4])?, ["b", "c"]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "List", into = "List")]
pub struct Vocabulary {
    tokens: Vec<String>,
    numbers: HashMap<String, usize>,
    /// The number of unknown tokens.
    unknown: Option<usize>,
}

/// What is saved.
#[derive(Serialize, Deserialize)]
struct List {
    tokens: Vec<String>,
    unknown: Option<usize>,
}

impl From<List> for Vocabulary {
    fn from(List { tokens, unknown }: List) -> Self {
        let numbers = tokens.iter().enumerate().map(|(number, token)| (token.clone(), number));
        let numbers = numbers.collect();
        let unknown = unknown.filter(|&unknown| unknown < tokens.len());
        Vocabulary { tokens, numbers, unknown }
    }
}

impl From<Vocabulary> for List {
    fn from(vocabulary: Vocabulary) -> Self {
        List { tokens: vocabulary.tokens, unknown: vocabulary.unknown }
    }
}

impl Saved for Vocabulary {
    const NAME: &'static str = OP;
}

impl Vocabulary {
    /// The tokens of `texts`.
    ///
    /// # Errors
    /// `Kind::Argument` when a special token is named twice or there are more than `max_tokens`.
    pub fn build<S: AsRef<str>>(
        texts: &[S],
        tokenizer: &dyn Tokenizer,
        options: &VocabularyOptions,
    ) -> Result<Self> {
        let specials = &options.specials;
        if let Some(at) = (1..specials.len()).find(|&at| specials[..at].contains(&specials[at])) {
            let value = format!("`{}`, twice", specials[at]);
            return Err(Error::argument(OP, "special token", value, "another one each"));
        }
        let most = options.max_tokens.unwrap_or(usize::MAX);
        if specials.len() > most {
            let value = format!("{most} for {} special ones", specials.len());
            return Err(Error::argument(OP, "max_tokens", value, "room for the special ones"));
        }
        let mut counts: HashMap<String, usize> = HashMap::new();
        for text in texts {
            for token in tokenizer.tokenize(text.as_ref()) {
                *counts.entry(token).or_default() += 1;
            }
        }
        counts.retain(|token, count| *count >= options.min_freq && !specials.contains(token));
        let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let found = counts.into_iter().map(|(token, _)| token);
        let tokens = specials.iter().cloned().chain(found).take(most).collect();
        let unknown = (specials.len() > 1).then_some(1);
        Ok(List { tokens, unknown }.into())
    }

    /// The number of tokens.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there are no tokens.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The tokens in the order of their numbers.
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// The number of a token; that of unknown ones if it is not there and there is one.
    pub fn number(&self, token: &str) -> Option<usize> {
        self.numbers.get(token).copied().or(self.unknown)
    }

    /// The numbers of the tokens of `text`; without a number for unknown ones, these are left out.
    pub fn encode(&self, text: &str, tokenizer: &dyn Tokenizer) -> Vec<i64> {
        let tokens = tokenizer.tokenize(text);
        tokens.iter().filter_map(|token| Some(self.number(token)? as i64)).collect()
    }

    /// The tokens with the given numbers.
    ///
    /// # Errors
    /// `Kind::Index` for a number that is no token's.
    pub fn decode(&self, numbers: &[i64]) -> Result<Vec<&str>> {
        let token = |(position, &index): (usize, &i64)| {
            let token = usize::try_from(index).ok().and_then(|index| self.tokens.get(index));
            token.map(String::as_str).ok_or_else(|| {
                let size = self.tokens.len();
                gradus_tensor::Kind::Index { op: "decode", index, position, size }.into()
            })
        };
        numbers.iter().enumerate().map(token).collect()
    }
}
