//! The guard that keeps one exchange from ending unsettled.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::budget::Reservation;
use super::entry::{
    Attempt, AttemptOutcome, AttemptRow, Baseline, BaselineMethod, BaselineModel, Engine,
    ExchangeId, Outcome, Settlement, SettlementRow, Source,
};
use super::money::Usd;
use super::rates::{Price, Usage};
use super::store::{Ledger, Message};

mod attempt;
#[cfg(test)]
mod tests;

pub use attempt::{AttemptEnd, AttemptGuard, AttemptPlan};

/// One open exchange. Settle it; if it is dropped instead (client gone, task cancelled, panic) it
/// settles itself as hung up, or failed, with a try-send and no I/O.
#[derive(Debug)]
pub struct Account {
    book: Book,
    opened: Instant,
    baseline: Option<BaselineModel>,
    settled: bool,
}

/// What an account shares with its attempts, which may outlive it (audits do).
#[derive(Clone, Debug)]
struct Book {
    ledger: Ledger,
    id: ExchangeId,
    tally: Arc<Mutex<Tally>>,
}

#[derive(Debug)]
struct Tally {
    next_seq: u32,
    actual: Price,
    answer: Option<Answer>,
    /// Charged with what attempts outside cost.
    reservation: Option<Reservation>,
}

/// The attempt that the client's answer came from.
#[derive(Clone, Debug)]
struct Answer {
    engine: Engine,
    provider: String,
    model: String,
    usage: Usage,
    cost: Price,
}

impl Account {
    pub(super) fn new(ledger: Ledger, id: ExchangeId, baseline: Option<BaselineModel>) -> Self {
        let tally = Tally {
            next_seq: 0,
            actual: Price::FREE,
            answer: None,
            reservation: None,
        };
        let book = Book {
            ledger,
            id,
            tally: Arc::new(Mutex::new(tally)),
        };
        book.ledger.account_opened();
        Self {
            book,
            opened: Instant::now(),
            baseline,
            settled: false,
        }
    }

    /// Charges what is spent outside from now on to this reservation, which ends with the exchange and its last attempt.
    pub(crate) fn reserve(&self, reservation: Reservation) {
        self.book.tally.lock().reservation = Some(reservation);
    }

    /// The exchange's id.
    #[must_use]
    pub const fn id(&self) -> ExchangeId {
        self.book.id
    }

