//! What is not wrong but probably not meant.

use std::fmt;

use thiserror::Error;

/// One warning and where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyWarning {
    /// Where, from the root of the policy: `presets.careful`.
    pub path: String,
    /// What is odd, and how to mend it.
    pub notice: PolicyNotice,
}

impl fmt::Display for PolicyWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.notice)
    }
}

/// What is odd. Every text says how to mend it.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PolicyNotice {
    /// A preset that nothing extends; what it says was not checked either.
    #[error("no route extends the preset `{name}`, so it was not checked; use it or remove it")]
    UnusedPreset {
        /// The name.
        name: String,
    },
    /// There is nothing left that could match no route.
    #[error("the route `{route}` takes every request, so none is left over; remove `unmatched`")]
    NothingUnmatched {
        /// The route.
        route: String,
    },
    /// The judge compares answers with its own.
    #[error(
        "`{model}` judges between a draft and what it answered itself, and models prefer their own words; the report tells \
         how often it contradicts itself, not this; name another model as `judge`"
    )]
    JudgesItself {
        /// The model.
        model: String,
    },
    /// The search for routes that are never reached was given up.
    #[error(
        "the conditions are too many and too much alike to find out whether every route from here on can be reached"
    )]
    ReachUnknown,
}
