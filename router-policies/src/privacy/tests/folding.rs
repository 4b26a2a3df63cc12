//! Unicode that hides a number from a plain search.

use std::borrow::Cow;

use proptest::prelude::*;

use super::super::BuiltIn;
use super::super::fold::fold;
use super::{all, finds, one};

#[test]
fn plain_text_is_not_copied() {
    for text in ["", "plain", "größer – nein", "日本語のテキスト"] {
        let unfolded = matches!(fold(text), Cow::Borrowed(_));
        assert_eq!(unfolded, !text.contains('–'), "{text}");
    }
}

#[test]
fn disguises_are_seen_through() {
    finds(
        BuiltIn::Card,
        &[
            // Full-width, Arabic-Indic, Devanagari, mathematical bold.
            "４１１１１１１１１１１１１１１１",
            "٤١١١١١١١١١١١١١١١",
            "४१११११११११११११११",
            "𝟒𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏",
            // No-break and thin spaces, non-breaking hyphen, en dash, zero-width space, soft hyphen, byte order mark.
            "4111\u{a0}1111\u{a0}1111\u{a0}1111",
            "4111\u{2009}1111\u{2009}1111\u{2009}1111",
            "4111\u{2011}1111\u{2011}1111\u{2011}1111",
            "4111–1111–1111–1111",
            "4111\u{200b}1111\u{200b}11111111",
            "41\u{ad}11111111111111",
            "\u{feff}4111111111111111\u{200d}",
        ],
    );
    finds(
        BuiltIn::Email,
        &[
            "jane＠example．org",
            "jane\u{200b}.doe@exam\u{2060}ple.org",
            "jane﹫example.org",
        ],
    );
    finds(
        BuiltIn::Iban,
        &["ＤＥ８９３７０４００４４０５３２０１３０００"],
    );
}

fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("4111 1111 1111 1111"),
        Just("@"),
        Just("%40"),
        Just("::"),
        Just("+"),
        Just("key="),
        Just("eyJ"),
        Just("sk-"),
        Just("-"),
        Just(" "),
        Just("."),
        Just("("),
        Just("\u{200b}"),
        Just("é"),
        Just("٤"),
        Just("DE89"),
        Just("0"),
        Just("a"),
    ];
    prop::collection::vec(prop_oneof![piece.prop_map(str::to_owned), ".{0,8}"], 0..40)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_breaks_a_pass(text in nasty()) {
        let detectors = all();
        let hits = detectors.find_all(&text);
        prop_assert_eq!(detectors.find(&text).is_some(), !hits.is_empty());
    }

    #[test]
    fn folding_twice_is_folding_once(text in ".*") {
        let once = fold(&text).into_owned();
        prop_assert_eq!(fold(&once).into_owned(), once);
    }

    #[test]
    fn a_card_is_found_wherever_it_stands(before in "([^0-9a-zA-Z]*|[a-z ]* )", after in "( [a-z ]*|[^0-9a-zA-Z]*)") {
        // What a number continues with or grows out of is another number.
        prop_assume!(before.chars().chain(after.chars()).all(|c| !c.is_numeric()));
        prop_assume!(!matches!(fold(&before).chars().last(), Some(c) if c.is_ascii_alphanumeric()));
        prop_assume!(!matches!(fold(&after).chars().next(), Some(c) if c.is_ascii_alphanumeric()));
        let text = format!("{before}4111111111111111{after}");
        prop_assert!(one(BuiltIn::Card).find(&text).is_some());
    }
}
