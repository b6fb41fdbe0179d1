//! Text: tokens, vocabularies, counts and weights of words, sequences of one length.

mod analyzer;
mod count;
mod hangul;
mod korean;
mod lexicon;
mod sequences;
mod sparse;
mod tfidf;
mod tokenizer;
mod vocabulary;

pub use analyzer::Analyzer;
pub use count::{CountVectorizer, DocumentFrequency};
pub use korean::{KoreanTokenizer, Morpheme, MorphemeKind};
pub use sequences::{PadOptions, Side, pad_sequences};
pub use sparse::{SparseDataset, SparseMatrix};
pub use tfidf::{Norm, TfidfVectorizer};
pub use tokenizer::{CharTokenizer, Tokenizer, WhitespaceTokenizer, WordTokenizer};
pub use vocabulary::{Vocabulary, VocabularyOptions};
