use proptest::prelude::*;

use super::{Marker, Role};
use crate::policy::Answer;

/// The text with `_` for each byte of the frame.
fn marks(text: &str) -> String {
    let mut marker = Marker::new(&Answer::Json);
    text.bytes()
        .map(|byte| match marker.mark(&[byte]) {
            Role::Decision => char::from(byte),
            Role::Frame => '_',
        })
        .collect()
}

#[test]
fn values_of_json_are_decisions_and_the_rest_is_frame() {
    for (text, expected) in [
        (r#"{"city":"Rome","n": 12}"#, r#"_________Rome"______12}"#),
        (
            r#"{"a":["x", {"b":null}],"c":{"d":"e"}}"#,
            r#"_______x"_______null_____________e"__"#,
        ),
        (
            r#"{"a\"b":"c\"d\\","e":-1e5}"#,
            r#"_________c\"d\\"_____-1e5}"#,
        ),
        (r#"["a",true]"#, r#"__a"_true_"#),
        (r#"{"a":{},"b":[ ]}"#, r#"______}_______]_"#),
        (r#"{}"#, r#"_}"#),
        (r#"[1, 20]"#, r#"_1,_20]"#),
        (r#"{"a":1 }"#, r#"_____1 _"#),
        (r#""lone""#, r#"_lone""#),
    ] {
        assert_eq!(marks(text), expected.to_owned(), "{text}");
    }
}

#[test]
fn what_is_not_json_counts_as_a_decision() {
    assert_eq!(marks("Sure: {\"a\":1}"), "Sure_______1}");
    assert_eq!(marks("}}]\"x\""), "____x\"");
}

#[test]
fn a_token_is_a_decision_as_soon_as_one_byte_is() {
    let mut marker = Marker::new(&Answer::Json);
    let roles: Vec<_> = [
        &b"{\""[..],
        b"city",
        b"\":\"",
        b"Ro",
        b"me\",\"",
        b"n",
        b"\":1}",
        b"",
    ]
    .into_iter()
    .map(|token| marker.mark(token))
    .collect();
    let (d, f) = (Role::Decision, Role::Frame);
    assert_eq!(roles, [f, f, f, d, d, f, d, f]);
}

#[test]
fn the_end_is_a_decision_where_digits_could_follow() {
    for (text, role) in [
        ("12", Role::Decision),
        ("12 ", Role::Frame),
        ("true", Role::Frame),
        ("[1]", Role::Frame),
    ] {
        let mut marker = Marker::new(&Answer::Json);
        marker.mark(text.as_bytes());
        assert_eq!(marker.mark(b""), role, "{text}");
    }
}

#[test]
fn texts_and_labels_are_decisions_throughout() {
    for answer in [Answer::Text, Answer::OneOf(["a".to_owned()].into())] {
        let mut marker = Marker::new(&answer);
        for token in [&b"{\""[..], b"a", b"", b" "] {
            assert_eq!(marker.mark(token), Role::Decision);
        }
    }
}

#[test]
fn depth_has_no_limit() {
    let text = format!("{}{{\"a\":1}}{}", "[".repeat(100), "]".repeat(100));
    let marks = marks(&text);
    assert_eq!(marks.len(), text.len());
    // Deeper than is remembered, keys cannot be told from values and count as such.
    assert_eq!(marks.trim_matches('_'), "a\"_1}");
}

proptest! {
    /// How the text is cut into tokens changes no byte's place.
    #[test]
    fn cuts_do_not_matter(text in r#"[\[\]{}",:\\ a1\n]{2,40}"#, at in 1..40_usize) {
        let bytes = text.as_bytes();
        let (left, right) = bytes.split_at(at.min(bytes.len() - 1));
        let mut marker = Marker::new(&Answer::Json);
        let halves = [marker.mark(left), marker.mark(right)];
        let single = marks(&text);
        let has = |part: &str| if part.bytes().any(|byte| byte != b'_') { Role::Decision } else { Role::Frame };
        let (head, tail) = single.split_at(left.len());
        prop_assert_eq!(halves, [has(head), has(tail)]);
    }

    /// In any JSON object of strings, exactly the values and their closing quotes are marked.
    #[test]
    fn any_object_of_strings(map in prop::collection::btree_map("[a-z\"\\\\{:,]{0,5}", "[a-z\"\\\\}:,é]{1,5}", 0..6)) {
        let text = serde_json::to_string(&map).unwrap();
        let values: usize = map.values().map(|value| serde_json::to_string(value).unwrap().len() - 1).sum();
        let expected = if map.is_empty() { 1 } else { values };
        prop_assert_eq!(marks(&text).chars().filter(|c| *c != '_').count(), expected);
    }
}
