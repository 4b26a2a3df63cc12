//! Checks that a finished draft must pass whatever the model thinks of it.

use serde_json::Value;

use crate::policy::Answer;
use crate::signals::Finish;
use crate::verdict::Reason;

/// What is wrong with a draft; `None` if nothing is.
///
/// A draft that hit its token limit is [`Reason::Truncated`] even if what there is of it would pass. The rest is
/// [`Reason::InvalidAnswer`]: a blank text, a text that is not exactly one of the list, anything but one JSON object or
/// array with at most white space around it, a text that the regular expression does not describe as a whole, or
/// anything but one JSON value that the schema allows.
pub fn check(answer: &Answer, text: &str, finish: Finish) -> Option<Reason> {
    if finish == Finish::Length {
        return Some(Reason::Truncated);
    }
    let valid = match answer {
        Answer::Text => !text.trim().is_empty(),
        Answer::Json => {
            matches!(
                serde_json::from_str(text),
                Ok(Value::Object(_) | Value::Array(_))
            )
        }
        Answer::OneOf(labels) => labels.iter().any(|label| label == text),
        Answer::Regex(pattern) => pattern.matches(text),
        Answer::JsonSchema(schema) => {
            serde_json::from_str(text).is_ok_and(|value: Value| schema.allows(&value))
        }
    };
    (!valid).then_some(Reason::InvalidAnswer)
}

#[cfg(test)]
mod tests;
