use super::*;
use crate::config::document::{self, Document};
use crate::config::schema::SCHEMA;

fn walked(text: &str) -> Vec<String> {
    let (tree, repeated) = Tree::parse(text).unwrap();
    assert_eq!(repeated, []);
    let walked = walk(&tree, Shape::new(&SCHEMA));
    walked.problems.iter().map(ToString::to_string).collect()
}

const GOOD: &str = "\
routes:
  - name: a
    match: { model: [x, \"y*\"], system: { prefix: p }, headers: { x-team: blue } }
    action: upstream-only
    local: { model: small, max_tokens: 16, deadline: 2s, answer: { one_of: [a, b] } }
    upstream: { name: large, model: big }
    threshold: 0.5
";

#[test]
fn good_form_passes() {
    assert_eq!(walked(GOOD), Vec::<String>::new());
}

/// What the walk says of one changed value; serde must refuse it, too.
fn said(from: &str, to: &str) -> Vec<String> {
    let text = GOOD.replacen(from, to, 1);
    assert_ne!(text, GOOD, "{from}");
    let said = walked(&text);
    let judged = document::read::<Document>(&text).is_err();
    assert_eq!(judged, !said.is_empty(), "{to}: {said:?}");
    said
}

/// What is written, what instead of it, and how the problem starts.
const WRONG: &[(&str, &str, &str)] = &[
    (
        "name: a",
        "nmae: a",
        "routes[0]: there is no key `nmae`; did you mean `name`? The keys here are: name, match",
    ),
    (
        "name: a",
        "name:",
        "routes[0].name: the value is missing; write a text, or leave the key out",
    ),
    (
        "name: a",
        "name: [a]",
        "routes[0].name: a list stands where a text should be; write a text",
    ),
    (
        "  - name: a\n   ",
        "  -",
        "routes[0]: `name` is missing; add `name`: How reports",
    ),
    (
        "[x, \"y*\"]",
        "{ x: y }",
        "routes[0].match.model: a map stands where a text or a list should be",
    ),
    (
        "[x, \"y*\"]",
        "[x, [y]]",
        "routes[0].match.model[1]: a list stands where a text should be",
    ),
    (
        "{ prefix: p }",
        "{ prefx: p }",
        "routes[0].match.system: there is no key `prefx`; did you mean `prefix`?",
    ),
    (
        "{ prefix: p }",
        "{ prefix: p, equals: p }",
        "routes[0].match.system: one of these keys must be here",
    ),
    (
        "{ prefix: p }",
        "p",
        "routes[0].match.system: a text stands where a map should be",
    ),
    (
        "upstream-only",
        "upstreamonly",
        "routes[0].action: `upstreamonly` is not known here; did you mean `upstream-only`?",
    ),
    (
        "16",
        "a few",
        "routes[0].local.max_tokens: `a few` is not a whole number",
    ),
    (
        "16",
        "-1",
        "routes[0].local.max_tokens: `-1` is not a whole number from 0 to 4294967295; write one that is",
    ),
    (
        "16",
        "1.5",
        "routes[0].local.max_tokens: `1.5` is not a whole number",
    ),
    (
        "2s",
        "2",
        "routes[0].local.deadline: `2` has no unit; write `2ms`",
    ),
    (
        "2s",
        "soon",
        "routes[0].local.deadline: `soon` is not a duration; write whole numbers with units",
    ),
    (
        "2s",
        "[2s]",
        "routes[0].local.deadline: a list stands where a duration should be; write for example `250ms`",
    ),
    (
        "{ one_of: [a, b] }",
        "{ one_of: a }",
        "routes[0].local.answer.one_of: a text stands where a list should be",
    ),
    (
        "{ one_of: [a, b] }",
        "{ oneof: [a, b] }",
        "routes[0].local.answer: there is no key `oneof`; did you mean `one_of`?",
    ),
    (
        "{ one_of: [a, b] }",
        "csv",
        "routes[0].local.answer: `csv` is not known here; write one of `text`, `json`, or a map with `one_of`",
    ),
    (
        "0.5",
        "150%",
        "routes[0].threshold: `150%` is not between 0 % and 100 %",
    ),
    (
        "0.5",
        "2",
        "routes[0].threshold: 2 is not between 0 and 1; write a percentage",
    ),
    (
        "model: big",
        "model: big, temperature: 1",
        "routes[0].upstream: there is no key `temperature`; the keys here are: name, model",
    ),
];

#[test]
fn every_kind_of_wrong_form_is_told() {
    for (from, to, expected) in WRONG {
        let said = said(from, to);
        assert_eq!(said.len(), 1, "{to}: {said:?}");
        assert!(said[0].starts_with(expected), "{to}: {}", said[0]);
    }
}

#[test]
fn what_serde_accepts_passes() {
    for (from, to) in [
        ("name: a", "name: 5"),
        ("name: a", "name: 'null'"),
        ("16", "0x10"),
        ("16", "~"),
        ("16", "\"16\""),
        ("2s", "' 2 s '"),
        ("2s", ""),
        ("0.5", "\"0.5\""),
        ("0.5", "0x1"),
        ("0.5", "1"),
        ("{ one_of: [a, b] }", "json"),
        ("{ one_of: [a, b] }", "{ one_of: [] }"),
        ("upstream-only", "|-\n      upstream-only"),
    ] {
        let said = said(from, to);
        assert_eq!(said, Vec::<String>::new(), "{to}");
    }
}

#[test]
fn a_shape_without_rules_takes_anything() {
    let anything = serde_json::json!({ "type": "object", "additionalProperties": true });
    let (tree, _) = Tree::parse("a: { b: [1, x] }").unwrap();
    assert!(walk(&tree, Shape::new(&anything)).problems.is_empty());
}
