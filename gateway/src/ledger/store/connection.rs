//! Opening the file: for writing, for reading, and the lock that admits one writer.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::schema;
use crate::ledger::{LedgerError, LedgerUrl};

/// How long a statement waits for another connection's checkpoint or read.
const BUSY: Duration = Duration::from_secs(5);

/// How long a starting gateway waits for the lock; a report may glance at it.
const LOCK_WAIT: Duration = Duration::from_millis(500);

/// A connection that writes, with the schema brought up to date.
pub(super) fn writable(path: &Path) -> Result<Connection, LedgerError> {
    let connection = Connection::open(path).map_err(LedgerError::sqlite("open the ledger"))?;
    prepare(connection, "WAL")
}

/// A private ledger without a file.
pub(super) fn in_memory() -> Result<Connection, LedgerError> {
    let connection =
        Connection::open_in_memory().map_err(LedgerError::sqlite("open a ledger in memory"))?;
    prepare(connection, "MEMORY")
}

fn prepare(mut connection: Connection, journal: &str) -> Result<Connection, LedgerError> {
    let failed = LedgerError::sqlite("set up the ledger");
    let settings = || {
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", journal)?;
        connection.pragma_update(None, "synchronous", "FULL")
    };
    settings().map_err(failed)?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

/// Opens a ledger for reading, beside a running gateway or without one.
///
/// # Errors
/// When there is no such file, it is not a ledger, or a newer build wrote it.
pub fn read_only(url: &LedgerUrl) -> Result<Connection, LedgerError> {
    let LedgerUrl::Sqlite(path) = url;
    reader(path)
}

pub(super) fn reader(path: &Path) -> Result<Connection, LedgerError> {
    if !path.exists() {
        return Err(LedgerError::Missing {
            path: path.to_owned(),
        });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .map_err(LedgerError::sqlite("open the ledger to read"))?;
    connection
        .busy_timeout(BUSY)
        .map_err(LedgerError::sqlite("set up the ledger"))?;
    schema::check_readable(&connection, path)?;
    Ok(connection)
}

/// Takes the writer's lock for as long as the connection lives.
///
/// It is a database of its own, empty and held in an exclusive transaction: the one lock that
/// SQLite already offers on every system, released by the system however the process ends, and it
/// leaves readers of the ledger alone (exclusive mode on the ledger itself would shut them out).
pub(super) fn lock(path: &Path) -> Result<Connection, LedgerError> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder).map_err(|source| LedgerError::Io {
            action: format!("make the ledger's folder {}", folder.display()),
            source,
        })?;
    }
    let side = lock_path(path);
    let failed = |source: rusqlite::Error| {
        if source.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) {
            return LedgerError::InUse {
                path: path.to_owned(),
                lock: side.clone(),
            };
        }
        LedgerError::Sqlite {
            action: "lock the ledger",
            source,
        }
    };
    let connection = Connection::open(&side).map_err(failed)?;
    connection.busy_timeout(LOCK_WAIT).map_err(failed)?;
    connection
        .execute_batch("BEGIN EXCLUSIVE")
        .map_err(failed)?;
    Ok(connection)
}

/// Whether a gateway has the ledger open for writing now.
pub(crate) fn writer_is_alive(url: &LedgerUrl) -> bool {
    let LedgerUrl::Sqlite(path) = url;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let glance = || {
        let connection = Connection::open_with_flags(lock_path(path), flags)?;
        connection.busy_timeout(Duration::ZERO)?;
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
    };
    glance().is_err_and(|error: rusqlite::Error| {
        error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
    })
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}
