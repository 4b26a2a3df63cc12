//! Whether a draft says the same as another answer.
//!
//! [`agrees`] compares with a known good answer, for calibrations. [`compare`] compares with what the upstream said, for
//! everything that is learnt while serving: it forgives what two good answers to one question differ in, such as the
//! dot after a label or the order of keys.

mod calls;
mod json;
mod said;
mod text;

#[cfg(test)]
mod tests;

use router_policies::Answer;
use serde_json::Value;

pub use said::{Called, Collected, Said};

/// The word of the comparison that goes by the words of free texts.
pub(super) const TEXT: &str = "text";

/// What a comparison found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compared {
    /// Whether the two answers count as the same.
    pub same: bool,
    /// How alike they are: 1 is the same, 0 has nothing in common.
    pub likeness: f64,
    /// The word under which the ledger knows the comparison.
    pub comparator: &'static str,
}

/// From when on two answers count as the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strictness {
    /// Least F1 over the fields of two JSON values.
    pub json_f1: f64,
    /// Least F1 over the words of two free texts.
    pub text_f1: f64,
    /// Largest difference of two numbers, relative to the larger.
    pub number: f64,
}

impl Default for Strictness {
    /// JSON must have the same fields with the same values, numbers must agree to nine digits, free texts must share
    /// four fifths of their words. Free text is the weak spot: two good answers in other words count as different,
    /// which errs on the safe side.
    fn default() -> Self {
        Self {
            json_f1: 1.0,
            text_f1: 0.8,
            number: 1e-9,
        }
    }
}

/// Compares two answers to one request on a route that asks for `shape`.
///
/// Where either calls tools, the calls decide (`tool_call`); else the form of the route's answer: `label` for a closed
/// list and for a pattern, `json`, and for free text `number` if both are numbers, else `text`.
#[must_use]
pub fn compare(shape: &Answer, one: &Said, other: &Said, strictness: &Strictness) -> Compared {
    if !(one.calls.is_empty() && other.calls.is_empty()) {
        return found("tool_call", calls::likeness(&one.calls, &other.calls), 1.0);
    }
    let (one, other) = (one.text.trim(), other.text.trim());
    match shape {
        Answer::OneOf(_) | Answer::Regex(_) => {
            found("label", text::label_likeness(one, other), 1.0)
        }
        Answer::Json | Answer::JsonSchema(_) => {
            found("json", json::likeness(one, other), strictness.json_f1)
        }
        Answer::Text => match text::number_likeness(one, other, strictness.number) {
            Some(likeness) => found("number", likeness, 1.0),
            None => found(TEXT, text::likeness(one, other), strictness.text_f1),
        },
    }
}

fn found(comparator: &'static str, likeness: f64, from: f64) -> Compared {
    // Sums of ratios: a hair below 1 is 1.
    let same = likeness >= from - 1e-9;
    Compared {
        same,
        likeness,
        comparator,
    }
}

/// Twice the shared part over the sum of both: 1 if nothing is missing on either side, also where both are empty.
fn f1(shared: usize, one: usize, other: usize) -> f64 {
    let count = |n: usize| u32::try_from(n).map_or_else(|_| f64::from(u32::MAX), f64::from);
    if one + other == 0 {
        1.0
    } else {
        2.0 * count(shared) / (count(one) + count(other))
    }
}

/// How many entries of `one` also stand in `other`, each counted once.
fn shared<T: Ord + Clone>(one: &[T], other: &[T]) -> usize {
    let (mut one, mut other) = (one.to_vec(), other.to_vec());
    one.sort_unstable();
    other.sort_unstable();
    let (mut left, mut right) = (one.iter().peekable(), other.iter().peekable());
    let mut count = 0;
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let order = a.cmp(b);
        count += usize::from(order.is_eq());
        if order.is_le() {
            left.next();
        }
        if order.is_ge() {
            right.next();
        }
    }
    count
}

/// Compares by the form of the route's answer: labels and text after trimming, JSON by value whatever the order of
/// its keys. A `gold` of null means that no answer of the local model can be right.
#[must_use]
pub fn agrees(shape: &Answer, draft: &str, gold: &Value) -> bool {
    match (shape, gold) {
        (_, Value::Null) => false,
        (Answer::Json | Answer::JsonSchema(_), Value::String(gold)) => {
            matches!((parse(draft), parse(gold)), (Some(a), Some(b)) if a == b)
        }
        (Answer::Json | Answer::JsonSchema(_), gold) => {
            parse(draft).is_some_and(|draft| draft == *gold)
        }
        (Answer::Text | Answer::OneOf(_) | Answer::Regex(_), Value::String(gold)) => {
            draft.trim() == gold.trim()
        }
        (Answer::Text | Answer::OneOf(_) | Answer::Regex(_), gold) => {
            parse(draft.trim()).is_some_and(|draft| draft == *gold)
        }
    }
}

fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}
