//! Whether a draft says the same as a known good answer.

use router_policies::Answer;
use serde_json::Value;

/// Compares by the form of the route's answer: labels and text after trimming, JSON by value whatever the order of
/// its keys. A `gold` of null means that no answer of the local model can be right.
#[must_use]
pub fn agrees(shape: &Answer, draft: &str, gold: &Value) -> bool {
    match (shape, gold) {
        (_, Value::Null) => false,
        (Answer::Json, Value::String(gold)) => {
            matches!((parse(draft), parse(gold)), (Some(a), Some(b)) if a == b)
        }
        (Answer::Json, gold) => parse(draft).is_some_and(|draft| draft == *gold),
        (Answer::Text | Answer::OneOf(_), Value::String(gold)) => draft.trim() == gold.trim(),
        (Answer::Text | Answer::OneOf(_), gold) => {
            parse(draft.trim()).is_some_and(|draft| draft == *gold)
        }
    }
}

fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
}
