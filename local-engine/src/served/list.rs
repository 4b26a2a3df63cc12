//! Closed lists seen as text: the server holds the answer to them, and only its text says what was left open.

/// Whether the answer could go on with `next` after `said`.
pub(super) fn is_legal(labels: &[String], said: &[u8], next: &[u8]) -> bool {
    !next.is_empty() && open(labels, said).any(|rest| rest.starts_with(next))
}

/// Whether nothing but `next` could follow on `said`: it decided nothing.
pub(super) fn is_forced(labels: &[String], said: &[u8], next: &[u8]) -> bool {
    let mut some = false;
    for rest in open(labels, said) {
        some = true;
        // An end where a longer label goes on was a choice; so was going on where a label ends.
        if !rest.starts_with(next) || (next.is_empty() && !rest.is_empty()) {
            return false;
        }
    }
    some
}

/// What is left of each label that begins with `said`.
fn open<'a>(labels: &'a [String], said: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    labels
        .iter()
        .filter_map(move |label| label.as_bytes().strip_prefix(said))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Vec<String> {
        ["no", "not now", "yes"].map(str::to_owned).to_vec()
    }

    #[test]
    fn only_beginnings_of_labels_are_legal() {
        assert!(is_legal(&labels(), b"", b"n"));
        assert!(is_legal(&labels(), b"no", b"t "));
        assert!(!is_legal(&labels(), b"no", b"w"));
        assert!(!is_legal(&labels(), b"no", b""));
    }

    #[test]
    fn what_had_no_alternative_is_forced() {
        assert!(is_forced(&labels(), b"y", b"es"));
        assert!(is_forced(&labels(), b"yes", b""));
        assert!(!is_forced(&labels(), b"", b"y"));
        assert!(!is_forced(&labels(), b"no", b"t"), "it could have ended");
        assert!(!is_forced(&labels(), b"no", b""), "it could have gone on");
        assert!(!is_forced(&labels(), b"other", b"x"));
    }
}
