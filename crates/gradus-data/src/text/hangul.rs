//! Hangul syllables by arithmetic: their letters, and letters put together.
//!
//! Source: The Unicode Standard, chapter 3.12, "Conjoining Jamo Behavior".

const FIRST: u32 = 0xAC00;
const LAST: u32 = 0xD7A3;
const INITIALS: u32 = 0x1100;
const VOWELS: u32 = 0x1161;
/// One before the first final consonant: 0 is none.
const FINALS: u32 = 0x11A7;
const N_INITIALS: u32 = 19;
const N_VOWELS: u32 = 21;
const N_FINALS: u32 = 28;

/// The final consonants that endings begin with, as numbers.
pub(super) const NIEUN: u32 = 4;
pub(super) const RIEUL: u32 = 8;
pub(super) const BIEUP: u32 = 17;
pub(super) const SSANG_SIOT: u32 = 20;

/// Whether a character is a syllable.
pub(super) fn is_syllable(c: char) -> bool {
    (FIRST..=LAST).contains(&(c as u32))
}

/// The final consonant of a syllable, 0 for none.
pub(super) fn final_consonant(c: char) -> Option<u32> {
    is_syllable(c).then(|| (c as u32 - FIRST) % N_FINALS)
}

/// The syllable without its final consonant.
pub(super) fn without_final(c: char) -> char {
    match final_consonant(c) {
        Some(last) => char::from_u32(c as u32 - last).unwrap_or(c),
        None => c,
    }
}

/// Text in which letters that belong together are syllables, as some systems write file names and
/// others type: `ㅎ`, `ㅏ`, `ㄴ` in the form of conjoining letters become `한`.
pub(super) fn composed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match out.chars().next_back().and_then(|last| joined(last, c)) {
            Some(syllable) => {
                out.pop();
                out.push(syllable);
            }
            None => out.push(c),
        }
    }
    out
}

fn joined(last: char, next: char) -> Option<char> {
    let (last, next) = (last as u32, next as u32);
    let initial = last.wrapping_sub(INITIALS);
    let vowel = next.wrapping_sub(VOWELS);
    if initial < N_INITIALS && vowel < N_VOWELS {
        return char::from_u32(FIRST + (initial * N_VOWELS + vowel) * N_FINALS);
    }
    let consonant = next.wrapping_sub(FINALS);
    let open = (FIRST..=LAST).contains(&last) && (last - FIRST).is_multiple_of(N_FINALS);
    if open && (1..N_FINALS).contains(&consonant) {
        return char::from_u32(last + consonant);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syllables_come_apart_and_together() {
        assert_eq!(final_consonant('갔'), Some(SSANG_SIOT));
        assert_eq!(final_consonant('합'), Some(BIEUP));
        assert_eq!(final_consonant('간'), Some(NIEUN));
        assert_eq!(final_consonant('물'), Some(RIEUL));
        assert_eq!((final_consonant('가'), final_consonant('a')), (Some(0), None));
        assert_eq!((without_final('갔'), without_final('x')), ('가', 'x'));
        assert_eq!(composed("\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af} a"), "한글 a");
        assert_eq!(composed("한글"), "한글");
    }
}
