//! Everything that can go wrong in an engine. To a gateway each is a reason to escalate.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why a generation did not happen or did not end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum EngineError {
    /// The queue is full or the predicted wait is past the job's limit. Try elsewhere, or later.
    #[error("the local model is busy: the first token is predicted in {predicted:?}")]
    Busy {
        /// Predicted time to first token.
        predicted: Duration,
    },
    /// The model has not loaded yet. Try elsewhere meanwhile.
    #[error("the local model is still loading")]
    Loading,
    /// The model is not in memory; it is on its way. Try elsewhere meanwhile.
    #[error("the local model is not in memory; it is being loaded")]
    Unloaded,
    /// The model is not in memory and does not come: what is there holds all the room. The text is for the operator.
    #[error("the memory budget has no room for the local model: {0}")]
    NoRoom(String),
    /// The prompt does not fit. A larger model must answer.
    #[error("the prompt has {tokens} tokens, the local model's context holds {limit}")]
    PromptTooLong {
        /// Tokens of the rendered prompt.
        tokens: u32,
        /// Tokens that would fit.
        limit: u32,
    },
    /// This engine cannot do what the job asks. Another one must.
    #[error("the local model cannot do this: {0}")]
    Unsupported(String),
    /// The engine stopped in the middle of the job; it is being restarted.
    #[error("the local model stopped: {0}")]
    Died(String),
    /// The model could not be loaded; mend the configuration.
    #[error("the local model did not load: {0}")]
    Load(String),
    /// The engine reported an error of its own.
    #[error("the local model failed: {0}")]
    Internal(String),
}
