//! What the report needs to know of each exchange, read from the ledger in one snapshot.

use std::collections::HashMap;
use std::time::Duration;

use rusqlite::{Connection, Row, Transaction};

use super::lessons::{self, Lessons, Turned};
use super::{GroupBy, Query};
use crate::ledger::{AttemptOutcome, Engine, LedgerError, Outcome, Source, Usd};

/// One exchange.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) group: String,
    pub(super) outcome: Outcome,
    pub(super) source: Source,
    pub(super) reason: Option<String>,
    pub(super) latency: Option<Duration>,
    /// The route declared a baseline.
    pub(super) declared: bool,
    pub(super) baseline: Option<Usd>,
    pub(super) method: Option<String>,
    pub(super) reserved: Option<Usd>,
    pub(super) spend: Spend,
    pub(super) lessons: Lessons,
}

/// All that a report is made of.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) exchanges: Vec<Facts>,
    pub(super) turns: Vec<Turned>,
}

/// What its attempts cost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spend {
    pub(super) local: Usd,
    pub(super) upstream: Usd,
    pub(super) audit: Usd,
    pub(super) learning: Usd,
    pub(super) discarded: Usd,
    /// Some attempt's price or usage is unknown.
    pub(super) unknown: bool,
}

/// Reads the exchanges of the period. `alive`: a gateway is running, so an unsettled exchange is
/// in flight; otherwise it is lost, only not marked yet.
pub(super) fn load(
    connection: &Connection,
    query: &Query,
    alive: bool,
) -> Result<Loaded, LedgerError> {
    // One transaction: attempts and exchanges of the same moment, whatever is written meanwhile.
    let snapshot = connection
        .unchecked_transaction()
        .map_err(LedgerError::sqlite("read the ledger"))?;
    let period = [
        query.from.map_or(i64::MIN, |from| from.as_microsecond()),
        query.to.map_or(i64::MAX, |to| to.as_microsecond()),
    ];
    let mut spends = spends(&snapshot, period)?;
    let mut lessons = lessons::load(&snapshot, period)?;
    let turns = lessons::turns(&snapshot, period)?;
    let sql = format!(
        "SELECT id, {group}, baseline_model IS NOT NULL, reserved_usd, outcome, source, reason,
            latency_us, baseline_usd, baseline_method
         FROM exchanges LEFT JOIN settlements ON exchange_id = id
         WHERE started_us >= ?1 AND started_us < ?2",
        group = column(query.by),
    );
    let exchanges = each(&snapshot, &sql, period, |row| {
        let id: String = value(row, 0)?;
        let settled = word(row, 4, "an outcome", Outcome::from_word)?;
        let outcome = settled.unwrap_or(if alive {
            Outcome::InFlight
        } else {
            Outcome::Lost
        });
        Ok(Facts {
            group: value(row, 1)?,
            outcome,
            source: word(row, 5, "a source", Source::from_word)?.unwrap_or(Source::None),
            reason: value(row, 6)?,
            latency: value::<Option<i64>>(row, 7)?
                .map(|micros| Duration::from_micros(u64::try_from(micros).unwrap_or(0))),
            declared: value(row, 2)?,
            baseline: money(row, 8)?,
            method: value(row, 9)?,
            reserved: money(row, 3)?,
            spend: spends.remove(&id).unwrap_or_default(),
            lessons: lessons.remove(&id).unwrap_or_default(),
        })
    })?;
    Ok(Loaded { exchanges, turns })
}

/// The spend of each exchange of the period, by id.
fn spends(
    snapshot: &Transaction<'_>,
    period: [i64; 2],
) -> Result<HashMap<String, Spend>, LedgerError> {
    let sql = "SELECT exchange_id, engine, attempts.outcome, cost_usd, usage_complete
         FROM attempts JOIN exchanges ON id = exchange_id
         WHERE started_us >= ?1 AND started_us < ?2";
    let mut spends = HashMap::<String, Spend>::new();
    each(snapshot, sql, period, |row| {
        let engine = word(row, 1, "an engine", Engine::from_word)?.unwrap_or(Engine::Upstream);
        let outcome = word(row, 2, "an outcome", AttemptOutcome::from_word)?;
        let complete: bool = value(row, 4)?;
        let cost = money(row, 3)?;
        spends
            .entry(value(row, 0)?)
            .or_default()
            .add(engine, outcome, cost, complete);
        Ok(())
    })?;
    Ok(spends)
}

impl Spend {
    /// All of it, as far as priced.
    pub(super) fn total(&self) -> Usd {
        [self.local, self.upstream, self.audit, self.learning]
            .iter()
            .sum()
    }

    fn add(
        &mut self,
        engine: Engine,
        outcome: Option<AttemptOutcome>,
        cost: Option<Usd>,
        complete: bool,
    ) {
        // Local work is charged by time, so its token counts may be incomplete.
        self.unknown |= cost.is_none() || (!engine.is_local() && !complete);
        let cost = cost.unwrap_or_default();
        let pot = match engine {
            Engine::Local => &mut self.local,
            Engine::Upstream => &mut self.upstream,
            Engine::Audit => &mut self.audit,
            Engine::Learning => &mut self.learning,
        };
        *pot = pot.saturating_add(cost);
        let used = matches!(
            outcome,
            Some(AttemptOutcome::Accepted | AttemptOutcome::Answered)
        );
        if !used && engine.answers() {
            self.discarded = self.discarded.saturating_add(cost);
        }
    }
}

const fn column(by: GroupBy) -> &'static str {
    match by {
        GroupBy::Route => "route",
        GroupBy::Key => "principal",
        GroupBy::Model => "client_model",
        GroupBy::Day => "substr(started_at, 1, 10)",
    }
}

/// Runs a query over the period and maps its rows.
pub(crate) fn each<T>(
    snapshot: &Transaction<'_>,
    sql: &str,
    period: [i64; 2],
    mut map: impl FnMut(&Row<'_>) -> Result<T, LedgerError>,
) -> Result<Vec<T>, LedgerError> {
    let failed = || LedgerError::sqlite("read the ledger");
    let mut statement = snapshot.prepare(sql).map_err(failed())?;
    let mut rows = statement.query(period).map_err(failed())?;
    let mut mapped = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        mapped.push(map(row)?);
    }
    Ok(mapped)
}

pub(crate) fn value<T: rusqlite::types::FromSql>(
    row: &Row<'_>,
    index: usize,
) -> Result<T, LedgerError> {
    row.get(index)
        .map_err(LedgerError::sqlite("read a row of the ledger"))
}

/// An amount, if there is one.
pub(crate) fn money(row: &Row<'_>, index: usize) -> Result<Option<Usd>, LedgerError> {
    word(row, index, "an amount of money", |text| text.parse().ok())
}

/// A stored word, if there is one; a word that we never write means a damaged file.
pub(crate) fn word<T>(
    row: &Row<'_>,
    index: usize,
    expected: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, LedgerError> {
    let Some(text) = value::<Option<String>>(row, index)? else {
        return Ok(None);
    };
    parse(&text).map(Some).ok_or(LedgerError::Damaged {
        value: text,
        expected,
    })
}
