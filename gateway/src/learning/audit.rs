//! Audits: which accepted answers are checked, and what that may cost.

mod call;
mod purse;
mod work;

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use router_policies::{Probability, Route};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::purse::{Purses, Reserved};
use crate::egress::EgressPermit;
use crate::ledger::{Draw, Ledger, LedgerError, Price};

pub(super) use call::Call;
pub(crate) use work::{Audit, Question};

/// Most audits that wait or run. Each holds a request in memory.
const ROOM: usize = 64;
/// Most that ask an upstream at a time.
const ASKING: usize = 4;

/// Draws the lots and holds the money.
#[derive(Debug)]
pub(super) struct Auditor {
    lots: Mutex<StdRng>,
    purses: Purses,
    room: Arc<Semaphore>,
    asking: Arc<Semaphore>,
}

/// The right to make one audit: to send its request out, and to spend money on it.
#[derive(Debug)]
pub(crate) struct Drawn {
    permit: EgressPermit,
    /// Whether the upstream is asked twice.
    twice: bool,
    money: Option<Reserved>,
    _room: OwnedSemaphorePermit,
}

/// What is to be known of an accepted answer for a draw.
#[derive(Debug)]
pub(crate) struct Lot<'a> {
    /// Its route.
    pub(crate) route: &'a Route,
    /// Chance that it is drawn.
    pub(crate) propensity: Probability,
    /// The most that the audit may cost.
    pub(crate) worst: Price,
    /// The right to send the request out.
    pub(crate) permit: &'a EgressPermit,
}

impl Auditor {
    pub(super) fn new() -> Self {
        Self {
            lots: Mutex::new(StdRng::from_os_rng()),
            purses: Purses::default(),
            room: Arc::new(Semaphore::new(ROOM)),
            asking: Arc::new(Semaphore::new(ASKING)),
        }
    }

    /// Draws from this seed from now on, so that a test knows what is drawn.
    pub(super) fn seed(&self, seed: u64) {
        *self.lots.lock() = StdRng::seed_from_u64(seed);
    }

    /// Reads what was spent today before this process began.
    pub(super) async fn resume(&self, ledger: &Ledger) -> Result<(), LedgerError> {
        self.purses.resume(ledger, today()).await
    }

    /// A number drawn uniformly from `[0, 1)`.
    pub(super) fn uniform(&self) -> f64 {
        self.lots.lock().random()
    }

    /// Whether there is money for audits of `route` today. It closes with the first audit that finds none, for the rest of the
    /// day: whether a request may be drawn must not depend on what it would cost.
    pub(super) fn is_open(&self, route: &Route) -> bool {
        route.audit.is_some() && self.purses.is_open(&route.id(), today())
    }

    /// What was spent today, by route, and whether more may be; for gauges, which are floats.
    pub(super) fn money(&self) -> Vec<(String, bool, f64)> {
        self.purses.shown(today())
    }

    /// A turn to ask an upstream, to be held while it is asked.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        // Never closed.
        Arc::clone(&self.asking).acquire_owned().await.ok()
    }

    /// Takes the money for a question that may cost `worst` out of what the route's audits may cost today.
    ///
    /// # Errors
    /// What stands in its way.
    pub(super) fn pay(&self, route: &Route, worst: Price) -> Result<Option<Reserved>, Draw> {
        let most = route.audit.and_then(|audit| audit.max_cost_per_day);
        let Some(most) = most else { return Ok(None) };
        let worst = worst.exact().ok_or(Draw::Unpriced)?;
        let reserved = self.purses.reserve(&route.id(), today(), most, worst);
        reserved.map(Some).ok_or(Draw::Capped)
    }

    /// Draws, and takes what an audit needs.
    pub(super) fn draw(&self, lot: &Lot<'_>, stopping: bool) -> (Draw, Option<Drawn>) {
        if self.uniform() >= lot.propensity.get() {
            return (Draw::NotDrawn, None);
        }
        if stopping {
            return (Draw::Draining, None);
        }
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            return (Draw::Busy, None);
        };
        let twice = self.repeats(lot.route);
        let worst = if twice {
            lot.worst.plus(lot.worst)
        } else {
            lot.worst
        };
        let money = match self.pay(lot.route, worst) {
            Ok(money) => money,
            Err(draw) => return (draw, None),
        };
        let drawn = Drawn {
            permit: lot.permit.clone(),
            twice,
            money,
            _room: room,
        };
        (Draw::Drawn, Some(drawn))
    }
}

impl Auditor {
    /// Whether the upstream is asked twice. What the route's budget holds for the request is enough for once.
    fn repeats(&self, route: &Route) -> bool {
        let audit = route.audit.filter(|_| route.budget.is_none());
        let share = audit.map_or(0.0, |audit| audit.repeat.get());
        share > 0.0 && self.uniform() < share
    }
}

/// The day that audits are charged to, in UTC.
fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}
