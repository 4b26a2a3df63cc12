//! What can go wrong with the ledger, and the mend for each.

use std::path::PathBuf;

/// A ledger that cannot be opened, written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The text given as ledger address is not one we understand.
    #[error("ledger address `{given}`: {problem}; write `sqlite:PATH` or just a file path")]
    Address {
        /// What was given.
        given: String,
        /// Why it is refused.
        problem: &'static str,
    },
    /// PostgreSQL is planned for several replicas and not there yet.
    #[error("PostgreSQL ledgers are not supported yet; use `sqlite:PATH`, one file per gateway")]
    PostgresUnsupported,
    /// Another gateway writes to this ledger.
    #[error(
        "the ledger {} is in use by another gateway (it holds {}); stop that one, or give this \
         one its own ledger file (`report` may read a ledger at any time)",
        .path.display(), .lock.display()
    )]
    InUse {
        /// The ledger file.
        path: PathBuf,
        /// The lock file beside it.
        lock: PathBuf,
    },
    /// The file was written by a newer version of the gateway.
    #[error(
        "the ledger has schema version {found}, this build knows up to {known}; use a newer \
         build of smallfirst, or start a new ledger file"
    )]
    NewerSchema {
        /// Version found in the file.
        found: i64,
        /// Newest version this build can read.
        known: i64,
    },
    /// A read-only open found a file that is not a ledger (yet).
    #[error(
        "{} is not a smallfirst ledger; check the path, or serve some requests first",
        .path.display()
    )]
    NotALedger {
        /// The file.
        path: PathBuf,
    },
    /// There is no such file.
    #[error("there is no ledger at {}; check the path, or serve some requests first", .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The folder of the ledger cannot be made or the writer thread cannot be started.
    #[error("cannot {action}: {source}; check the folder, its permissions and the free space")]
    Io {
        /// What was tried.
        action: String,
        /// The system's own words.
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("cannot {action}: {source}; check the disk space and that the file is writable")]
    Sqlite {
        /// What was tried.
        action: &'static str,
        /// SQLite's own words.
        source: rusqlite::Error,
    },
    /// A stored value is not what this version writes: the file was edited or is damaged.
    #[error(
        "the ledger holds `{value}` where {expected} belongs; restore the file from a backup, or \
         start a new one"
    )]
    Damaged {
        /// The value found.
        value: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// The ledger was closed, or its writer has ended.
    #[error("the ledger is closed; no more rows can be written or read through this handle")]
    Closed,
}

impl LedgerError {
    /// For `map_err`: names what was tried when SQLite refused.
    pub(crate) const fn sqlite(action: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Sqlite { action, source }
    }
}
