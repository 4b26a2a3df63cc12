//! Texts as words, so that letter case, punctuation and line breaks make no difference.

/// From here on (CJK radicals and beyond) scripts do not put spaces between words; each character counts as one.
const UNSPACED_FROM: char = '\u{2E80}';

/// The words of a text in lower case. Apostrophes stay, in one form; other punctuation only separates.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    each_word(text, |word| words.push(word.to_owned()));
    words
}

/// The words of a text as numbers that only equal words share.
pub(super) fn word_ids(text: &str) -> Vec<u64> {
    let mut ids = Vec::new();
    each_word(text, |word| ids.push(id(word)));
    ids
}

/// 64-bit FNV-1a (Fowler, Noll and Vo). Should two words share a number after all, a feature is a little off.
pub(super) fn id(word: &str) -> u64 {
    word.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

fn each_word(text: &str, mut found: impl FnMut(&str)) {
    let mut word = String::new();
    let mut close = |word: &mut String| {
        let whole = word.trim_end_matches('\'');
        if !whole.is_empty() {
            found(whole);
        }
        word.clear();
    };
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_lowercase());
        } else if matches!(c, '\'' | '\u{2019}' | '\u{2BC}') {
            if !word.is_empty() {
                word.push('\'');
            }
        } else if !c.is_alphanumeric() {
            close(&mut word);
        } else if c >= UNSPACED_FROM {
            close(&mut word);
            word.push(c);
            close(&mut word);
        } else {
            word.extend(c.to_lowercase());
        }
    }
    close(&mut word);
}

#[cfg(test)]
mod tests {
    use super::{id, word_ids, words};

    #[test]
    fn case_and_punctuation_make_no_difference() {
        assert_eq!(words("I’m SORRY — 'no'."), ["i'm", "sorry", "no"]);
        assert_eq!(words("我不能 ok"), ["我", "不", "能", "ok"]);
        assert_eq!(words("O''Neil's' 'x"), ["o''neil's", "x"]);
        assert!(words(" …\n`` ").is_empty());
    }

    #[test]
    fn equal_words_have_equal_ids() {
        let text = "The THE tHe other; naïve NAÏVE 好 好";
        let ids: Vec<u64> = words(text).iter().map(|word| id(word)).collect();
        assert_eq!(ids, word_ids(text));
        assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[2] != ids[3]);
    }
}
