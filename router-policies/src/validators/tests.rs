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
    for fine in ["hello", "7", "+", "👍", "?", "好"] {
        assert_eq!(check(&Answer::Text, fine, Finish::Stop), None);
    }
    for blank in [
        "",
        " ",
        "\n\t ",
        "\"\"",
        "```\n```",
        "...",
        "…",
        "\u{200B}\u{FEFF}",
    ] {
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
fn a_number_within_a_range_is_a_schema() {
    let schema = serde_json::json!({"type": "integer", "minimum": 1, "maximum": 5});
    let answer = Answer::JsonSchema(Schema::new(&schema).unwrap());
    for right in ["1", " 5\n", "3.0"] {
        assert_eq!(check(&answer, right, Finish::Stop), None, "{right}");
    }
    for wrong in ["0", "6", "2.5", "-3", "1e9", "NaN", "three", "1 2", "\"3\""] {
        assert_eq!(check(&answer, wrong, Finish::Stop), INVALID, "{wrong}");
    }
}

#[test]
fn a_refusal_is_a_reason_where_the_form_leaves_no_room_for_it() {
    let refusal = "I'm sorry, but I can't help with that.";
    let labels = Answer::OneOf(["yes".to_owned(), "no".to_owned()].into());
    let number = Answer::JsonSchema(Schema::new(&serde_json::json!({"type": "number"})).unwrap());
    let code = Answer::Regex(Pattern::new("[A-Z]{3}").unwrap());
    for answer in [labels, number, code, Answer::Json] {
        assert_eq!(check(&answer, refusal, Finish::Stop), Some(Reason::Refused));
        assert_eq!(check(&answer, "Sure, here it is.", Finish::Stop), INVALID);
    }
    assert_eq!(check(&Answer::Text, refusal, Finish::Stop), None);
    let allowed = Answer::OneOf([refusal.to_owned()].into());
    assert_eq!(check(&allowed, refusal, Finish::Stop), None);
}

#[test]
fn a_text_that_never_ends_is_repetitive() {
    let endless = format!("The answer is as follows: {}", "yes it is ".repeat(30));
    assert_eq!(
        check(&Answer::Text, &endless, Finish::Stop),
        Some(Reason::Repetitive)
    );
    let refrain =
        "la la la ".repeat(4) + &"and a verse of many other words that all differ ".repeat(2);
    assert_eq!(check(&Answer::Text, &refrain, Finish::Stop), None);
    let zeros = format!("[{}0]", "0, ".repeat(200));
    assert_eq!(
        check(&Answer::Json, &zeros, Finish::Stop),
        None,
        "a list may be"
    );
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
