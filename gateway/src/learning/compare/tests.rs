use proptest::prelude::*;
use router_policies::Pattern;
use serde_json::json;

use super::said::Collected;
use super::*;

fn labels() -> Answer {
    Answer::OneOf(vec!["yes".to_owned(), "no".to_owned()].into())
}

fn same(shape: &Answer, one: &str, other: &str) -> (bool, &'static str) {
    let found = compare(
        shape,
        &Said::text(one),
        &Said::text(other),
        &Strictness::default(),
    );
    (found.same, found.comparator)
}

fn call(name: &str, arguments: &str) -> Called {
    Called {
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    }
}

fn calling(calls: Vec<Called>) -> Said {
    Said {
        text: String::new(),
        calls,
    }
}

#[test]
fn json_is_compared_by_value() {
    assert!(agrees(
        &Answer::Json,
        r#"{"b": 1, "a": "x"}"#,
        &json!({ "a": "x", "b": 1 })
    ));
    assert!(agrees(&Answer::Json, r#"{"a":1}"#, &json!("{ \"a\": 1 }")));
    assert!(!agrees(&Answer::Json, r#"{"a":1"#, &json!({ "a": 1 })));
    assert!(!agrees(
        &Answer::Json,
        r#"{"a":["x","y"]}"#,
        &json!({ "a": ["y", "x"] })
    ));
}

#[test]
fn text_is_compared_trimmed_and_null_is_never_right() {
    assert!(agrees(&Answer::Text, " yes\n", &json!("yes")));
    assert!(!agrees(&Answer::Text, "no", &json!("yes")));
    assert!(agrees(&Answer::Text, "42", &json!(42)));
    assert!(!agrees(&Answer::Text, "null", &Value::Null));
}

#[test]
fn labels_forgive_what_large_models_put_around_them() {
    for other in ["yes", " Yes.", "\"yes\"", "`yes`", "**yes**", "YES"] {
        assert_eq!(same(&labels(), "yes", other), (true, "label"), "{other}");
    }
    for other in ["no", "yes, of course", ""] {
        assert_eq!(same(&labels(), "yes", other), (false, "label"), "{other}");
    }
}

#[test]
fn what_a_pattern_describes_is_the_same_or_not() {
    let code = Answer::Regex(Pattern::new("ticket [A-Z]+ of room [0-9]+").unwrap());
    let one = "ticket AB of room 12";
    assert_eq!(same(&code, one, one), (true, "label"));
    assert_eq!(same(&code, one, "ticket AB of room 13"), (false, "label"));
}

#[test]
fn json_forgives_order_numbers_and_fences_only() {
    let draft = r#"{"city": "Oslo", "count": 2, "tags": ["a", "b"]}"#;
    for other in [
        r#"{"tags":["a","b"],"count":2.0,"city":"Oslo"}"#,
        "```json\n{\"city\": \"Oslo\", \"count\": 2e0, \"tags\": [\"a\", \"b\"]}\n```",
    ] {
        assert_eq!(same(&Answer::Json, draft, other), (true, "json"), "{other}");
    }
    for other in [
        r#"{"city":"Oslo","count":3,"tags":["a","b"]}"#,
        r#"{"city":"Oslo","count":2,"tags":["b","a"]}"#,
        r#"{"city":"Oslo","count":2}"#,
        r#"{"city":"Oslo","count":"2","tags":["a","b"]}"#,
        "Oslo",
    ] {
        assert_eq!(
            same(&Answer::Json, draft, other),
            (false, "json"),
            "{other}"
        );
    }
}

#[test]
fn fields_of_json_count_one_by_one() {
    let lenient = Strictness {
        json_f1: 0.75,
        ..Strictness::default()
    };
    let one = Said::text(r#"{"a": 1, "b": 2, "c": 3, "d": 4}"#);
    let three_of_four = Said::text(r#"{"a": 1, "b": 2, "c": 3, "d": 5}"#);
    let found = compare(&Answer::Json, &one, &three_of_four, &lenient);
    assert!((found.likeness - 0.75).abs() < 1e-12 && found.same);
    let half = Said::text(r#"{"a": 1, "b": 2, "c": 0, "d": 0}"#);
    assert!(!compare(&Answer::Json, &one, &half, &lenient).same);
}

#[test]
fn calls_are_the_same_tools_with_the_same_arguments() {
    let compare = |one: Vec<Called>, other: Vec<Called>| {
        compare(
            &Answer::Text,
            &calling(one),
            &calling(other),
            &Strictness::default(),
        )
    };
    let one = || {
        vec![
            call("weather", r#"{"city":"Oslo","days":1}"#),
            call("now", ""),
        ]
    };
    let turned = vec![
        call("now", "{}"),
        call("weather", r#"{ "days": 1.0, "city": "Oslo" }"#),
    ];
    let found = compare(one(), turned);
    assert_eq!((found.same, found.comparator), (true, "tool_call"));
    let wrong = vec![
        call("weather", r#"{"city":"Oslo","days":2}"#),
        call("now", ""),
    ];
    assert!(!compare(one(), wrong).same);
    assert!(
        !compare(one(), vec![call("now", "")]).same,
        "one call too few"
    );
    assert!(!compare(one(), Vec::new()).same, "none at all");
}

#[test]
fn numbers_and_texts() {
    let text = |one, other| same(&Answer::Text, one, other);
    assert_eq!(text("1,234.50", "1234.5"), (true, "number"));
    assert_eq!(text("42", "43"), (false, "number"));
    assert_eq!(text("$5", "5"), (false, "number"), "five what?");
    assert_eq!(
        text("The answer is: blue.", "the answer is blue"),
        (true, "text")
    );
    assert_eq!(text("blue", "the answer is red"), (false, "text"));
}

#[test]
fn answers_are_read_from_completions_and_streams() {
    let whole = json!({ "choices": [{ "index": 0, "finish_reason": "stop", "message": {
        "content": "hello", "tool_calls": [{ "id": "1", "function": { "name": "f", "arguments": "{}" } }],
    }}]});
    let said = Said::of_completion(&whole).unwrap();
    assert_eq!((said.text.as_str(), said.calls.len()), ("hello", 1));
    let cut =
        json!({ "choices": [{ "finish_reason": "length", "message": { "content": "hel" } }] });
    assert_eq!(
        Said::of_completion(&cut),
        None,
        "half an answer is no measure"
    );

    let mut collected = Collected::default();
    let delta = |delta: Value| json!({ "choices": [{ "index": 0, "delta": delta }] });
    collected.push(&delta(json!({ "content": "hel" })));
    collected.push(&json!({ "choices": [{ "index": 1, "delta": { "content": "other" } }] }));
    collected.push(&delta(json!({ "content": "lo" })));
    for part in [
        json!({ "name": "f", "arguments": "{\"a\":" }),
        json!({ "arguments": "1}" }),
    ] {
        collected.push(&delta(
            json!({ "tool_calls": [{ "index": 0, "function": part }] }),
        ));
    }
    let said = collected.finish().unwrap();
    assert_eq!(
        (said.text.as_str(), &said.calls),
        ("hello", &vec![call("f", "{\"a\":1}")])
    );
}

#[test]
fn endless_answers_are_let_go() {
    let mut collected = Collected::default();
    let chunk = json!({ "choices": [{ "delta": { "content": "x".repeat(100_000) } }] });
    for _ in 0..3 {
        collected.push(&chunk);
    }
    assert!(
        format!("{collected:?}").contains("0 bytes"),
        "{collected:?}"
    );
    assert_eq!(collected.finish(), None);
}

#[test]
fn what_was_said_is_not_shown() {
    let said = calling(vec![call("secret", "secret")]);
    assert!(!format!("{said:?} {:?}", said.calls).contains("secret"));
}

proptest! {
    #[test]
    fn comparing_is_symmetric_and_finds_itself(one in "\\PC{0,60}", other in "\\PC{0,60}") {
        for shape in [Answer::Text, Answer::Json, labels()] {
            let both = |a: &str, b: &str| {
                compare(&shape, &Said::text(a), &Said::text(b), &Strictness::default())
            };
            prop_assert_eq!(both(&one, &other), both(&other, &one));
            if shape != Answer::Json {
                prop_assert!(both(&one, &one).same);
            }
        }
    }
}
