use super::check;
use crate::policy::{Answer, Pattern, Schema};
use crate::signals::Finish;
use crate::verdict::Reason;

const INVALID: Option<Reason> = Some(Reason::InvalidAnswer);

#[test]
fn a_truncated_draft_fails_whatever_it_says() {
    for answer in [
        Answer::Text,
        Answer::Json,
        Answer::OneOf(["{}".to_owned()].into()),
    ] {
        assert_eq!(
            check(&answer, "{}", Finish::Length),
            Some(Reason::Truncated)
        );
        assert_eq!(check(&answer, "{}", Finish::Stop), None);
    }
}

#[test]
fn a_text_must_not_be_blank() {
    assert_eq!(check(&Answer::Text, "hello", Finish::Stop), None);
    for blank in ["", " ", "\n\t "] {
        assert_eq!(check(&Answer::Text, blank, Finish::Stop), INVALID);
    }
}

#[test]
fn a_label_must_be_one_of_the_list_exactly() {
    let answer = Answer::OneOf(["yes".to_owned(), "no".to_owned()].into());
    assert_eq!(check(&answer, "no", Finish::Stop), None);
    for wrong in ["", "No", "no ", "maybe", "yes no"] {
        assert_eq!(check(&answer, wrong, Finish::Stop), INVALID, "{wrong}");
    }
}

#[test]
fn json_must_be_one_object_or_array() {
    for right in ["{}", "[]", " {\"a\": [1, 2]}\n", "[null]"] {
        assert_eq!(check(&Answer::Json, right, Finish::Stop), None, "{right}");
    }
    let deep = "[".repeat(100_000);
    for wrong in [
        "",
        "1",
        "\"a\"",
        "null",
        "{",
        "{} {}",
        "```json\n{}\n```",
        "{'a': 1}",
        &deep,
    ] {
        assert_eq!(check(&Answer::Json, wrong, Finish::Stop), INVALID);
    }
}

#[test]
fn a_pattern_describes_the_whole_text() {
    let answer = Answer::Regex(Pattern::new("yes|no").unwrap());
    assert_eq!(check(&answer, "no", Finish::Stop), None);
    for wrong in ["", "yes no", "no\n", "NO"] {
        assert_eq!(check(&answer, wrong, Finish::Stop), INVALID, "{wrong}");
    }
}

#[test]
fn a_schema_allows_one_json_value() {
    let schema = serde_json::json!({
        "type": "object",
        "properties": {"total": {"type": "number", "minimum": 0}, "id": {"$ref": "#/$defs/id"}},
        "required": ["total"],
        "additionalProperties": false,
        "$defs": {"id": {"type": "string", "pattern": "^[A-Z]+$"}},
    });
    let answer = Answer::JsonSchema(Schema::new(&schema).unwrap());
    for right in ["{\"total\": 1.5}", " {\"total\": 0, \"id\": \"AB\"}\n"] {
        assert_eq!(check(&answer, right, Finish::Stop), None, "{right}");
    }
    for wrong in [
        "",
        "{}",
        "{\"total\": -1}",
        "{\"total\": 1, \"id\": \"a\"}",
        "{\"total\": 1, \"x\": 1}",
        "{\"total\": 1} {}",
        "[1]",
    ] {
        assert_eq!(check(&answer, wrong, Finish::Stop), INVALID, "{wrong}");
    }
    assert_eq!(
        check(&answer, "{\"total\": 1}", Finish::Length),
        Some(Reason::Truncated)
    );
}