    /// Time since the account was opened.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.opened.elapsed()
    }

    /// What the ended attempts cost so far.
    #[must_use]
    pub fn actual(&self) -> Price {
        self.book.tally.lock().actual
    }

    /// Starts the clock of an attempt. The guard records it when finished, or as cancelled when
    /// dropped; it may outlive the account.
    #[must_use]
    pub fn begin(&self, plan: AttemptPlan) -> AttemptGuard {
        AttemptGuard::new(self.book.clone(), plan)
    }

    /// Records an attempt that has ended, without a guard.
    pub async fn attempt(&self, attempt: Attempt) {
        let row = self.book.enter(attempt);
        self.book.ledger.send(Message::Attempt(Box::new(row))).await;
    }

    /// Ends the exchange. Waits only while the ledger's queue is full.
    pub async fn settle(mut self, settlement: Settlement) -> Receipt {
        let (message, receipt) = self.close(settlement);
        self.book.ledger.account_settled(false);
        self.book.ledger.send(message).await;
        receipt
    }

    /// Ends the exchange from code that cannot wait, such as the end of a response body. If the
    /// queue is full the settlement is counted in [`super::Health::overflowed`] and the exchange
    /// shows as lost after the next start.
    pub fn settle_now(mut self, settlement: Settlement) -> Receipt {
        let (message, receipt) = self.close(settlement);
        self.book.ledger.account_settled(false);
        self.book.ledger.send_now(message);
        receipt
    }

    fn close(&mut self, settlement: Settlement) -> (Message, Receipt) {
        self.settled = true;
        let latency = self.opened.elapsed();
        let baseline = self.compare(&settlement);
        let receipt = Receipt {
            latency,
            actual: self.actual(),
            baseline: baseline.clone(),
            book: self.book.clone(),
        };
        let row = SettlementRow {
            id: self.book.id,
            settlement,
            latency,
            baseline,
        };
        (Message::Settle(Box::new(row)), receipt)
    }

    /// Only a completed exchange has a baseline: a client that got an error, or left, was not
    /// served, so nothing was saved; what it cost is still booked against the savings.
    fn compare(&self, settlement: &Settlement) -> Option<Baseline> {
        let model = self.baseline.as_ref()?;
        if settlement.outcome != Outcome::Completed {
            return None;
        }
        let answer = self.book.tally.lock().answer.clone();
        let answer = answer.filter(|_| settlement.answer_usage.is_none());
        if let Some(answer) = answer.as_ref().filter(|answer| answer.is_by(model)) {
            let Answer { usage, cost, .. } = *answer;
            return Some(Baseline {
                usage,
                cost,
                method: BaselineMethod::Measured,
            });
        }
        let usage = settlement
            .answer_usage
            .or_else(|| answer.map(|answer| answer.usage));
        let cost = match (usage, &model.rates) {
            (Some(usage), Some(rates)) => rates.cost(&usage),
            _ => Price::Unpriced,
        };
        let usage = usage.unwrap_or_default();
        Some(Baseline {
            usage,
            cost,
            method: BaselineMethod::SameTokens,
        })
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let settlement = if std::thread::panicking() {
            Settlement::failed(500, "panic")
        } else {
            Settlement::hung_up(Source::None)
        };
        let (message, _) = self.close(settlement);
        self.book.ledger.account_settled(true);
        self.book.ledger.send_now(message);
    }
}

impl Answer {
    fn is_by(&self, baseline: &BaselineModel) -> bool {
        self.engine == Engine::Upstream
            && self.provider == baseline.provider
            && self.model == baseline.model
    }
}

impl Book {
    /// Adds an ended attempt to the tally and gives it its number.
    fn enter(&self, attempt: Attempt) -> AttemptRow {
        let mut tally = self.tally.lock();
        let seq = tally.next_seq;
        tally.next_seq = seq.saturating_add(1);
        tally.actual = tally.actual.plus(attempt.cost);
        if let Some(reservation) = tally
            .reservation
            .as_ref()
            .filter(|_| attempt.engine.is_outside())
        {
            reservation.spend(attempt.cost);
        }
        let used = matches!(
            attempt.outcome,
            AttemptOutcome::Accepted | AttemptOutcome::Answered
        );
        if used && attempt.engine.answers() {
            tally.answer = Some(Answer {
                engine: attempt.engine,
                provider: attempt.provider.clone(),
                model: attempt.model.clone(),
                usage: attempt.usage,
                cost: attempt.cost,
            });
        }
        AttemptRow {
            id: self.id,
            seq,
            attempt,
        }
    }
}

/// What a settled exchange came to, for telemetry; and the way to charge an audit to it.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// From opening to settling.
    pub latency: Duration,
    /// What all attempts that had ended cost.
    pub actual: Price,
    /// What it is compared with.
    pub baseline: Option<Baseline>,
    book: Book,
}

impl Receipt {
    /// The exchange's id.
    #[must_use]
    pub const fn id(&self) -> ExchangeId {
        self.book.id
    }

    /// Baseline less actual, where both are known; may be negative.
    #[must_use]
    pub fn net_saving(&self) -> Option<Usd> {
        self.baseline
            .as_ref()?
            .cost
            .exact()?
            .checked_sub(self.actual.exact()?)
    }

    /// Starts an attempt after the answer was sent: an audit.
    #[must_use]
    pub fn begin(&self, plan: AttemptPlan) -> AttemptGuard {
        AttemptGuard::new(self.book.clone(), plan)
    }
}
