//! One running attempt of an exchange.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use super::Book;
use crate::ledger::entry::{Attempt, AttemptOutcome, AttemptRow, Engine};
use crate::ledger::rates::{Price, Pricing, Usage};
use crate::ledger::store::Message;

/// What an attempt runs on and how it is charged.
#[derive(Clone, Debug)]
pub struct AttemptPlan {
    /// What it runs on.
    pub engine: Engine,
    /// Name of the upstream, or of the local model entry.
    pub provider: String,
    /// Name of the model there.
    pub model: String,
    /// Its rates, which the row keeps.
    pub pricing: Pricing,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub struct AttemptEnd {
    /// How.
    pub outcome: AttemptOutcome,
    /// Tokens used, as far as known.
    pub usage: Usage,
    /// Whether that is all of them. True, with no tokens, for a try that was refused before any
    /// work; false for one that was cut short: its exchange is then left out of the savings.
    pub usage_complete: bool,
    /// Compute time of the local model; zero for others.
    pub busy: Duration,
    /// A short fixed word for what broke.
    pub error_kind: Option<&'static str>,
}

/// One running attempt. Dropped unfinished, it is recorded as cancelled with what was
/// [observed](Self::observe); a local one is charged for the time it ran.
pub struct AttemptGuard {
    book: Book,
    plan: Option<AttemptPlan>,
    started: Instant,
    seen: Usage,
}

impl AttemptGuard {
    pub(super) fn new(book: Book, plan: AttemptPlan) -> Self {
        Self {
            book,
            plan: Some(plan),
            started: Instant::now(),
            seen: Usage::default(),
        }
    }

    /// Notes the tokens used so far (totals, not increments), in case the attempt is cut short.
    pub const fn observe(&mut self, usage: Usage) {
        self.seen = usage;
    }

    /// Time since the attempt began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Records the end. Waits only while the ledger's queue is full. Returns the cost.
    pub async fn finish(mut self, end: AttemptEnd) -> Price {
        let Some(row) = self.end(end) else {
            return Price::FREE;
        };
        let cost = row.attempt.cost;
        self.book.ledger.send(Message::Attempt(Box::new(row))).await;
        cost
    }

    /// Records the end from code that cannot wait; see [`Account::settle_now`](super::Account::settle_now).
    pub fn finish_now(mut self, end: AttemptEnd) -> Price {
        let Some(row) = self.end(end) else {
            return Price::FREE;
        };
        let cost = row.attempt.cost;
        self.book.ledger.send_now(Message::Attempt(Box::new(row)));
        cost
    }

    fn end(&mut self, end: AttemptEnd) -> Option<AttemptRow> {
        let AttemptPlan {
            engine,
            provider,
            model,
            pricing,
        } = self.plan.take()?;
        let cost = pricing.cost(&end.usage, end.busy);
        Some(self.book.enter(Attempt {
            engine,
            provider,
            model,
            outcome: end.outcome,
            usage: end.usage,
            usage_complete: end.usage_complete,
            busy: end.busy,
            latency: self.started.elapsed(),
            cost,
            pricing,
            error_kind: end.error_kind,
        }))
    }
}

impl Drop for AttemptGuard {
    fn drop(&mut self) {
        let local = self
            .plan
            .as_ref()
            .is_some_and(|plan| plan.engine.is_local());
        let end = AttemptEnd {
            outcome: AttemptOutcome::Cancelled,
            usage: self.seen,
            usage_complete: false,
            busy: if local {
                self.started.elapsed()
            } else {
                Duration::ZERO
            },
            error_kind: None,
        };
        if let Some(row) = self.end(end) {
            self.book.ledger.send_now(Message::Attempt(Box::new(row)));
        }
    }
}

impl fmt::Debug for AttemptGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptGuard")
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}
