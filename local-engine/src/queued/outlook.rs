//! What the jobs that are present will still take: how long a new one would wait.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::engine::{Estimate, Event, LocalEngine};
use crate::job::{Constraint, Job};
use crate::rates::{Line, Rates};
use crate::vitals::FirstTokens;

/// Kinds of answers whose length is remembered; the one that was not met for longest is forgotten.
const KINDS: usize = 32;
/// Of English text, until something was measured.
const TOKENS_PER_BYTE: f64 = 0.25;
/// Weight of the newest answer's length.
const WEIGHT: f64 = 0.1;

/// Expected times of all jobs that compute or wait, in their order, and what the expectations rest on.
#[derive(Debug)]
pub(super) struct Outlook {
    rates: Rates,
    /// Bytes of text to tokens of prompt: jobs without a limit are not counted before they compute.
    prompts: Line,
    /// Tokens of answers by kind, the kind met last at the end.
    answers: Vec<(Kind, f64)>,
    present: BTreeMap<u64, Expected>,
    next: u64,
    first_tokens: FirstTokens,
}

/// Jobs of one kind have answers of about the same length.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kind {
    max_tokens: u32,
    /// The size of what it is held to; two of the same size are taken for one.
    constraint: Option<usize>,
    lora: Option<String>,
}

#[derive(Debug, Clone, Copy)]
struct Expected {
    time: Duration,
    began: Option<Instant>,
}

/// A job as it is known on arrival.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) id: u64,
    /// Wait before it computes, and the reading of its prompt.
    pub(super) estimate: Estimate,
    kind: Kind,
    bytes: f64,
    at: Instant,
    known: bool,
}

/// What a job showed while it computed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course {
    began: Instant,
    /// Tokens of the prompt that were computed.
    unread_tokens: u32,
    first_token: Option<Instant>,
    last_token: Instant,
    tokens: u32,
}

impl Course {
    /// Of a job that computes from now on.
    pub(super) fn beginning() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            unread_tokens: 0,
            first_token: None,
            last_token: now,
            tokens: 0,
        }
    }

    pub(super) fn note(&mut self, event: &Event) {
        match event {
            Event::Prefilled {
                prompt_tokens,
                reused_tokens,
                ..
            } => self.unread_tokens = prompt_tokens.saturating_sub(*reused_tokens),
            Event::Token(_) => {
                self.last_token = Instant::now();
                self.first_token.get_or_insert(self.last_token);
                self.tokens += 1;
            }
            Event::Finished { .. } | Event::Failed(_) => {}
        }
    }
}

impl Outlook {
    pub(super) fn starting_at(prefill: Option<f64>) -> Self {
        Self {
            rates: Rates::starting_at(prefill),
            prompts: Line::starting_at(Some(TOKENS_PER_BYTE)),
            answers: Vec::new(),
            present: BTreeMap::new(),
            next: 0,
            first_tokens: FirstTokens::default(),
        }
    }

    /// Time until the first of `slots` slots is free for one more job. Each job takes the slot that is free first.
    pub(super) fn wait(&self, slots: u32) -> Duration {
        let mut free = vec![Duration::ZERO; usize::try_from(slots.max(1)).unwrap_or(1)];
        for expected in self.present.values() {
            if let Some(first) = free.iter_mut().min() {
                *first = first.saturating_add(expected.left());
            }
        }
        free.into_iter().min().unwrap_or_default()
    }

    /// Takes in a job that has got a place.
    pub(super) fn enter(&mut self, job: &Job, slots: u32, engine: &dyn LocalEngine) -> Arrival {
        let bytes = job
            .messages
            .iter()
            .map(|message| message.content.len())
            .sum();
        let bytes = approximate(bytes);
        let prompt_tokens = self.prompts.at(bytes).map_or(1, whole).max(1);
        let kind = Kind::of(job);
        let prefill = self.prefill(prompt_tokens, engine);
        let estimate = Estimate {
            queue: self.wait(slots),
            prefill,
        };
        let after_first = self.answer(&kind).saturating_sub(1).min(job.max_tokens);
        let time = prefill + self.decode(after_first, engine);
        let id = self.next;
        self.next += 1;
        self.present.insert(id, Expected { time, began: None });
        Arrival {
            id,
            estimate,
            kind,
            bytes,
            at: Instant::now(),
            known: !prefill.is_zero(),
        }
    }

