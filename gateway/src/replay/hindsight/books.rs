//! What a replay needs to know of each exchange, read from the ledger in one snapshot.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use router_policies::{Features, Fingerprint, Reason};
use rusqlite::{Connection, Row};

use crate::ledger::{
    ACCEPT, DocumentKind, Engine, LedgerError, Outcome, Purpose, Source, Usd, content_id,
};
use crate::report::{each, money, value, word};

/// A period of the ledger.
pub(super) struct Books {
    pub(super) exchanges: Vec<Booked>,
    /// What drafts were made under, by id.
    pub(super) fingerprints: BTreeMap<String, Fingerprint>,
}

/// One exchange.
#[derive(Debug, Clone)]
pub(super) struct Booked {
    pub(super) route: String,
    pub(super) completed: bool,
    pub(super) source: Source,
    pub(super) baseline: Option<Usd>,
    /// Spent on drafts, those made to learn among them.
    pub(super) drafts: Usd,
    /// Spent on upstream calls that were to answer the client.
    pub(super) calls: Usd,
    /// Some price or usage is unknown.
    pub(super) unknown: bool,
    pub(super) draft: Option<Drafted>,
}

/// A judged draft.
#[derive(Debug, Clone)]
pub(super) struct Drafted {
    /// `None`: of another version than this build reads.
    pub(super) features: Option<Features>,
    pub(super) fingerprint: String,
    pub(super) failed: Option<Reason>,
    pub(super) stopped: bool,
    pub(super) accepted: bool,
    /// Chance of an audit, of accepted drafts.
    pub(super) propensity: Option<f64>,
    /// Whether it was bad, where that is known.
    pub(super) label: Option<bool>,
}

/// What the attempts of an exchange cost.
#[derive(Clone, Copy, Default)]
struct Spend {
    drafts: Usd,
    calls: Usd,
    unknown: bool,
}

/// Reads the exchanges that started in a period, its end excluded.
pub(super) fn load(
    connection: &Connection,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
) -> Result<Books, LedgerError> {
    // One transaction: all tables of the same moment, whatever is written meanwhile.
    let snapshot = connection
        .unchecked_transaction()
        .map_err(LedgerError::sqlite("read the ledger"))?;
    let period = [
        from.map_or(i64::MIN, Timestamp::as_microsecond),
        to.map_or(i64::MAX, Timestamp::as_microsecond),
    ];
    let mut spends = HashMap::<String, Spend>::new();
    each(&snapshot, SPENDS, period, |row| {
        let spend = spends.entry(value(row, 0)?).or_default();
        spend.add(row)
    })?;
    let mut drafts = HashMap::<String, (u8, Drafted)>::new();
    each(&snapshot, DRAFTS, period, |row| {
        let (rank, drafted) = drafted(row)?;
        let id: String = value(row, 0)?;
        match drafts.get(&id) {
            Some((known, _)) if *known <= rank => {}
            _ => _ = drafts.insert(id, (rank, drafted)),
        }
        Ok(())
    })?;
    let exchanges = each(&snapshot, EXCHANGES, period, |row| {
        let id: String = value(row, 0)?;
        let outcome = word(row, 2, "an outcome", Outcome::from_word)?;
        let spend = spends.remove(&id).unwrap_or_default();
        Ok(Booked {
            route: value(row, 1)?,
            completed: outcome == Some(Outcome::Completed),
            source: word(row, 3, "a source", Source::from_word)?.unwrap_or(Source::None),
            baseline: money(row, 4)?,
            drafts: spend.drafts,
            calls: spend.calls,
            unknown: spend.unknown,
            draft: drafts.remove(&id).map(|(_, drafted)| drafted),
        })
    })?;
    let fingerprints = fingerprints(&snapshot)?;
    Ok(Books {
        exchanges,
        fingerprints,
    })
}

const EXCHANGES: &str = "SELECT id, route, outcome, source, baseline_usd
     FROM exchanges LEFT JOIN settlements ON exchange_id = id
     WHERE started_us >= ?1 AND started_us < ?2";

