//! The name somebody probably meant.

/// The entry of `known` most similar to `name`, if it is similar enough to be worth suggesting: at most a third of
/// the letters differ, and always up to two.
#[must_use]
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let wanted: Vec<char> = name.to_lowercase().chars().collect();
    let limit = (wanted.len() / 3).max(2);
    known
        .iter()
        .map(|candidate| (distance(&wanted, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance without regard to case, row by row.
fn distance(wanted: &[char], candidate: &str) -> usize {
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (above, letter) in candidate.to_lowercase().chars().enumerate() {
        let mut diagonal = above;
        let mut left = above + 1;
        let mut next = vec![left];
        for (&here, &expected) in row.iter().skip(1).zip(wanted) {
            let replaced = diagonal + usize::from(letter != expected);
            left = replaced.min(left + 1).min(here + 1);
            diagonal = here;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    fn letters(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance(&letters("kitten"), "sitting"), 3);
        assert_eq!(distance(&letters(""), "abc"), 3);
        assert_eq!(distance(&letters("abc"), ""), 3);
        assert_eq!(distance(&letters("same"), "SAME"), 0);
    }

    #[test]
    fn suggests_only_what_is_similar() {
        assert_eq!(nearest("opnai", &["anthropic", "openai"]), Some("openai"));
        assert_eq!(nearest("Intents", &["intents"]), Some("intents"));
        assert_eq!(nearest("mistral", &["openai"]), None);
        assert_eq!(
            nearest("a", &["b"]),
            None,
            "a name with nothing in common is no suggestion"
        );
        assert_eq!(nearest("x", &[]), None);
    }
}
