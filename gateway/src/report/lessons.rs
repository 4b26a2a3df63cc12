//! What was learnt in a period: labels, audits, and the routes that began or stopped answering locally.

mod comparators;
mod judgings;

pub use comparators::Agreement;
pub use judgings::Judgings;

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use rusqlite::Transaction;
use rust_decimal::Decimal;

use super::facts::{each, value, word};
use crate::ledger::{ACCEPT, LedgerError, Mode, Origin, Purpose, keeps_evidence};

/// Counts of what was learnt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lessons {
    /// Drafts of which it became known whether the upstream served better, audits among them.
    pub labels: u64,
    /// Accepted answers that were compared with the upstream's.
    pub audits: u64,
    /// Those among them that differed.
    pub audits_bad: u64,
    /// Requests that the upstream answered twice.
    pub repeats: u64,
    /// Those among them where it contradicted itself.
    pub repeats_differ: u64,
    /// Drafts for clients that were stopped before their end.
    pub stopped: u64,
    /// Those among them that were made again to their end, to learn.
    pub finished: u64,
    /// Those among these that would have been accepted.
    pub stopped_wrongly: u64,
    /// Audits and repeats, by the word of the comparison.
    pub comparators: BTreeMap<String, Agreement>,
    /// What judges of texts said, and how far they can be trusted.
    pub judgings: Judgings,
}

impl Lessons {
    pub(super) fn add(&mut self, more: &Self) {
        self.labels += more.labels;
        self.audits += more.audits;
        self.audits_bad += more.audits_bad;
        self.repeats += more.repeats;
        self.repeats_differ += more.repeats_differ;
        self.stopped += more.stopped;
        self.finished += more.finished;
        self.stopped_wrongly += more.stopped_wrongly;
        for (comparator, agreement) in &more.comparators {
            let known = self.comparators.entry(comparator.clone());
            known.or_default().add(agreement);
        }
        self.judgings.add(&more.judgings);
    }

    fn comparator(&mut self, word: String) -> &mut Agreement {
        self.comparators.entry(word).or_default()
    }

    /// How often accepted answers differ from the upstream's, as a multiple of how often the upstream differs from
    /// itself: from 1 down, the local model is no less consistent than the upstream is. `None` before both are known.
    #[must_use]
    pub fn against_noise(&self) -> Option<Decimal> {
        let share = |part: u64, whole: u64| Decimal::from(part).checked_div(Decimal::from(whole));
        let noise = share(self.repeats_differ, self.repeats)?;
        share(self.audits_bad, self.audits)?.checked_div(noise)
    }
}

/// A route began to answer locally, or stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turned {
    /// When.
    pub at: Timestamp,
    /// The route.
    pub route: String,
    /// The rule in force from then on.
    pub mode: Mode,
    /// A short fixed word.
    pub cause: String,
}

/// What was learnt of each exchange of the period, by id. Nothing in a ledger from before evidence was kept.
pub(super) fn load(
    snapshot: &Transaction<'_>,
    period: [i64; 2],
) -> Result<HashMap<String, Lessons>, LedgerError> {
    let mut lessons = HashMap::<String, Lessons>::new();
    if !keeps_evidence(snapshot)? {
        return Ok(lessons);
    }
    let sql =
        "SELECT exchange_id, origin, bad, comparator FROM labels JOIN exchanges ON id = exchange_id
         WHERE started_us >= ?1 AND started_us < ?2";
    each(snapshot, sql, period, |row| {
        let origin = word(row, 1, "the origin of a label", Origin::from_word)?;
        let bad: bool = value(row, 2)?;
        let lesson = lessons.entry(value(row, 0)?).or_default();
        lesson.labels += 1;
        if origin == Some(Origin::Audit) {
            lesson.audits += 1;
            lesson.audits_bad += u64::from(bad);
            lesson.comparator(value(row, 3)?).audited(bad);
        }
        Ok(())
    })?;
    let sql =
        "SELECT exchange_id, differs, comparator FROM repeats JOIN exchanges ON id = exchange_id
         WHERE started_us >= ?1 AND started_us < ?2";
    each(snapshot, sql, period, |row| {
        let lesson = lessons.entry(value(row, 0)?).or_default();
        lesson.repeats += 1;
        let differs: bool = value(row, 1)?;
        lesson.repeats_differ += u64::from(differs);
        lesson.comparator(value(row, 2)?).repeated(differs);
        Ok(())
    })?;
    let sql = "SELECT exchange_id, purpose, verdict FROM decisions JOIN exchanges ON id = exchange_id
         WHERE (checkpoint IS NOT NULL OR purpose = 'redo') AND started_us >= ?1 AND started_us < ?2";
    each(snapshot, sql, period, |row| {
        let again = word(row, 1, "a purpose", Purpose::from_word)? == Some(Purpose::Redo);
        let accepted = value::<String>(row, 2)? == ACCEPT;
        let lesson = lessons.entry(value(row, 0)?).or_default();
        lesson.stopped += u64::from(!again);
        lesson.finished += u64::from(again);
        lesson.stopped_wrongly += u64::from(again && accepted);
        Ok(())
    })?;
    judgings::load(snapshot, period, &mut lessons)?;
    Ok(lessons)
}

/// The turns of the period, oldest first.
pub(super) fn turns(
    snapshot: &Transaction<'_>,
    period: [i64; 2],
) -> Result<Vec<Turned>, LedgerError> {
    if !keeps_evidence(snapshot)? {
        return Ok(Vec::new());
    }
    let sql = "SELECT at_us, route, mode, cause FROM turns WHERE at_us >= ?1 AND at_us < ?2 ORDER BY at_us, rowid";
    each(snapshot, sql, period, |row| {
        let micros: i64 = value(row, 0)?;
        let damaged = || LedgerError::Damaged {
            value: micros.to_string(),
            expected: "a moment",
        };
        let mode = word(row, 2, "a mode", Mode::from_word)?;
        Ok(Turned {
            at: Timestamp::from_microsecond(micros).map_err(|_| damaged())?,
            route: value(row, 1)?,
            mode: mode.ok_or_else(damaged)?,
            cause: value(row, 3)?,
        })
    })
}
