//! The tables, how they change from version to version, and the mark on lost exchanges.

use std::path::Path;

use rusqlite::Connection;

use crate::ledger::LedgerError;

/// One entry per schema version, oldest first. Never change one that was released: add another.
const MIGRATIONS: &[&str] = &[
    include_str!("schema_v1.sql"),
    include_str!("schema_v2.sql"),
    include_str!("schema_v3.sql"),
    include_str!("schema_v4.sql"),
];

/// Brings the schema up to date; refuses one from the future.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), LedgerError> {
    let found = version(connection)?;
    let known = newest();
    if found > known {
        return Err(LedgerError::NewerSchema { found, known });
    }
    let failed = || LedgerError::sqlite("bring the ledger's schema up to date");
    for (version, migration) in (1_i64..)
        .zip(MIGRATIONS)
        .filter(|(version, _)| *version > found)
    {
        let step = connection.transaction().map_err(failed())?;
        step.execute_batch(migration).map_err(failed())?;
        step.pragma_update(None, "user_version", version)
            .map_err(failed())?;
        step.commit().map_err(failed())?;
    }
    Ok(())
}

/// Whether a read-only connection found a ledger that this build understands.
pub(super) fn check_readable(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    let known = newest();
    let found = version(connection).map_err(|error| match error {
        LedgerError::Sqlite { source, .. }
            if source.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) =>
        {
            LedgerError::NotALedger {
                path: path.to_owned(),
            }
        }
        other => other,
    })?;
    match found {
        0 => Err(LedgerError::NotALedger {
            path: path.to_owned(),
        }),
        found if found > known => Err(LedgerError::NewerSchema { found, known }),
        _ => Ok(()),
    }
}

/// Settles what an earlier process left open. Its reservation stays in the opening row.
pub(super) fn mark_lost(connection: &Connection) -> Result<u64, LedgerError> {
    let lost = connection
        .execute(
            "INSERT INTO settlements (exchange_id, outcome, source, status, settled_at)
             SELECT id, 'lost', 'none', 0, ?1
             FROM exchanges
             WHERE NOT EXISTS (SELECT 1 FROM settlements WHERE exchange_id = exchanges.id)",
            [jiff::Timestamp::now().to_string()],
        )
        .map_err(LedgerError::sqlite("mark what an earlier run left open"))?;
    Ok(u64::try_from(lost).unwrap_or(u64::MAX))
}

fn newest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

fn version(connection: &Connection) -> Result<i64, LedgerError> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(LedgerError::sqlite("read the ledger's schema version"))
}
