//! What routes may spend: a bound that parallel requests cannot overrun.
//!
//! The worst case of an exchange is reserved before anything leaves; what its attempts really cost is charged as they
//! end, and the rest of the reservation is given back with the exchange. So at any moment `spent + reserved` is at
//! most the budget, whatever the number of requests under way. Cost per request: one lock, one map look-up.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use parking_lot::Mutex;
use router_policies::{Budget, BudgetPeriod};
use rusqlite::Row;
use rusqlite::types::Type;

use super::{Ledger, LedgerError, Price, Usd};

/// The budgets of all routes. Kept through reloads: another configuration does not make the money come back.
#[derive(Debug, Default)]
pub struct Budgets {
    purses: Mutex<HashMap<PurseKey, Arc<Mutex<Purse>>>>,
}

/// A route and the first day of the period, in UTC.
type PurseKey = (String, Date);

/// What was spent in one period, and what may still be.
#[derive(Debug, Default)]
struct Purse {
    spent: Usd,
    reserved: Usd,
}

/// The right to spend up to an amount, given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    purse: Arc<Mutex<Purse>>,
    left: Mutex<Usd>,
}

/// A budget that has no room for another exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the budget of {max} USD a {per} is used up")]
pub struct Exhausted {
    /// The whole budget.
    pub max: Usd,
    /// `day` or `month`, in UTC.
    pub per: &'static str,
}

impl Budgets {
    /// Reserves the worst case of one exchange of `route`. `spent_before` tells what the ledger holds of the period; it
    /// is asked once for each route and period.
    ///
    /// # Errors
    /// [`Exhausted`] if `spent + reserved + worst` would pass the budget. An exchange whose worst case is not known is
    /// refused too: nothing could bound it.
    pub async fn reserve(
        &self,
        ledger: &Ledger,
        route: &str,
        budget: &Budget,
        worst: Price,
    ) -> Result<Reservation, Exhausted> {
        let max = Usd::from_decimal(budget.max.usd()).unwrap_or_default();
        let exhausted = Exhausted {
            max,
            per: name_of(budget.per),
        };
        let worst = worst.exact().ok_or(exhausted)?;
        let first_day = first_day(budget.per, Timestamp::now());
        let purse = self
            .purse(ledger, route, first_day)
            .await
            .map_err(|error| {
                tracing::warn!(route, %error, "what was spent cannot be read; nothing more is");
                exhausted
            })?;
        {
            let mut purse = purse.lock();
            let taken = purse.spent.saturating_add(purse.reserved);
            if taken.saturating_add(worst) > max {
                return Err(exhausted);
            }
            purse.reserved = purse.reserved.saturating_add(worst);
        }
        Ok(Reservation {
            purse,
            left: Mutex::new(worst),
        })
    }

    async fn purse(
        &self,
        ledger: &Ledger,
        route: &str,
        first_day: Date,
    ) -> Result<Arc<Mutex<Purse>>, LedgerError> {
        let key = (route.to_owned(), first_day);
        if let Some(purse) = self.purses.lock().get(&key) {
            return Ok(Arc::clone(purse));
        }
        let spent = spent_since(ledger, route, first_day).await?;
        let mut purses = self.purses.lock();
        // Periods that are over are of no use any more.
        purses.retain(|(name, day), _| name != route || *day >= first_day);
        let purse = purses.entry(key).or_insert_with(|| {
            Arc::new(Mutex::new(Purse {
                spent,
                reserved: Usd::ZERO,
            }))
        });
        Ok(Arc::clone(purse))
    }
}

impl Reservation {
    /// Charges what an attempt cost. Beyond the reservation it is charged all the same: it is spent.
    pub fn spend(&self, cost: Price) {
        let Some(cost) = cost.exact() else { return };
        let mut left = self.left.lock();
        let covered = cost.min(*left);
        *left = left.saturating_sub(covered);
        let mut purse = self.purse.lock();
        purse.reserved = purse.reserved.saturating_sub(covered);
        purse.spent = purse.spent.saturating_add(cost);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let left = *self.left.lock();
        let mut purse = self.purse.lock();
        purse.reserved = purse.reserved.saturating_sub(left);
    }
}

const fn name_of(period: BudgetPeriod) -> &'static str {
    match period {
        BudgetPeriod::Day => "day",
        BudgetPeriod::Month => "month",
    }
}

fn first_day(period: BudgetPeriod, now: Timestamp) -> Date {
    let today = now.to_zoned(TimeZone::UTC).date();
    match period {
        BudgetPeriod::Day => today,
        BudgetPeriod::Month => today.first_of_month(),
    }
}

impl Ledger {
    /// What was spent on audits, by route, for exchanges that began at this moment or later; microseconds since 1970.
    ///
    /// # Errors
    /// When the ledger cannot be read or is damaged.
    pub(crate) async fn spent_on_audits(
        &self,
        from: i64,
    ) -> Result<HashMap<String, Usd>, LedgerError> {
        let reading = self.read(move |connection| {
            let failed = || LedgerError::sqlite("read what audits have cost");
            let mut query = connection
                .prepare(
                    "SELECT cost_usd, route FROM attempts JOIN exchanges ON exchanges.id = exchange_id
                     WHERE started_us >= ?1 AND engine = 'audit' AND cost_usd IS NOT NULL",
                )
                .map_err(failed())?;
            let mut rows = query.query([from]).map_err(failed())?;
            let mut spent = HashMap::<String, Usd>::new();
            while let Some(row) = rows.next().map_err(failed())? {
                let route: String = row.get(1).map_err(failed())?;
                let sum = spent.entry(route).or_default();
                *sum = sum.saturating_add(cost(row).map_err(failed())?);
            }
            Ok(spent)
        });
        reading.await
    }
}

/// What the ledger holds of outside spending of a route since that day.
async fn spent_since(ledger: &Ledger, route: &str, day: Date) -> Result<Usd, LedgerError> {
    let from = day
        .to_zoned(TimeZone::UTC)
        .map_or(i64::MIN, |midnight| midnight.timestamp().as_microsecond());
    let route = route.to_owned();
    let costs = ledger.read(move |connection| {
        let failed = || LedgerError::sqlite("read what a route has spent");
        let mut query = connection
            .prepare(
                "SELECT cost_usd FROM attempts JOIN exchanges ON exchanges.id = exchange_id
                 WHERE route = ?1 AND started_us >= ?2 AND engine IN ('upstream', 'audit')
                   AND cost_usd IS NOT NULL",
            )
            .map_err(failed())?;
        let rows = query
            .query_map(rusqlite::params![route, from], cost)
            .map_err(failed())?;
        rows.sum::<Result<Usd, _>>().map_err(failed())
    });
    costs.await
}

fn cost(row: &Row<'_>) -> rusqlite::Result<Usd> {
    let text: String = row.get(0)?;
    let unreadable = |error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, error);
    text.parse::<Usd>()
        .map_err(|error| unreadable(Box::new(error)))
}
