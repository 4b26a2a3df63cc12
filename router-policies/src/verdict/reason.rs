//! Reasons to escalate.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a request went to the upstream. The text form is a metric label, a response header and a column of the ledger, so
/// it never changes.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The route sends everything to the upstream.
    Policy,
    /// The route has no valid certificate yet.
    Learning,
    /// The draft's confidence is below the threshold.
    LowConfidence,
    /// The draft is not of the form that the route asks for.
    InvalidAnswer,
    /// The draft refuses where the route's form leaves no room for it.
    Refused,
    /// The draft repeats one phrase without end.
    Repetitive,
    /// The draft hit its token limit.
    Truncated,
    /// The draft was given up before its end, because it would have been rejected.
    StoppedEarly,
    /// The local model would have started too late.
    Busy,
    /// The draft was not finished by the route's deadline.
    Slow,
    /// The upstream was asked beside the draft and answered before it was decided.
    Hedged,
    /// The local engine is loading or down.
    EngineDown,
    /// The local model is not in memory; the request has it loaded for later ones.
    Unloaded,
    /// The local model is not in memory, and the memory budget has no room for it.
    NoRoom,
    /// The local engine failed during the draft.
    EngineFailed,
    /// The prompt does not fit the local model's context.
    PromptTooLong,
    /// The request asks for something that the local model cannot do.
    Unsupported,
}

/// A text that is no reason.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no escalation reason `{0}`")]
pub struct UnknownReason(String);

impl Reason {
    /// All reasons, in order of declaration.
    pub const ALL: [Self; 17] = [
        Self::Policy,
        Self::Learning,
        Self::LowConfidence,
        Self::InvalidAnswer,
        Self::Refused,
        Self::Repetitive,
        Self::Truncated,
        Self::StoppedEarly,
        Self::Busy,
        Self::Slow,
        Self::Hedged,
        Self::EngineDown,
        Self::Unloaded,
        Self::NoRoom,
        Self::EngineFailed,
        Self::PromptTooLong,
        Self::Unsupported,
    ];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Learning => "learning",
            Self::LowConfidence => "low_confidence",
            Self::InvalidAnswer => "invalid_answer",
            Self::Refused => "refused",
            Self::Repetitive => "repetitive",
            Self::Truncated => "truncated",
            Self::StoppedEarly => "stopped_early",
            Self::Busy => "busy",
            Self::Slow => "slow",
            Self::Hedged => "hedged",
            Self::EngineDown => "engine_down",
            Self::Unloaded => "unloaded",
            Self::NoRoom => "no_room",
            Self::EngineFailed => "engine_failed",
            Self::PromptTooLong => "prompt_too_long",
            Self::Unsupported => "unsupported",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, UnknownReason> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| UnknownReason(text.to_owned()))
    }
}