const SPENDS: &str = "SELECT exchange_id, engine, cost_usd, usage_complete
     FROM attempts JOIN exchanges ON id = exchange_id
     WHERE started_us >= ?1 AND started_us < ?2";

const DRAFTS: &str = "SELECT d.exchange_id, d.purpose, d.features_version, d.features, d.fingerprint, d.failed_check,
        d.checkpoint IS NOT NULL, d.verdict, d.propensity,
        (SELECT max(bad) FROM labels l WHERE l.exchange_id = d.exchange_id AND l.purpose = d.purpose)
     FROM decisions d JOIN exchanges ON id = d.exchange_id
     WHERE started_us >= ?1 AND started_us < ?2";

impl Spend {
    fn add(&mut self, row: &Row<'_>) -> Result<(), LedgerError> {
        let engine = word(row, 1, "an engine", Engine::from_word)?.unwrap_or(Engine::Upstream);
        let cost = money(row, 2)?;
        let complete: bool = value(row, 3)?;
        let pot = match engine {
            Engine::Local | Engine::Learning => &mut self.drafts,
            Engine::Upstream => &mut self.calls,
            Engine::Audit => return Ok(()),
        };
        *pot = pot.saturating_add(cost.unwrap_or_default());
        // Local work is charged by time, so its token counts may be incomplete.
        self.unknown |= cost.is_none() || (engine == Engine::Upstream && !complete);
        Ok(())
    }
}

/// A draft, and how much it tells: of several for one exchange that with the lowest rank is taken.
fn drafted(row: &Row<'_>) -> Result<(u8, Drafted), LedgerError> {
    let purpose = word(row, 1, "a purpose", Purpose::from_word)?.unwrap_or(Purpose::Answer);
    let stopped: bool = value(row, 6)?;
    // A draft that was stopped tells less than the same made again to its end.
    let rank = match (purpose, stopped) {
        (Purpose::Answer, false) => 0,
        (Purpose::Redo, _) => 1,
        (Purpose::Learning, _) => 2,
        (Purpose::Answer, true) => 3,
    };
    let version: u32 = value(row, 2)?;
    let verdict: String = value(row, 7)?;
    let drafted = Drafted {
        features: features(version, &value::<Vec<u8>>(row, 3)?),
        fingerprint: value(row, 4)?,
        failed: word(row, 5, "a failed check", |text| text.parse().ok())?,
        stopped,
        accepted: verdict == ACCEPT,
        propensity: value(row, 8)?,
        label: value(row, 9)?,
    };
    Ok((rank, drafted))
}

fn features(version: u32, bytes: &[u8]) -> Option<Features> {
    if version != Features::VERSION {
        return None;
    }
    let values = bytes.chunks(8).map(|chunk| {
        let eight = <[u8; 8]>::try_from(chunk).ok()?;
        Some(f64::from_le_bytes(eight))
    });
    let values: Option<Vec<f64>> = values.collect();
    let values = values.filter(|values| values.len() == Features::NAMES.len())?;
    let names = Features::NAMES.iter().map(|name| (*name).to_owned());
    Features::from_named(&names.zip(values).collect()).ok()
}

/// All fingerprints that the ledger has and that are what their ids say.
fn fingerprints(
    snapshot: &rusqlite::Transaction<'_>,
) -> Result<BTreeMap<String, Fingerprint>, LedgerError> {
    let sql = "SELECT id, content, kind FROM documents WHERE ?1 <= ?2";
    let rows = each(snapshot, sql, [0, 1], |row| {
        let kind = word(row, 2, "a kind of document", DocumentKind::from_word)?;
        let (id, content): (String, String) = (value(row, 0)?, value(row, 1)?);
        let sound = kind == Some(DocumentKind::Fingerprint) && content_id(content.as_bytes()) == id;
        let parsed = sound.then(|| serde_json::from_str(&content).ok()).flatten();
        Ok(parsed.map(|fingerprint| (id, fingerprint)))
    })?;
    Ok(rows.into_iter().flatten().collect())
}
