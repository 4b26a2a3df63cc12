//! What a finished text says of itself without being wrong outright: it repeats itself, or what it was asked.

use std::collections::HashMap;

use serde_json::Value;

use super::refusal::hedges;
use super::words::{id, word_ids, words};
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
    pub(super) fn longest(words: &[u64]) -> Self {
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
            let ids: Vec<u64> = words.iter().map(|word| id(word)).collect();
            Soft {
                hedged: hedges(&words),
                copied: copied(&ids, messages),
                looped: Loop::longest(&ids).share(),
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
fn copied(text: &[u64], messages: &[&str]) -> Probability {
    if text.len() < SHORTEST_COPY {
        return Probability::ZERO;
    }
    let run = text.len().min(RUN);
    let mut starts: HashMap<u64, Vec<usize>> = HashMap::new();
    for (start, print) in prints(text, run).enumerate() {
        starts.entry(print).or_default().push(start);
    }
    let mut known = vec![false; text.len()];
    for message in messages {
        for print in prints(&word_ids(message), run) {
            // Each print of the text is looked at once, however often a message repeats it.
            for start in starts.remove(&print).unwrap_or_default() {
                known
                    .iter_mut()
                    .skip(start)
                    .take(run)
                    .for_each(|known| *known = true);
            }
        }
    }
    let covered = known.iter().filter(|known| **known).count();
    share(covered, text.len())
}

/// A fingerprint of every run of words, each from the one before it (Karp and Rabin 1987).
fn prints(words: &[u64], run: usize) -> impl Iterator<Item = u64> + '_ {
    const BASE: u64 = 0x9E37_79B9_7F4A_7C15;
    let oldest = (0..run).fold(1_u64, |power, _| power.wrapping_mul(BASE));
    let leaving = std::iter::repeat_n(&0, run).chain(words);
    let rolled = words
        .iter()
        .zip(leaving)
        .scan(0_u64, move |print, (new, old)| {
            *print = print
                .wrapping_mul(BASE)
                .wrapping_add(*new)
                .wrapping_sub(old.wrapping_mul(oldest));
            Some(*print)
        });
    rolled.skip(run.saturating_sub(1))
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
