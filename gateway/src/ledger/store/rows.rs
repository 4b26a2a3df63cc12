//! From row types to SQL.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::ledger::entry::{AttemptRow, SettlementRow};
use crate::ledger::{Opening, Price, Usage};

/// Adds a new exchange.
pub(super) fn insert_opening(connection: &Connection, row: &Opening) -> rusqlite::Result<()> {
    let baseline = row.baseline.as_ref();
    let rates = baseline
        .and_then(|model| model.rates.as_ref())
        .map(json)
        .transpose()?;
    connection
        .prepare_cached(
            "INSERT INTO exchanges (id, started_at, started_us, route, principal, client_model,
                streamed, policy_version, baseline_provider, baseline_model, baseline_rates,
                reserved_usd, pinned_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            row.id.to_string(),
            row.started_at.to_string(),
            row.started_at.as_microsecond(),
            row.route,
            row.principal,
            row.client_model,
            row.streamed,
            row.policy_version,
            baseline.map(|model| &model.provider),
            baseline.map(|model| &model.model),
            rates,
            money(row.reserved),
            row.pinned_by.as_deref(),
        ])?;
    Ok(())
}

/// Adds an ended attempt.
pub(super) fn insert_attempt(connection: &Connection, row: &AttemptRow) -> rusqlite::Result<()> {
    let AttemptRow { id, seq, attempt } = row;
    let [input, cache_read, cache_write, output, reasoning] = tokens(&attempt.usage);
    connection
        .prepare_cached(
            "INSERT INTO attempts (exchange_id, seq, engine, provider, model, outcome,
                input_tokens, cache_read_tokens, cache_write_tokens, output_tokens,
                reasoning_tokens, usage_complete, busy_us, latency_us, cost_usd, rates,
                error_kind, ended_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                ?18)",
        )?
        .execute(params![
            id.to_string(),
            seq,
            attempt.engine.as_str(),
            attempt.provider,
            attempt.model,
            attempt.outcome.as_str(),
            input,
            cache_read,
            cache_write,
            output,
            reasoning,
            attempt.usage_complete,
            micros(attempt.busy),
            micros(attempt.latency),
            money(attempt.cost),
            json(&attempt.pricing)?,
            attempt.error_kind,
            Timestamp::now().to_string(),
        ])?;
    Ok(())
}

/// Adds a settlement; a second one for the same exchange is a constraint error.
pub(super) fn insert_settlement(
    connection: &Connection,
    row: &SettlementRow,
) -> rusqlite::Result<()> {
    let settlement = &row.settlement;
    let baseline = row.baseline.as_ref();
    let [input, cache_read, cache_write, output, reasoning] =
        baseline.map_or([None; 5], |baseline| tokens(&baseline.usage).map(Some));
    connection
        .prepare_cached(
            "INSERT INTO settlements (exchange_id, outcome, source, status, reason, confidence,
                certificate, latency_us, first_byte_us, baseline_method, baseline_input_tokens,
                baseline_cache_read_tokens, baseline_cache_write_tokens, baseline_output_tokens,
                baseline_reasoning_tokens, baseline_usd, settled_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        )?
        .execute(params![
            row.id.to_string(),
            settlement.outcome.as_str(),
            settlement.source.as_str(),
            settlement.status,
            settlement.reason.as_deref(),
            settlement.confidence,
            settlement.certificate,
            micros(row.latency),
            settlement.first_byte.map(micros),
            baseline.map(|baseline| baseline.method.as_str()),
            input,
            cache_read,
            cache_write,
            output,
            reasoning,
            baseline.and_then(|baseline| money(baseline.cost)),
            Timestamp::now().to_string(),
        ])?;
    Ok(())
}

fn money(price: Price) -> Option<String> {
    price.exact().map(|amount| amount.to_string())
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn tokens(usage: &Usage) -> [i64; 5] {
    [
        usage.input,
        usage.cache_read,
        usage.cache_write,
        usage.output,
        usage.reasoning,
    ]
    .map(|count| i64::try_from(count).unwrap_or(i64::MAX))
}

fn json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}
