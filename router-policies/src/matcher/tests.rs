use proptest::prelude::*;

use super::{Facts, Glob, Matcher};
use crate::document::TextMatch;

fn matcher(models: &[&str], system: Option<TextMatch>, headers: &[(&str, &str)]) -> Matcher {
    Matcher {
        models: models.iter().map(|pattern| Glob::new(pattern)).collect(),
        system,
        headers: headers
            .iter()
            .map(|(n, v)| ((*n).to_owned(), Glob::new(v)))
            .collect(),
    }
}

fn takes(matcher: &Matcher, model: &str, system: &str, headers: &[(&str, &str)]) -> bool {
    let header = |name: &str| {
        headers
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    };
    matcher.matches(&Facts {
        model,
        system,
        header: &header,
    })
}

#[test]
fn globs_match_whole_names() {
    for (pattern, text, expected) in [
        ("gpt-4o", "gpt-4o", true),
        ("gpt-4o", "gpt-4o-mini", false),
        ("gpt-*", "gpt-4o", true),
        ("gpt-*", "gpt-", true),
        ("gpt-*", "my-gpt-4", false),
        ("*mini", "gpt-4o-mini", true),
        ("*-4*-m*i", "gpt-4o-mini", true),
        ("ab*ba", "aba", false),
        ("a*a", "a", false),
        ("*", "", true),
        ("**", "anything", true),
        ("a**b", "ab", true),
        ("", "", true),
        ("", "a", false),
        ("*é*", "café au lait", true),
        ("GPT-*", "gpt-4o", false),
    ] {
        assert_eq!(
            Glob::new(pattern).matches(text),
            expected,
            "{pattern} on {text}"
        );
    }
}

#[test]
fn a_hard_glob_is_still_fast() {
    let pattern = format!("{}c", "a*".repeat(2_000));
    let text = "a".repeat(200_000);
    assert!(!Glob::new(&pattern).matches(&text));
}

#[test]
fn globs_know_their_shape() {
    assert_eq!(Glob::new("gpt").literal(), Some("gpt"));
    assert_eq!(Glob::new("gpt*").literal(), None);
    assert!(Glob::new("***").matches_all());
    assert!(!Glob::new("a*").matches_all());
    assert_eq!(Glob::new("a**b*c").to_string(), "a*b*c");
}

#[test]
fn all_conditions_must_hold() {
    let system = Some(TextMatch::Contains("refund".to_owned()));
    let m = matcher(&["a", "b*"], system, &[("x-team", "support*")]);
    let team = [("x-team", "support-eu")];
    assert!(takes(&m, "a", "handle a refund", &team));
    assert!(takes(&m, "b2", "refund", &team));
    assert!(!takes(&m, "c", "refund", &team));
    assert!(!takes(&m, "a", "chat", &team));
    assert!(!takes(&m, "a", "refund", &[("x-team", "sales")]));
    assert!(!takes(&m, "a", "refund", &[]));
}

#[test]
fn text_conditions() {
    assert!(TextMatch::Equals(String::new()).holds(""));
    assert!(!TextMatch::Equals(String::new()).holds("x"));
    assert!(TextMatch::Prefix("You".to_owned()).holds("You are"));
    assert!(!TextMatch::Prefix("you".to_owned()).holds("You are"));
    assert!(TextMatch::Contains("are".to_owned()).holds("You are"));
}

#[test]
fn covering_is_noticed() {
    let all = matcher(&["*"], None, &[]);
    let gpt = matcher(&["gpt*"], None, &[]);
    let two = matcher(&["gpt-4", "gpt-5"], None, &[("x", "1")]);
    assert!(all.covers(&gpt) && all.covers(&two) && gpt.covers(&two));
    assert!(!gpt.covers(&all) && !two.covers(&gpt));
}

#[test]
fn facts_do_not_print_the_prompt() {
    let facts = Facts {
        model: "m",
        system: "secret",
        header: &|_| None,
    };
    assert!(!format!("{facts:?}").contains("secret"));
}

/// The textbook definition, exponential and obviously right.
fn naive(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], _) => text.is_empty(),
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|skip| naive(rest, &text[skip..])),
        ([p, rest @ ..], [t, more @ ..]) => p == t && naive(rest, more),
        (_, []) => false,
    }
}

fn condition() -> impl Strategy<Value = Option<TextMatch>> {
    prop_oneof![
        Just(None),
        "[ab]{0,2}".prop_map(|t| Some(TextMatch::Equals(t))),
        "[ab]{0,2}".prop_map(|t| Some(TextMatch::Prefix(t))),
        "[ab]{0,2}".prop_map(|t| Some(TextMatch::Contains(t))),
    ]
}

fn any_matcher() -> impl Strategy<Value = Matcher> {
    let models = prop::collection::vec("[ab*]{1,3}", 1..3);
    let headers = prop::collection::btree_map("[xy]", "[ab*]{1,2}", 0..2);
    (models, condition(), headers).prop_map(|(models, system, headers)| Matcher {
        models: models.iter().map(|m| Glob::new(m)).collect(),
        system,
        headers: headers
            .iter()
            .map(|(n, v)| (n.clone(), Glob::new(v)))
            .collect(),
    })
}

proptest! {
    #[test]
    fn globs_agree_with_the_definition(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
        prop_assert_eq!(
            Glob::new(&pattern).matches(&text),
            naive(pattern.as_bytes(), text.as_bytes())
        );
    }

    #[test]
    fn what_is_covered_matches(
        (one, other) in (any_matcher(), any_matcher()),
        model in "[ab]{0,3}",
        system in "[ab]{0,3}",
        header in prop::option::of("[ab]{0,2}"),
    ) {
        let headers: Vec<_> = header.iter().flat_map(|v| [("x", v.as_str()), ("y", v.as_str())]).collect();
        if one.covers(&other) && takes(&other, &model, &system, &headers) {
            prop_assert!(takes(&one, &model, &system, &headers), "{one:?} {other:?}");
        }
    }
}
