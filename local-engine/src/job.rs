//! What an engine is asked to do.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One generation to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The conversation, oldest first.
    pub messages: Vec<Message>,
    /// Most tokens to emit, at least 1.
    pub max_tokens: u32,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// What the answer is held to while it is written; `None` leaves the model free.
    pub constraint: Option<Constraint>,
    /// Strings that end the answer; they are not part of it.
    pub stop: Vec<String>,
    /// Longest acceptable wait for the first token; beyond the prediction the job fails at once with
    /// [`EngineError::Busy`](crate::EngineError::Busy) and nothing is computed.
    pub first_token_within: Option<Duration>,
    /// Whose prompt this is. What was computed for the beginning of a prompt is used again for the same tenant only;
    /// jobs without one share nothing.
    #[serde(default)]
    pub tenant: Option<Arc<str>>,
    /// Low-rank adapter to answer with, a name of [`EngineSpec::loras`](crate::EngineSpec::loras).
    #[serde(default)]
    pub lora: Option<Arc<str>>,
}

impl Job {
    /// The most probable answer to `messages`, of at most `max_tokens` tokens, with nothing else asked.
    #[must_use]
    pub fn greedy(messages: Vec<Message>, max_tokens: u32) -> Self {
        Self {
            messages,
            max_tokens,
            sampling: Sampling::Greedy,
            constraint: None,
            stop: Vec::new(),
            first_token_within: None,
            tenant: None,
            lora: None,
        }
    }
}

/// One turn of the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user` or `assistant`, as the chat template expects.
    pub role: String,
    /// Plain text.
    pub content: String,
}

impl Message {
    /// What a user says.
    pub fn user(content: impl Into<String>) -> Self {
        Self {
            role: "user".to_owned(),
            content: content.into(),
        }
    }
}

/// What an answer is held to while it is written: tokens that lead out of it are never chosen.
///
/// An engine that cannot do that fails the job with [`EngineError::Unsupported`](crate::EngineError::Unsupported)
/// before it computes anything. An answer that `max_tokens` cuts off is the beginning of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Constraint {
    /// Exactly one of these complete answers.
    OneOf(Arc<[String]>),
    /// A text that this regular expression, in the syntax of the `regex` crate, describes from its first to its last
    /// character.
    Regex(Arc<str>),
    /// One JSON object or array.
    Json,
    /// JSON that this schema allows; the schema as JSON text.
    JsonSchema(Arc<str>),
}

impl Constraint {
    /// Bytes of its text.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::OneOf(answers) => answers.iter().map(String::len).sum(),
            Self::Regex(text) | Self::JsonSchema(text) => text.len(),
            Self::Json => 0,
        }
    }
}

/// How tokens are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Sampling {
    /// The most probable token, always.
    Greedy,
    /// Drawn at random.
    Random {
        /// Above 0; 1 is the model's own distribution.
        temperature: f32,
        /// Nucleus, above 0 and at most 1.
        top_p: f32,
        /// The same seed, job and model make the same draws; without one every job draws anew.
        seed: Option<u64>,
    },
}
