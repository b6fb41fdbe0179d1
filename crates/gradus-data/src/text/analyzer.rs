//! From text to the terms that a vectorizer counts: words or characters, and runs of them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{KoreanTokenizer, Tokenizer, WhitespaceTokenizer, WordTokenizer};

/// What the terms of a vectorizer are.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub enum Analyzer {
    /// Words of two characters or more: scikit-learn's `word`.
    #[default]
    Word,
    /// What stands between spaces.
    Whitespace,
    /// Korean words without particles and endings.
    Korean(KoreanTokenizer),
    /// Characters; runs of spaces count as one.
    Char,
    /// Characters within words, with a space on either side: scikit-learn's `char_wb`.
    CharWb,
}

/// Everything between a text and its terms.
pub(super) struct Terms<'a> {
    pub(super) analyzer: &'a Analyzer,
    pub(super) tokenizer: Option<&'a Arc<dyn Tokenizer>>,
    pub(super) lowercase: bool,
    pub(super) ngram_range: (usize, usize),
    pub(super) stop_words: &'a [String],
}

impl Terms<'_> {
    /// The terms of a text: its words, or runs of them joined by spaces, or runs of characters.
    pub(super) fn of(&self, text: &str) -> Vec<String> {
        let lower = if self.lowercase { text.to_lowercase() } else { text.to_owned() };
        let (least, most) = self.ngram_range;
        let words = match (self.tokenizer, self.analyzer) {
            (Some(tokenizer), _) => tokenizer.tokenize(&lower),
            (None, Analyzer::Word) => WordTokenizer::default().tokenize(&lower),
            (None, Analyzer::Whitespace) => WhitespaceTokenizer.tokenize(&lower),
            (None, Analyzer::Korean(tokenizer)) => tokenizer.tokenize(&lower),
            (None, Analyzer::Char) => {
                let text = single_spaced(&lower);
                return (least..=most).flat_map(|n| runs(&text, n)).collect();
            }
            (None, Analyzer::CharWb) => return within_words(&lower, least, most),
        };
        let words: Vec<&String> =
            words.iter().filter(|word| !self.stop_words.contains(word)).collect();
        let joined = |n: usize| {
            words
                .windows(n)
                .map(|run| run.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(" "))
        };
        (least..=most).flat_map(joined).collect()
    }
}

/// Runs of spaces of any kind as one space, as scikit-learn's pattern `\s\s+`.
fn single_spaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let followed = c.is_whitespace() && chars.peek().is_some_and(|next| next.is_whitespace());
        if followed {
            while chars.next_if(|next| next.is_whitespace()).is_some() {}
        }
        out.push(if followed { ' ' } else { c });
    }
    out
}

fn runs(text: &str, n: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars.windows(n).map(|run| run.iter().collect()).collect()
}

/// Runs of characters of each word between two spaces; a word shorter than a run counts once.
fn within_words(text: &str, least: usize, most: usize) -> Vec<String> {
    let mut terms = Vec::new();
    for word in text.split_whitespace() {
        let padded = format!(" {word} ");
        let length = padded.chars().count();
        for n in least..=most {
            if length <= n {
                terms.push(padded.clone());
                break;
            }
            terms.extend(runs(&padded, n));
        }
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_and_short_words_are_those_of_scikit_learn() {
        assert_eq!(single_spaced("a \t b\nc  "), "a b\nc ");
        assert_eq!(within_words("ab c", 3, 4), [" ab", "ab ", " ab ", " c "]);
        assert_eq!(runs("가나다", 2), ["가나", "나다"]);
        assert!(runs("a", 2).is_empty());
    }
}
