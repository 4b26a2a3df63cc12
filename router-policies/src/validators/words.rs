//! Texts as words, so that letter case, punctuation and line breaks make no difference.

/// From here on (CJK radicals and beyond) scripts do not put spaces between words; each character counts as one.
const UNSPACED_FROM: char = '\u{2E80}';

/// The words of a text in lower case. Apostrophes stay, in one form; other punctuation only separates.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if c >= UNSPACED_FROM && c.is_alphanumeric() {
            close(&mut words, &mut word);
            words.push(c.to_string());
        } else if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        } else if matches!(c, '\'' | '\u{2019}' | '\u{2BC}') && !word.is_empty() {
            word.push('\'');
        } else {
            close(&mut words, &mut word);
        }
    }
    close(&mut words, &mut word);
    words
}

fn close(words: &mut Vec<String>, word: &mut String) {
    let whole = std::mem::take(word);
    let whole = whole.trim_end_matches('\'');
    if !whole.is_empty() {
        words.push(whole.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn case_and_punctuation_make_no_difference() {
        assert_eq!(words("I’m SORRY — 'no'."), ["i'm", "sorry", "no"]);
        assert_eq!(words("我不能 ok"), ["我", "不", "能", "ok"]);
        assert!(words(" …\n`` ").is_empty());
    }
}
