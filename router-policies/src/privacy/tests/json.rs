//! Documents of JSON: wherever something private is put, it is found.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{BuiltIn, Detector, Detectors, Finding};

fn detectors() -> Detectors {
    Detectors::compile(&[
        Detector::BuiltIn(BuiltIn::Email),
        Detector::BuiltIn(BuiltIn::Card),
        Detector::BuiltIn(BuiltIn::NlBsn),
        Detector::Pattern {
            name: "ticket",
            regex: r"\bTCK-[0-9]{6}\b",
        },
        Detector::Pattern {
            name: "staff",
            regex: "^STAFF [0-9]+$",
        },
    ])
    .unwrap()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "reads better at the many calls"
)]
fn found(document: Value) -> String {
    match detectors().find_in(&document) {
        None => "nothing".to_owned(),
        Some(Finding::Unreadable) => "unreadable".to_owned(),
        Some(Finding::Private(name)) => name.to_string(),
    }
}

#[test]
fn values_keys_and_numbers_are_read() {
    assert_eq!(found(json!({"a": [{"b": "x@example.org"}]})), "email");
    assert_eq!(found(json!({"x@example.org": true})), "email");
    assert_eq!(found(json!({"x@example.org": {"a": 1}})), "email");
    assert_eq!(found(json!({"a": 4_111_111_111_111_111_u64})), "card");
    assert_eq!(found(json!({"a": 4_111_111_111_111_111.0})), "card");
    assert_eq!(found(json!({"a": "TCK-123456"})), "ticket");
    assert_eq!(found(json!({"a": "STAFF 77"})), "staff", "ends of a value");
    assert_eq!(found(json!({"a": "a STAFF 77"})), "nothing");
    assert_eq!(found(json!({"a": 4_111_111_111_111_112_u64})), "nothing");
    assert_eq!(
        found(json!({"a": null, "b": true, "c": [1.5, -2]})),
        "nothing"
    );
}

#[test]
fn a_key_says_what_its_value_is() {
    assert_eq!(found(json!({"bsn": "111222333"})), "nl-bsn");
    assert_eq!(found(json!({"bsn": 111_222_333})), "nl-bsn");
    assert_eq!(found(json!({"bsn": [111_222_333]})), "nl-bsn");
    assert_eq!(found(json!({"order": "111222333"})), "nothing");
}

#[test]
fn values_are_not_read_as_one() {
    assert_eq!(found(json!(["4111 1111", "1111 1111"])), "nothing");
    assert_eq!(
        found(json!({"a": "4111 1111", "b": "1111 1111"})),
        "nothing"
    );
}

#[test]
fn parts_of_a_message_are_read_joined() {
    let parts = json!([
        {"type": "text", "text": "my card is 4111 1111"},
        {"type": "text", "text": " 1111 1111, thanks"},
    ]);
    assert_eq!(found(json!({"role": "user", "content": parts})), "card");
}

#[test]
fn json_within_strings_is_read() {
    let escaped = r#"{"to": "x\u0040example.org"}"#;
    assert_eq!(found(json!({ "arguments": escaped })), "email");
    let line = "a\\n4111 1111 1111 1111";
    assert_eq!(found(json!(line)), "card", "the n is no letter before it");
    let mut nested = "x@example.org".replace('@', r"\u0040");
    for depth in 1..4 {
        assert_eq!(found(json!({ "v": nested })), "email", "{depth} deep");
        nested = json!({ "v": nested }).to_string();
    }
    assert_eq!(found(json!(r"\ud835\udfd2111111111111111")), "card");
    for odd in [
        r"\ud835",
        r"\ud835\u0041",
        r"\u12",
        r"\u+123",
        r"\",
        r"\x",
        r"C:\users\nobody",
    ] {
        assert_eq!(found(json!(odd)), "nothing", "{odd}");
    }
}

#[test]
fn encoded_data_is_no_text() {
    let block = "SGVsbG8gd29ybGQh0123".repeat(13);
    assert_eq!(found(json!(format!("see {block} there"))), "unreadable");
    assert_eq!(
        found(json!(format!("data:image/png;base64,{block}"))),
        "unreadable"
    );
    let wrapped: Vec<&str> = (0..4).map(|at| &block[at * 64..(at + 1) * 64]).collect();
    assert_eq!(found(json!(wrapped.join("\n"))), "unreadable");
    assert_eq!(found(json!(wrapped.join("\r\n"))), "unreadable");
    assert_eq!(found(json!(wrapped.join(" "))), "nothing");
    let both = json!([block, "x@example.org"]);
    assert_eq!(found(both), "email", "what was found is told");
    for plain in [
        "-".repeat(300),
        "a1".repeat(200),
        "Word1 ".repeat(100),
        "Line1\n".repeat(100),
    ] {
        assert_eq!(found(json!(plain)), "nothing", "{plain}");
    }
}

#[test]
fn long_documents_are_read_to_the_end() {
    let mut entries = vec![json!("nothing to see here"); 20_000];
    entries.push(json!("x@example.org"));
    assert_eq!(found(json!(entries)), "email");
}

/// Documents of any form without anything private.
fn innocent() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (0_u32..1000).prop_map(Value::from),
        "[a-z ,.äß\"\\\\\n/]{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,8}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Puts `planted` at the place that `way` leads to: a step a level, down to a leaf.
fn plant(document: &mut Value, way: &[usize], planted: &Value) {
    let (step, rest) = match way.split_first() {
        Some((step, rest)) => (*step, rest),
        None => (0, way),
    };
    match document {
        Value::Array(entries) if !entries.is_empty() => {
            let at = step % entries.len();
            plant(&mut entries[at], rest, planted);
        }
        Value::Object(fields) if !fields.is_empty() => {
            let at = step % fields.len();
            plant(fields.values_mut().nth(at).unwrap(), rest, planted);
        }
        leaf => *leaf = planted.clone(),
    }
}

proptest! {
    #[test]
    fn innocent_documents_have_nothing(document in innocent()) {
        prop_assert_eq!(found(document), "nothing");
    }

    #[test]
    fn what_is_planted_is_found(
        mut document in innocent(),
        way in prop::collection::vec(0_usize..4, 0..6),
        around in ("[a-z .,\"\\\\\n]{0,20}", "[a-z .,\"\\\\\n]{0,20}"),
        escapes in any::<bool>(),
        depth in 0_usize..3,
    ) {
        let secret = "TCK-123456";
        let mut text = format!("{} {secret} {}", around.0, around.1);
        if escapes {
            let unicode = |c: char| format!("\\u{:04x}", u32::from(c));
            text = text.replace(secret, &secret.chars().map(unicode).collect::<String>());
        }
        for _ in 0..depth {
            text = json!({ "v": text }).to_string();
        }
        plant(&mut document, &way, &json!(text));
        prop_assert_eq!(found(document), "ticket");
    }
}
