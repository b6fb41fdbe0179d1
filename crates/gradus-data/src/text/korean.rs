//! `KoreanTokenizer`: words without their particles and endings.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Tokenizer;
use super::hangul::{
    BIEUP, NIEUN, RIEUL, SSANG_SIOT, composed, final_consonant, is_syllable, without_final,
};
use super::lexicon::{
    AFTER_BIEUP, AFTER_NIEUN, AFTER_PAST, After, COPULA, DOEDA, ENDINGS, HADA, PARTICLES, SHORT,
    WHOLE,
};

/// What a part of a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MorphemeKind {
    /// The word without what follows it; foreign words and numbers, too.
    Stem,
    /// A particle (조사) or a form of the copula.
    Particle,
    /// An ending (어미), with the 하다 or 되다 before it.
    Ending,
}

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Morpheme {
    /// Its text.
    pub text: String,
    /// What it is.
    pub kind: MorphemeKind,
}

/// Divides Korean text at spaces, punctuation and changes of script, and splits particles and
/// endings off the words by rules and a small lexicon: `학교에서`, `학교는` and `학교` are one
/// token. A particle is split off only where it fits the syllable before it (`은` after a
/// consonant, `는` after a vowel).
///
/// This is no morphological analyser: a word that ends as if it had a particle and is not in the
/// lexicon loses it. Give such words to [`user_dictionary`](KoreanTokenizer::user_dictionary), or
/// put an analyser behind [`Tokenizer`].
///
/// ```
/// use gradus_data::{KoreanTokenizer, Tokenizer};
/// let tokenizer = KoreanTokenizer::default();
/// let tokens = tokenizer.tokenize("나는 학교에서 딥러닝을 공부했습니다.");
/// assert_eq!(tokens, ["나", "학교", "딥러닝", "공부"]);
/// let parts = tokenizer.keep_particles(true).tokenize("고양이가 물을");
/// assert_eq!(parts, ["고양이", "가", "물", "을"]);
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KoreanTokenizer {
    keep_particles: bool,
    min_length: usize,
    user: BTreeSet<String>,
}

impl KoreanTokenizer {
    /// Whether particles and endings are tokens of their own instead of left out.
    #[must_use]
    pub fn keep_particles(self, keep_particles: bool) -> Self {
        KoreanTokenizer { keep_particles, ..self }
    }

    /// Stems with fewer characters are left out.
    #[must_use]
    pub fn min_length(self, min_length: usize) -> Self {
        KoreanTokenizer { min_length, ..self }
    }

