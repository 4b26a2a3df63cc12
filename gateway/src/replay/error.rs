//! Recordings that cannot be used.

use std::io;

/// Why there is no replay. What stands in the file is never repeated, it may be private.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The file cannot be read.
    #[error("{file}: cannot be read: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// The file has no rows.
    #[error("{file}: there are no recorded outcomes")]
    Empty {
        /// The file.
        file: String,
    },
    /// A line is not a recorded outcome, or contradicts an earlier one.
    #[error("{file}:{line}:{column}: {problem}")]
    Line {
        /// The file.
        file: String,
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: usize,
        /// What is wrong and how to mend it.
        problem: String,
    },
}
