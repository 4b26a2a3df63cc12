//! Where a ledger lives.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::error::LedgerError;

/// The address of a ledger: `sqlite:PATH`, or just a path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LedgerUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
}

impl FromStr for LedgerUrl {
    type Err = LedgerError;

    fn from_str(text: &str) -> Result<Self, LedgerError> {
        let given = text.trim();
        let refused = |problem| LedgerError::Address {
            given: given.to_owned(),
            problem,
        };
        let path = match given.split_once(':') {
            // One letter is a Windows drive, not a scheme.
            Some((scheme, _)) if scheme.len() < 2 || scheme.contains(['/', '\\', '.']) => given,
            Some(("sqlite", rest)) => rest.strip_prefix("//").unwrap_or(rest),
            Some(("postgres" | "postgresql", _)) => return Err(LedgerError::PostgresUnsupported),
            Some(_) => return Err(refused("unknown kind of ledger")),
            None => given,
        };
        match path {
            "" => Err(refused("the path is missing")),
            ":memory:" => Err(refused("a ledger in memory would be lost at the end")),
            path => Ok(Self::Sqlite(PathBuf::from(path))),
        }
    }
}

impl fmt::Display for LedgerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_sqlite_urls_are_files() {
        for (text, path) in [
            ("ledger.db", "ledger.db"),
            ("./a:b.db", "./a:b.db"),
            ("sqlite:ledger.db", "ledger.db"),
            ("sqlite:///var/lib/ledger.db", "/var/lib/ledger.db"),
            (r"C:\ledger.db", r"C:\ledger.db"),
        ] {
            let url: LedgerUrl = text.parse().unwrap();
            assert_eq!(url, LedgerUrl::Sqlite(PathBuf::from(path)), "{text}");
        }
        assert_eq!(LedgerUrl::Sqlite("a.db".into()).to_string(), "sqlite:a.db");
    }

    #[test]
    fn refusals_say_what_to_write() {
        for (text, words) in [
            ("postgres://host/db", "not supported yet"),
            ("mysql://host/db", "write `sqlite:PATH`"),
            ("sqlite:", "the path is missing"),
            ("", "the path is missing"),
            ("sqlite::memory:", "would be lost"),
        ] {
            let error = text.parse::<LedgerUrl>().unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
