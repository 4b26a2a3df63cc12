//! What judges of texts said, and how often they contradicted themselves.

use std::collections::HashMap;

use rusqlite::Transaction;

use super::Lessons;
use crate::ledger::{LedgerError, Preferred, has_table};
use crate::report::facts::{each, value, word};

/// Counts of judged pairs of answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judgings {
    /// Pairs, each counted once.
    pub pairs: u64,
    /// Pairs that were judged in both orders, with a verdict each time.
    pub again: u64,
    /// Those among them where the two verdicts differ.
    pub contradicted: u64,
    /// Verdicts for one of the answers, in either order.
    pub decided: u64,
    /// Those among them for the answer that was read first. Half of them, if the place does not matter.
    pub first: u64,
    /// Answers of a judge that are no verdict.
    pub unreadable: u64,
}

impl Judgings {
    pub(super) const fn add(&mut self, more: &Self) {
        self.pairs += more.pairs;
        self.again += more.again;
        self.contradicted += more.contradicted;
        self.decided += more.decided;
        self.first += more.first;
        self.unreadable += more.unreadable;
    }

    fn take(&mut self, draft_first: bool, preferred: Preferred) {
        let first = match preferred {
            Preferred::Unreadable => {
                self.unreadable += 1;
                return;
            }
            Preferred::Tie => return,
            Preferred::Draft => draft_first,
            Preferred::Upstream => !draft_first,
        };
        self.decided += 1;
        self.first += u64::from(first);
    }
}

/// Adds what judges said. Nothing in a ledger from before there were any.
pub(super) fn load(
    snapshot: &Transaction<'_>,
    period: [i64; 2],
    lessons: &mut HashMap<String, Lessons>,
) -> Result<(), LedgerError> {
    if !has_table(snapshot, "judgings")? {
        return Ok(());
    }
    let sql = "SELECT exchange_id, purpose, draft_first, preferred FROM judgings JOIN exchanges ON id = exchange_id
         WHERE started_us >= ?1 AND started_us < ?2";
    let mut before = HashMap::<(String, String), Preferred>::new();
    each(snapshot, sql, period, |row| {
        let (id, purpose): (String, String) = (value(row, 0)?, value(row, 1)?);
        let known = word(row, 3, "a verdict", Preferred::from_word)?;
        let preferred = known.unwrap_or(Preferred::Unreadable);
        let judgings = &mut lessons.entry(id.clone()).or_default().judgings;
        judgings.take(value(row, 2)?, preferred);
        match before.remove(&(id.clone(), purpose.clone())) {
            None => {
                judgings.pairs += 1;
                before.insert((id, purpose), preferred);
            }
            Some(other) if ![other, preferred].contains(&Preferred::Unreadable) => {
                judgings.again += 1;
                judgings.contradicted += u64::from(other != preferred);
            }
            Some(_) => {}
        }
        Ok(())
    })?;
    Ok(())
}
