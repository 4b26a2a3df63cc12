//! From evidence to SQL.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::ledger::evidence::{
    Decision, Document, EvidenceRow, JudgingRow, LabelRow, RepeatRow, Turn,
};
use router_policies::Features;

/// Adds a row of evidence.
pub(super) fn insert(connection: &Connection, row: &EvidenceRow) -> rusqlite::Result<()> {
    match row {
        EvidenceRow::Document(row) => document(connection, row),
        EvidenceRow::Decision(row) => decision(connection, row),
        EvidenceRow::Label(row) => label(connection, row),
        EvidenceRow::Repeat(row) => repeat(connection, row),
        EvidenceRow::Judging(row) => judging(connection, row),
        EvidenceRow::Turn(row) => turn(connection, row),
    }
}

/// A document that is known already stays as it is: its content has the same hash.
fn document(connection: &Connection, row: &Document) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO documents (id, kind, content, noted_us) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![row.id, row.kind.as_str(), row.content, now()])?;
    Ok(())
}

fn decision(connection: &Connection, row: &Decision) -> rusqlite::Result<()> {
    let features: Vec<u8> = row
        .features
        .values()
        .into_iter()
        .flat_map(f64::to_le_bytes)
        .collect();
    let (stopped, audit) = (row.stopped, row.audit);
    connection
        .prepare_cached(
            "INSERT INTO decisions (exchange_id, purpose, features_version, features, certificate, fingerprint, mode,
                threshold, p_bad, failed_check, verdict, checkpoint, checkpoint_p, checkpoint_limit, propensity, audit,
                decided_us)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        )?
        .execute(params![
            row.exchange.to_string(),
            row.purpose.as_str(),
            Features::VERSION,
            features,
            row.certificate,
            row.fingerprint,
            row.mode.as_str(),
            row.threshold.map(router_policies::Probability::get),
            row.p_bad.get(),
            row.failed_check,
            row.verdict,
            stopped.map(|at| at.decisions),
            stopped.map(|at| at.p_rejected),
            stopped.map(|at| at.limit),
            audit.map(|(propensity, _)| propensity.get()),
            audit.map(|(_, draw)| draw.as_str()),
            row.at.as_microsecond(),
        ])?;
    Ok(())
}

fn label(connection: &Connection, row: &LabelRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO labels (exchange_id, purpose, origin, bad, comparator, labelled_us)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            row.exchange.to_string(),
            row.purpose.as_str(),
            row.origin.as_str(),
            row.bad,
            row.comparator,
            row.at.as_microsecond(),
        ])?;
    Ok(())
}

fn repeat(connection: &Connection, row: &RepeatRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO repeats (exchange_id, differs, comparator, labelled_us) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            row.exchange.to_string(),
            row.differs,
            row.comparator,
            row.at.as_microsecond(),
        ])?;
    Ok(())
}

fn judging(connection: &Connection, row: &JudgingRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO judgings (exchange_id, purpose, draft_first, preferred, judged_us) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            row.exchange.to_string(),
            row.purpose.as_str(),
            row.draft_first,
            row.preferred.as_str(),
            row.at.as_microsecond(),
        ])?;
    Ok(())
}

fn turn(connection: &Connection, row: &Turn) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO turns (at_us, route, mode, cause, certificate) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            row.at.as_microsecond(),
            row.route,
            row.mode.as_str(),
            row.cause,
            row.certificate,
        ])?;
    Ok(())
}

fn now() -> i64 {
    Timestamp::now().as_microsecond()
}
