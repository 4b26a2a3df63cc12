//! Checks of finished drafts.
//!
//! Some are hard, [`check`] and [`Tools::check`]: such a draft is not the answer, whatever the model thinks of it. Others,
//! [`inspect`], are soft: features of which the scorer learns what they are worth. Refusing or repeating oneself is hard
//! only where it cannot be what was asked for.

mod refusal;
mod soft;
mod tool_call;
mod words;

use serde_json::Value;

pub use soft::inspect;
pub use tool_call::{CallProblem, ToolCall, ToolChoice, Tools, ToolsError};

use self::refusal::refuses;
use self::soft::Loop;
use self::words::{word_ids, words};
use crate::policy::Answer;
use crate::signals::Finish;
use crate::verdict::Reason;

/// Fewest repetitions of a phrase, and words in all, that are a loop and no emphasis.
const ENDLESS: usize = 8;
const ENDLESS_WORDS: usize = 32;

/// What is wrong with a draft; `None` if nothing is.
///
/// A draft that hit its token limit is [`Reason::Truncated`] even if what there is of it would pass. A text that fails
/// the form below and begins as a refusal is [`Reason::Refused`]; a free text of which more than half is one phrase, eight
/// times or more in a row over 32 words or more, is [`Reason::Repetitive`]. The rest is [`Reason::InvalidAnswer`]: a text
/// of nothing but white space, quotes and dots, a text that is not exactly one of the list, anything but one JSON object
/// or array with at most white space around it, a text that the regular expression does not describe as a whole, or
/// anything but one JSON value that the schema allows. A number within a range is a schema too:
/// `{type: number, minimum: 0, maximum: 10}`.
pub fn check(answer: &Answer, text: &str, finish: Finish) -> Option<Reason> {
    if finish == Finish::Length {
        return Some(Reason::Truncated);
    }
    let valid = match answer {
        Answer::Text => return check_text(text),
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
    if valid {
        None
    } else if refuses(&words(text)) {
        Some(Reason::Refused)
    } else {
        Some(Reason::InvalidAnswer)
    }
}

/// A refusal in words may be the right answer; the scorer sees it as a feature.
fn check_text(text: &str) -> Option<Reason> {
    if text.chars().all(says_nothing) {
        return Some(Reason::InvalidAnswer);
    }
    let found = Loop::longest(&word_ids(text));
    let endless = found.covered >= ENDLESS_WORDS.max(ENDLESS * found.phrase)
        && 2 * found.covered > found.total;
    endless.then_some(Reason::Repetitive)
}

/// White space, invisible characters, quotes, code fences and dots.
fn says_nothing(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(
            c,
            '"' | '\''
                | '`'
                | '.'
                | '…'
                | '“'
                | '”'
                | '„'
                | '‘'
                | '’'
                | '«'
                | '»'
                | '\u{AD}'
                | '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}'
        )
}

#[cfg(test)]
mod tests;
