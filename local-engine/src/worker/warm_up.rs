//! The first jobs of a new child: they touch the weights, and what they take is what the first prediction rests on.

use std::time::Duration;

use tokio::time::Instant;

use super::frame::{Ask, Id};
use crate::engine::Event;
use crate::job::{Job, Message};
use crate::rates::Rates;

/// The first of the names that no job of a user has. Each round has its own: the child may still tidy up after the one
/// before.
const FIRST: Id = Id::MAX - 16;

/// Words of the prompts. Two lengths tell what a prompt costs by itself from what each token costs.
const WORDS: [usize; 2] = [8, 96];
/// Tokens to answer with.
const TOKENS: u32 = 8;
/// The second prompt is spared when the first took this long: somebody waits.
const LONG: Duration = Duration::from_millis(500);

/// Where a warm-up stands.
#[derive(Debug)]
pub(super) struct WarmUp {
    began: Instant,
    round: usize,
    id: Id,
    first_token: Option<Instant>,
    tokens: u32,
}

impl WarmUp {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            round: 0,
            id: FIRST,
            first_token: None,
            tokens: 0,
        }
    }

    /// What to ask the child for now; nothing when it is warm.
    pub(super) fn ask(&mut self) -> Option<Ask> {
        let late = self.round > 0 && self.began.elapsed() > LONG;
        let words = WORDS.get(self.round).filter(|_| !late)?;
        self.round += 1;
        self.id += 1;
        (self.first_token, self.tokens) = (None, 0);
        let job = Job::greedy(vec![Message::user("warm ".repeat(*words))], TOKENS);
        Some(Ask::Generate { id: self.id, job })
    }

    /// Takes in an event of the job; tells whether it was the last one.
    pub(super) fn take(&mut self, event: &Event, rates: &mut Rates) -> bool {
        match event {
            Event::Prefilled {
                prompt_tokens,
                reused_tokens,
                took,
            } => rates.prefilled(prompt_tokens.saturating_sub(*reused_tokens), *took),
            Event::Token(_) => {
                self.tokens += 1;
                let _first = self.first_token.get_or_insert_with(Instant::now);
            }
            Event::Finished { .. } | Event::Failed(_) => self.decoded(rates),
        }
        event.is_terminal()
    }

    /// The first token came with the prompt, the others took the time since.
    fn decoded(&self, rates: &mut Rates) {
        if let (Some(first), true) = (self.first_token, self.tokens > 1) {
            rates.decoded(self.tokens - 1, first.elapsed());
        }
    }
}
