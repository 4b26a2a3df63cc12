//! What the audits of a route may cost in a day: a bound that audits under way cannot overrun.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use parking_lot::Mutex;
use router_policies::Amount;

use crate::ledger::{Ledger, LedgerError, Price, Usd};

/// The purses of all routes. They outlive reloads: another configuration does not make the money come back.
#[derive(Debug, Default)]
pub(super) struct Purses {
    all: Mutex<HashMap<String, Arc<Mutex<Purse>>>>,
}

#[derive(Debug)]
struct Purse {
    day: Date,
    spent: Usd,
    reserved: Usd,
    /// An audit found no room today.
    closed: bool,
}

/// The right to spend up to an amount, given back when dropped.
#[derive(Debug)]
pub(in crate::learning) struct Reserved {
    purse: Arc<Mutex<Purse>>,
    left: Mutex<Usd>,
}

impl Purses {
    /// Takes up what the ledger says was spent on audits today.
    pub(super) async fn resume(&self, ledger: &Ledger, day: Date) -> Result<(), LedgerError> {
        let midnight = day.to_zoned(TimeZone::UTC);
        let from = midnight.map_or(i64::MIN, |midnight| midnight.timestamp().as_microsecond());
        for (route, spent) in ledger.spent_on_audits(from).await? {
            let purse = Purse {
                spent,
                ..Purse::new(day)
            };
            self.all.lock().insert(route, Arc::new(Mutex::new(purse)));
        }
        Ok(())
    }

    pub(super) fn is_open(&self, route: &str, day: Date) -> bool {
        !self.purse(route, day).lock().closed
    }

    /// Reserves the worst case of one audit; without room for it the purse is closed until tomorrow.
    pub(super) fn reserve(
        &self,
        route: &str,
        day: Date,
        most: Amount,
        worst: Usd,
    ) -> Option<Reserved> {
        let purse = self.purse(route, day);
        let most = Usd::from_decimal(most.usd()).unwrap_or_default();
        {
            let mut held = purse.lock();
            let taken = held.spent.saturating_add(held.reserved);
            if taken.saturating_add(worst) > most {
                held.closed = true;
                return None;
            }
            held.reserved = held.reserved.saturating_add(worst);
        }
        Some(Reserved {
            purse,
            left: Mutex::new(worst),
        })
    }

    pub(super) fn shown(&self, day: Date) -> Vec<(String, bool, f64)> {
        let all = self.all.lock();
        let shown = all.iter().map(|(route, purse)| {
            let purse = purse.lock();
            let today = purse.day == day;
            let spent = if today { purse.spent } else { Usd::ZERO };
            let open = !(today && purse.closed);
            // Prints as a plain decimal, which reads as the nearest float.
            let spent = spent.to_string().parse().unwrap_or(f64::NAN);
            (route.clone(), open, spent)
        });
        shown.collect()
    }

    /// The purse of a route, opened anew on another day. What is still reserved then stays so until it is given back.
    fn purse(&self, route: &str, day: Date) -> Arc<Mutex<Purse>> {
        let mut all = self.all.lock();
        let purse = all
            .entry(route.to_owned())
            .or_insert_with(|| Arc::new(Mutex::new(Purse::new(day))));
        let purse = Arc::clone(purse);
        drop(all);
        {
            let mut held = purse.lock();
            if held.day < day {
                let reserved = held.reserved;
                *held = Purse {
                    reserved,
                    ..Purse::new(day)
                };
            }
        }
        purse
    }
}

impl Purse {
    const fn new(day: Date) -> Self {
        Self {
            day,
            spent: Usd::ZERO,
            reserved: Usd::ZERO,
            closed: false,
        }
    }
}

impl Reserved {
    /// Charges what an attempt cost; one of unknown cost is taken at its worst.
    pub(super) fn spend(&self, cost: Price) {
        let mut left = self.left.lock();
        let cost = cost.exact().unwrap_or(*left);
        let covered = cost.min(*left);
        *left = left.saturating_sub(covered);
        let mut purse = self.purse.lock();
        purse.reserved = purse.reserved.saturating_sub(covered);
        purse.spent = purse.spent.saturating_add(cost);
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let left = *self.left.lock();
        let mut purse = self.purse.lock();
        purse.reserved = purse.reserved.saturating_sub(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::samples::usd;

    #[test]
    fn parallel_audits_cannot_overrun_a_day() {
        let purses = Purses::default();
        let day: Date = "2026-03-01".parse().unwrap();
        let most: Amount = "0.03".parse().unwrap();
        let reserve = |day| purses.reserve("intent", day, most, usd("0.01"));
        let (first, second, third) = (reserve(day), reserve(day), reserve(day));
        assert!(third.is_some() && reserve(day).is_none());
        assert!(!purses.is_open("intent", day) && purses.is_open("slots", day));
        // What was not spent comes back, but the day stays closed.
        first.unwrap().spend(Price::Exact(usd("0.002")));
        drop((second, third));
        assert!(!purses.is_open("intent", day));
        let tomorrow = day.tomorrow().unwrap();
        assert!(purses.is_open("intent", tomorrow));
        let held: Vec<_> = (0..3).map(|_| reserve(tomorrow)).collect();
        assert!(held.iter().all(Option::is_some) && reserve(tomorrow).is_none());
    }
}