    /// Words that stay whole: names, terms, compounds.
    ///
    /// ```
    /// use gradus_data::{KoreanTokenizer, Tokenizer};
    /// let plain = KoreanTokenizer::default();
    /// assert_eq!(plain.tokenize("에이전트가 카페라떼를"), ["에이전트", "카페라떼"]);
    /// assert_eq!(plain.tokenize("신라면은 맛집이"), ["신라면", "맛집"]);
    /// assert_eq!(plain.tokenize("꽃가루와 한마음"), ["꽃가루", "한마음"]);
    /// assert_eq!(plain.tokenize("김포도"), ["김포"]);
    /// let taught = plain.user_dictionary(["김포도"]);
    /// assert_eq!(taught.tokenize("김포도가"), ["김포도"]);
    /// ```
    #[must_use]
    pub fn user_dictionary<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.user.extend(words.into_iter().map(Into::into));
        self
    }

    /// The parts of the words of `text`, in their order.
    ///
    /// ```
    /// use gradus_data::{KoreanTokenizer, MorphemeKind};
    /// let parts = KoreanTokenizer::default().morphemes("집에 갔다");
    /// let parts: Vec<_> = parts.iter().map(|part| (part.text.as_str(), part.kind)).collect();
    /// assert_eq!(
    ///     parts,
    ///     [
    ///         ("집", MorphemeKind::Stem),
    ///         ("에", MorphemeKind::Particle),
    ///         ("가", MorphemeKind::Stem),
    ///         ("ㅆ다", MorphemeKind::Ending),
    ///     ]
    /// );
    /// ```
    pub fn morphemes(&self, text: &str) -> Vec<Morpheme> {
        let text = composed(text);
        let mut parts = Vec::new();
        for word in text.split(|c: char| !c.is_alphanumeric()) {
            let mut rest = word;
            while let Some(first) = rest.chars().next() {
                let hangul = is_syllable(first);
                let end = rest.find(|c: char| is_syllable(c) != hangul).unwrap_or(rest.len());
                let (run, after) = rest.split_at(end);
                rest = after;
                if hangul {
                    // A particle may follow a foreign word directly: `GPU는`.
                    let follows = !parts.is_empty() && run.len() < word.len();
                    self.split(run, follows, &mut parts);
                } else {
                    add(&mut parts, run.to_lowercase(), MorphemeKind::Stem);
                }
            }
        }
        parts
    }

    fn split(&self, word: &str, follows: bool, parts: &mut Vec<Morpheme>) {
        if follows && PARTICLES.iter().any(|(particle, _)| *particle == word) {
            return add(parts, word.to_owned(), MorphemeKind::Particle);
        }
        if self.known(word) {
            return add(parts, word.to_owned(), MorphemeKind::Stem);
        }
        let (stem, tail, kind) = self
            .before_known(word)
            .or_else(|| self.particle(word))
            .or_else(|| ending(word))
            .unwrap_or((word.to_owned(), String::new(), MorphemeKind::Stem));
        add(parts, stem, MorphemeKind::Stem);
        if !tail.is_empty() {
            add(parts, tail, kind);
        }
    }

    fn known(&self, word: &str) -> bool {
        self.user.contains(word) || WHOLE.contains(&word)
    }

    /// A known word and a particle, copula or verb after it; the longest such word.
    fn before_known(&self, word: &str) -> Option<Parts> {
        let tails = |start: usize| {
            let tail = &word[start..];
            let particle = PARTICLES
                .iter()
                .any(|(particle, after)| *particle == tail && fits(&word[..start], *after));
            match tail {
                _ if particle || COPULA.contains(&tail) => Some(MorphemeKind::Particle),
                _ if HADA.contains(&tail) || DOEDA.contains(&tail) => Some(MorphemeKind::Ending),
                _ => None,
            }
        };
        let cuts = word.char_indices().map(|(at, _)| at).skip(1);
        let cuts = cuts.filter(|&at| self.known(&word[..at]));
        let (at, kind) = cuts.filter_map(|at| Some((at, tails(at)?))).last()?;
        Some((word[..at].to_owned(), word[at..].to_owned(), kind))
    }

    /// A noun and the longest particle that fits it, or the copula.
    fn particle(&self, word: &str) -> Option<Parts> {
        let noun = |tail: &str| word.strip_suffix(tail).filter(|stem| !stem.is_empty());
        let long = |stem: &str| stem.chars().count() >= 2;
        for tail in HADA.iter().chain(DOEDA).chain(COPULA) {
            if let Some(stem) = noun(tail).filter(|stem| long(stem)) {
                let copula = COPULA.contains(tail);
                let kind = if copula { MorphemeKind::Particle } else { MorphemeKind::Ending };
                return Some((stem.to_owned(), (*tail).to_owned(), kind));
            }
        }
        if ending_is_longer(word) {
            return None;
        }
        let found = PARTICLES.iter().find_map(|(tail, after)| {
            let stem = noun(tail)?;
            let unlikely = !long(stem) && !SHORT.contains(&stem);
            (fits(stem, *after) && !unlikely).then_some((stem, *tail))
        });
        found.map(|(stem, tail)| (stem.to_owned(), tail.to_owned(), MorphemeKind::Particle))
    }
}

impl Tokenizer for KoreanTokenizer {
    fn tokenize(&self, text: &str) -> Vec<String> {
        let wanted = |part: &Morpheme| match part.kind {
            MorphemeKind::Stem => part.text.chars().count() >= self.min_length,
            _ => self.keep_particles,
        };
        self.morphemes(text).into_iter().filter(wanted).map(|part| part.text).collect()
    }
}

/// A stem and what follows it.
type Parts = (String, String, MorphemeKind);

fn add(parts: &mut Vec<Morpheme>, text: String, kind: MorphemeKind) {
    parts.push(Morpheme { text, kind });
}

/// Whether a particle may follow a stem.
fn fits(stem: &str, after: After) -> bool {
    let Some(last) = stem.chars().next_back().and_then(final_consonant) else { return true };
    match after {
        After::Any => true,
        After::Consonant => last != 0,
        After::Vowel => last == 0,
        After::VowelOrRieul => last == 0 || last == RIEUL,
        After::ConsonantNotRieul => last != 0 && last != RIEUL,
    }
}

