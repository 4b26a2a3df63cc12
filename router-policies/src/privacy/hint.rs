//! Words next to a number that say what it is.

use super::scan::Site;

/// How far before the number a word counts, in bytes.
const BEFORE: usize = 48;
/// How far after it.
const AFTER: usize = 24;

impl Site<'_> {
    /// Whether one of `words` stands near the stretch that ends at `end`. Words are lower-case ASCII; they count as whole
    /// words, whatever their case in the text.
    pub(super) fn hinted(&self, end: usize, words: &[&str]) -> bool {
        let before = self.start.saturating_sub(BEFORE)..self.start;
        let after = end..self.bytes.len().min(end + AFTER);
        [before, after].into_iter().any(|window| {
            let window = self.bytes.get(window).unwrap_or_default();
            has_word(window, words)
        })
    }
}

fn has_word(window: &[u8], words: &[&str]) -> bool {
    let mut letter_before = false;
    window.iter().enumerate().any(|(start, byte)| {
        let starts = byte.is_ascii_alphabetic() && !letter_before;
        letter_before = byte.is_ascii_alphabetic();
        let rest = window.get(start..).unwrap_or_default();
        starts && words.iter().any(|word| begins_with(rest, word.as_bytes()))
    })
}

fn begins_with(rest: &[u8], word: &[u8]) -> bool {
    let ends = !rest.get(word.len()).is_some_and(u8::is_ascii_alphabetic);
    let found = rest.get(..word.len());
    ends && found.is_some_and(|found| found.eq_ignore_ascii_case(word))
}
