//! Which tokens of a draft carry the answer, and which only hold it together.

use serde::{Deserialize, Serialize};

use self::json::JsonScan;
use crate::policy::Answer;

mod json;

/// What a token is to the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It carries the answer: a label, a value, a word of free text.
    #[default]
    Decision,
    /// It holds the answer together: punctuation, keys and white space of JSON, and the end of a JSON object or array.
    Frame,
}

/// Tells decision tokens from the frame while they arrive.
///
/// Of a text or a closed list, every token is a decision. Of JSON, a token is one as soon as one of its bytes belongs
/// to a value: what is between the quotes of a string, a number or a literal, what settles where a string or a number
/// ends (the closing quote, the byte after the last digit), or an empty object or array. Bytes that no JSON has at their
/// place count as decisions too.
///
/// Each byte costs the same, however long the draft is. Forced tokens must be shown to it as well.
#[derive(Debug, Clone)]
pub struct Marker(Form);

#[derive(Debug, Clone)]
enum Form {
    Whole,
    Json(JsonScan),
}

impl Marker {
    /// A marker at the start of a draft that ought to be `answer`.
    pub fn new(answer: &Answer) -> Self {
        match answer {
            Answer::Text | Answer::OneOf(_) | Answer::Regex(_) => Self(Form::Whole),
            Answer::Json | Answer::JsonSchema(_) => Self(Form::Json(JsonScan::default())),
        }
    }

    /// The role of the next token, whose text is `bytes`. A token need not be whole characters; the end token is
    /// empty.
    pub fn mark(&mut self, bytes: &[u8]) -> Role {
        match &mut self.0 {
            Form::Whole => Role::Decision,
            Form::Json(scan) => {
                let ends_number = bytes.is_empty() && scan.in_number();
                // Every byte has to be seen, so `any`, which stops at the first, will not do.
                let value = bytes.iter().filter(|byte| scan.is_value(**byte)).count() > 0;
                let value = value || ends_number;
                if value { Role::Decision } else { Role::Frame }
            }
        }
    }
}

#[cfg(test)]
mod tests;