/// Whether a word ends in a verb's ending of two syllables or more: `먹는데` is no noun with `데`.
fn ending_is_longer(word: &str) -> bool {
    let long = |tail: &&&str| tail.chars().count() >= 2 && word.len() > tail.len();
    ENDINGS.iter().filter(long).any(|tail| word.ends_with(*tail)) || contracted(word).is_some()
}

/// A verb's stem and its ending.
fn ending(word: &str) -> Option<Parts> {
    if let Some(parts) = contracted(word) {
        return Some(parts);
    }
    let found = ENDINGS.iter().find_map(|tail| {
        let stem = word.strip_suffix(tail).filter(|stem| !stem.is_empty())?;
        // One syllable is too little to tell in a short word, and nouns end like most of them.
        let sure = match *tail {
            "다" => true,
            "게" | "고" | "며" => stem.chars().count() >= 2,
            _ => tail.chars().count() >= 2,
        };
        sure.then_some((stem, *tail))
    });
    found.map(|(stem, tail)| (stem.to_owned(), tail.to_owned(), MorphemeKind::Ending))
}

/// As [`ending`], where it begins with the final consonant of a syllable: `갑니다` is 가 and ㅂ니다.
fn contracted(word: &str) -> Option<Parts> {
    let kinds =
        [(SSANG_SIOT, 'ㅆ', AFTER_PAST), (BIEUP, 'ㅂ', AFTER_BIEUP), (NIEUN, 'ㄴ', AFTER_NIEUN)];
    for (consonant, letter, tails) in kinds {
        for tail in tails {
            let Some(stem) = word.strip_suffix(tail) else { continue };
            let Some(last) = stem.chars().next_back() else { continue };
            // 먹었다 and 먹는다 have endings of their own.
            let whole =
                stem.chars().count() >= 2 && ['았', '었', '였', '겠', '는', '습'].contains(&last);
            if whole || final_consonant(last) != Some(consonant) {
                continue;
            }
            let open = match without_final(last) {
                '해' => '하',
                '됐' | '돼' => '되',
                other => other,
            };
            let mut stem = stem[..stem.len() - last.len_utf8()].to_owned();
            stem.push(open);
            return Some((stem, format!("{letter}{tail}"), MorphemeKind::Ending));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn stems(text: &str, expected: &[&str]) {
        assert_eq!(KoreanTokenizer::default().tokenize(text), expected, "{text}");
    }

    #[test]
    fn particles_are_split_where_they_fit() {
        stems("학교에서 학교는 학교를 학교의 학교", &["학교"; 5]);
        stems("사람이 사람은 사람을 사람과 사람으로", &["사람"; 5]);
        stems("서울로 서울까지 서울에서부터 서울만", &["서울"; 4]);
        stems("책을 물은 집에 나는", &["책", "물", "집", "나"]);
        // `은` cannot follow a vowel, `를` no consonant.
        stems("카페은 사람를", &["카페은", "사람를"]);
    }

    #[test]
    fn words_that_look_as_if_they_had_a_particle_stay_whole() {
        stems("고양이 결과 회의 국가 바나나", &["고양이", "결과", "회의", "국가", "바나나"]);
        stems("고양이가 결과를 회의에서", &["고양이", "결과", "회의"]);
        stems("평가하고 증가했다", &["평가", "증가"]);
    }

    #[test]
    fn verbs_lose_their_endings() {
        stems("공부했습니다 공부한다 공부하는 공부합니다", &["공부"; 4]);
        stems("학생입니다 학생이다", &["학생"; 2]);
        stems("먹었습니다 먹었다 먹는다 먹지만 먹으면서", &["먹"; 5]);
        stems("갔다 갑니다 간다", &["가"; 3]);
        stems("사용되었다 사용된다", &["사용"; 2]);
    }

    #[test]
    fn other_scripts_punctuation_and_decomposed_text_are_taken() {
        stems(
            "GPU는 3개의 커널을, (빠르게) 실행한다!",
            &["gpu", "3", "개", "커널", "빠르", "실행"],
        );
        let decomposed = "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}\u{110b}\u{1173}\u{11af}";
        stems(decomposed, &["한글"]);
        stems("", &[]);
    }
}