    /// Makes the expectation exact: the prompt has been counted.
    pub(super) fn counted(&mut self, arrival: &mut Arrival, tokens: u32, engine: &dyn LocalEngine) {
        let prefill = self.prefill(tokens, engine);
        if let Some(expected) = self.present.get_mut(&arrival.id) {
            expected.time = expected.time.saturating_sub(arrival.estimate.prefill) + prefill;
        }
        arrival.estimate.prefill = prefill;
        arrival.known = !prefill.is_zero();
    }

    pub(super) fn began(&mut self, id: u64) {
        if let Some(expected) = self.present.get_mut(&id) {
            expected.began = Some(Instant::now());
        }
    }

    pub(super) fn left(&mut self, id: u64) {
        self.present.remove(&id);
    }

    /// Learns from a job that computed.
    pub(super) fn learn(&mut self, arrival: &Arrival, course: Course) {
        let Some(first) = course.first_token else {
            return;
        };
        self.rates
            .prefilled(course.unread_tokens, first.duration_since(course.began));
        if course.unread_tokens > 0 {
            self.prompts
                .learn(arrival.bytes, course.unread_tokens.into());
        }
        let after_first = course.last_token.duration_since(first);
        self.rates
            .decoded(course.tokens.saturating_sub(1), after_first);
        self.remember(&arrival.kind, course.tokens);
        if arrival.known {
            let actual = first.duration_since(arrival.at);
            self.first_tokens
                .note(arrival.estimate.time_to_first_token(), actual);
        }
    }

    pub(super) fn prefill(&self, prompt_tokens: u32, engine: &dyn LocalEngine) -> Duration {
        let measured = self.rates.prefill(prompt_tokens);
        measured.unwrap_or_else(|| engine.estimate(prompt_tokens).prefill)
    }

    pub(super) const fn first_tokens(&self) -> FirstTokens {
        self.first_tokens
    }

    fn decode(&self, tokens: u32, engine: &dyn LocalEngine) -> Duration {
        let measured = self.rates.decode(tokens);
        measured.unwrap_or_else(|| engine.decode_time(tokens))
    }

    /// Expected tokens of an answer; of a kind that was never met, those of the one met last.
    fn answer(&self, kind: &Kind) -> u32 {
        let known = self.answers.iter().find(|(known, _)| known == kind);
        let tokens = known
            .or_else(|| self.answers.last())
            .map_or(0.0, |(_, mean)| *mean);
        whole(tokens)
    }

    fn remember(&mut self, kind: &Kind, tokens: u32) {
        let tokens = f64::from(tokens);
        let known = self.answers.iter().position(|(known, _)| known == kind);
        let mean = known.map_or(tokens, |at| {
            let (_, mean) = self.answers.remove(at);
            mean + WEIGHT * (tokens - mean)
        });
        if self.answers.len() == KINDS {
            self.answers.remove(0);
        }
        self.answers.push((kind.clone(), mean));
    }
}

impl Kind {
    fn of(job: &Job) -> Self {
        Self {
            max_tokens: job.max_tokens,
            constraint: job.constraint.as_ref().map(Constraint::size),
            lora: job.lora.as_deref().map(str::to_owned),
        }
    }
}

impl Expected {
    fn left(&self) -> Duration {
        let passed = self.began.map_or(Duration::ZERO, |began| began.elapsed());
        self.time.saturating_sub(passed)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float becomes an integer by saturating, and never is negative here"
)]
fn whole(tokens: f64) -> u32 {
    tokens.round() as u32
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no prompt has 2^52 bytes, and it is an estimate"
)]
fn approximate(bytes: usize) -> f64 {
    bytes as f64
}
