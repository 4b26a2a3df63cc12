//! What can be wrong with when a draft becomes the answer.

use thiserror::Error;

/// What is wrong. Every text says how to mend it.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CommitProblem {
    /// A form that only a whole answer can have.
    #[error(
        "`commit: window` sends a draft before it is whole, and this route's answers are checked as a whole: half a JSON \
         value or label is no answer that could still be refused; write `commit: complete`, or answer with `text`"
    )]
    Form,
    /// There is no checkpoint there.
    #[error("there is no checkpoint after {decisions} tokens; write 1, 4, 8, 16, 32 or 64")]
    Checkpoint {
        /// What was written.
        decisions: u32,
    },
    /// Nothing is committed there.
    #[error("`commit_after` says nothing without `commit: window`; add it, or remove this")]
    Nothing,
}
