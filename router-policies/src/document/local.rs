//! The `local` of a route.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::units::{Probability, Span};

/// How the local model drafts. Merged key by key, `prompt` included.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalDocument {
    /// A name from the configuration's local models. Required.
    #[serde(default)]
    pub model: Option<String>,
    /// A name from the model's `loras`, low-rank adapters that change its weights; default: none.
    #[serde(default)]
    pub lora: Option<String>,
    /// Most tokens of a draft, at least 1; default: 512.
    #[serde(default)]
    pub max_tokens: Option<u32>,
    /// Longest time for the whole draft, waiting included; default: none.
    #[serde(default)]
    pub deadline: Option<Span>,
    /// Longest predicted wait for the first token; beyond it the upstream is asked at once. Default: none.
    #[serde(default)]
    pub first_token_within: Option<Span>,
    /// How tokens are chosen; default: always the most probable one.
    #[serde(default)]
    pub sampling: Option<SamplingDocument>,
    /// What is added to the local model's prompt, and to no other; default: nothing.
    #[serde(default)]
    pub prompt: Option<PromptDocument>,
    /// What an answer must be; default: `text`.
    #[serde(default)]
    pub answer: Option<AnswerDocument>,
}

/// How tokens are chosen. Without a temperature, or at 0, always the most probable one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SamplingDocument {
    /// From 0 to 2; 1 is the model's own distribution. Default: 0.
    #[serde(default)]
    pub temperature: Option<f64>,
    /// Draw only from the most probable tokens that together reach this probability; above 0. Default: 100 %.
    #[serde(default)]
    pub top_p: Option<Probability>,
    /// Makes draws repeatable; default: none.
    #[serde(default)]
    pub seed: Option<u64>,
}

/// What is added to the local model's prompt. The upstream gets the request as the client wrote it.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromptDocument {
    /// Put before the system prompt.
    #[serde(default)]
    pub system_prefix: Option<String>,
    /// Put between the system prompt and the conversation.
    #[serde(default)]
    pub examples: Option<Vec<ExampleDocument>>,
}

/// A worked example.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExampleDocument {
    /// What a user might say.
    pub user: String,
    /// What the model should answer.
    pub assistant: String,
}

// Prompts stay out of logs, those of the configuration too.
impl fmt::Debug for PromptDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromptDocument").finish_non_exhaustive()
    }
}

impl fmt::Debug for ExampleDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExampleDocument").finish_non_exhaustive()
    }
}

/// What an answer must be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerDocument {
    /// Any text that is not blank.
    #[default]
    Text,
    /// A JSON object or array and nothing else.
    Json,
    /// Exactly one of these texts.
    OneOf(Vec<String>),
    /// A text that this regular expression describes from its first to its last character.
    Regex(String),
    /// JSON that this schema, written in place, allows. References must stay within the schema.
    JsonSchema(Value),
}
