//! What a finished text says of itself without being wrong outright: it repeats itself, or what it was asked.

use std::collections::HashSet;

use serde_json::Value;

use super::refusal::hedges;
use super::words::words;
use crate::number::{count, real};
use crate::policy::Answer;
use crate::signals::Soft;
use crate::units::Probability;

/// Words in a row that are no coincidence.
const RUN: usize = 8;
/// Answers of fewer words are names and values, which come from the request as a matter of course.
const SHORTEST_COPY: usize = 4;
/// Longest phrase whose repetition is looked for, in words.
const LONGEST_PHRASE: usize = 32;
/// Fewest words that a repetition covers; shorter ones occur in any text.
const SHORTEST_LOOP: usize = 12;

/// A phrase said again and again without a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Loop {
    /// Words it covers.
    pub(super) covered: usize,
    /// Words of the phrase.
    pub(super) phrase: usize,
    /// Words of the text.
    pub(super) total: usize,
}

impl Loop {
    /// The repetition that covers most of the text: a phrase of up to 32 words, at least three times in a row, 12 words
    /// or more in all. Cost: linear in the text.
    pub(super) fn longest(words: &[String]) -> Self {
        let total = words.len();
        let of = |phrase: usize| {
            let (mut run, mut longest) = (0_usize, 0_usize);
            for (word, before) in words.iter().skip(phrase).zip(words) {
                run = if word == before { run + 1 } else { 0 };
                longest = longest.max(run);
            }
            let covered = longest + phrase;
            let counts = longest >= 2 * phrase && covered >= SHORTEST_LOOP;
            Self {
                covered: if counts { covered } else { 0 },
                phrase,
                total,
            }
        };
        // Of equal repetitions the shortest phrase is the one that is repeated.
        let longer = |best: Self, next: Self| {
            if next.covered > best.covered {
                next
            } else {
                best
            }
        };
        (1..=LONGEST_PHRASE).map(of).fold(Self::default(), longer)
    }

    /// Share of the text that it covers.
    fn share(self) -> Probability {
        share(self.covered, self.total)
    }
}

/// What a finished draft says of itself; a feature each, for the scorer to weigh.
///
/// `messages` are the texts of the request. Of a free text, all is looked at; of JSON, the strings in it for hedging and
/// whether it holds any value; a text from a closed list or of a given pattern has nothing to say of itself.
pub fn inspect(answer: &Answer, text: &str, messages: &[&str]) -> Soft {
    match answer {
        Answer::Text => {
            let words = words(text);
            Soft {
                hedged: hedges(&words),
                copied: copied(&words, messages),
                looped: Loop::longest(&words).share(),
                empty: false,
            }
        }
        Answer::Json | Answer::JsonSchema(_) => {
            serde_json::from_str(text).map_or(Soft::NOTHING, |value: Value| Soft {
                hedged: any_string(&value, &|text| hedges(&words(text))),
                empty: is_empty(&value),
                ..Soft::NOTHING
            })
        }
        Answer::OneOf(_) | Answer::Regex(_) => Soft::NOTHING,
    }
}

/// Share of the words that stand in runs of eight or more as in one of the messages; of a shorter text, whether all
/// of it does. Cost: linear in the texts.
fn copied(text: &[String], messages: &[&str]) -> Probability {
    if text.len() < SHORTEST_COPY {
        return Probability::ZERO;
    }
    let run = text.len().min(RUN);
    let messages: Vec<Vec<String>> = messages.iter().map(|message| words(message)).collect();
    let known: HashSet<&[String]> = messages
        .iter()
        .flat_map(|words| words.windows(run))
        .collect();
    let (mut covered, mut until) = (0, 0);
    for (start, window) in text.windows(run).enumerate() {
        if known.contains(window) {
            covered += start + run - until.max(start);
            until = start + run;
        }
    }
    share(covered, text.len())
}

fn share(part: usize, whole: usize) -> Probability {
    Probability::of_bad(real(count(part)) / real(count(whole).max(1)))
}

fn any_string(value: &Value, says: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => says(text),
        Value::Array(values) => values.iter().any(|value| any_string(value, says)),
        Value::Object(fields) => fields.values().any(|value| any_string(value, says)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether there is no value in it: nothing but nulls, blank strings and containers of such.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(values) => values.iter().all(is_empty),
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests;
