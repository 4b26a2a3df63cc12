//! The `match` of a route.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::OneOrMany;

/// What a request must look like. All the conditions given must hold; without any, every request does.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchDocument {
    /// Names in the request's `model` field after `aliases`, exact or with `*` for any run of characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<OneOrMany<String>>,
    /// The API that is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<OneOrMany<Api>>,
    /// Paths of the request's address, exact or with `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["/v1/chat/*"]))]
    pub path: Option<OneOrMany<String>>,
    /// Names of the client's key, as under `keys`, exact or with `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<OneOrMany<String>>,
    /// The team that the client's key belongs to, exact or with `*`. A key without a team has none of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<OneOrMany<String>>,
    /// Tags of the client's key, or of the request's `metadata` where no key has a tag of that name; exact or with `*`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Values of request headers, exact or with `*`. Names are compared without regard to case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// How many tokens the prompt has, roughly: a quarter of the bytes of its texts and tools, and 4 for each message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<RangeDocument>,
    /// How many messages of the user the conversation has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<RangeDocument>,
    /// Which tools are offered: `present`, `absent`, or a condition on their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<ToolsDocument>,
    /// The form of answer that the client asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_format: Option<OneOrMany<ResponseFormat>>,
    /// What the messages hold: one of these at least. `text` is for requests that hold nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modality: Option<OneOrMany<Modality>>,
    /// The language of the user's last message, by its ISO 639 code. Holds only where the text leaves little doubt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["de"]))]
    pub language: Option<OneOrMany<String>>,
    /// A condition on the system prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<TextMatch>,
    /// A condition on the user's last message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_message: Option<TextMatch>,
    /// At least one of these must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub any: Option<Vec<Self>>,
    /// Each of these must hold; for several conditions of one kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<Vec<Self>>,
    /// This must not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<Self>>,
}

/// A condition on a text; case counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TextMatch {
    /// The whole text.
    Equals(String),
    /// How the text starts.
    Prefix(String),
    /// What occurs somewhere in the text.
    Contains(String),
    /// A regular expression that fits somewhere in the text; `(?i)` in front ignores case.
    Regex(String),
}

/// Bounds of a number, both included; one of them at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RangeDocument {
    /// The smallest that fits; default: no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<u64>,
    /// The largest that fits; default: no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u64>,
}

/// A condition on the tools that a request offers; names are exact or with `*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToolsDocument {
    /// There are some.
    Present,
    /// There are none.
    Absent,
    /// One of the tools at least has one of these names.
    AnyOf(OneOrMany<String>),
    /// For each of these names there is a tool.
    AllOf(OneOrMany<String>),
    /// There are tools, and each has one of these names.
    Only(OneOrMany<String>),
}

/// An API that clients can ask.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Api {
    /// `POST /v1/chat/completions`.
    ChatCompletions,
    /// `POST /v1/responses`.
    Responses,
    /// `POST /v1/messages`.
    Messages,
    /// `POST /v1/embeddings`.
    Embeddings,
}

/// The form of answer that a client asks for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ResponseFormat {
    /// Free text; also where the client says nothing.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON of a schema, closed lists among them.
    JsonSchema,
    /// A schema that allows a closed list of values and nothing else.
    Enum,
}

/// What a message can hold.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Modality {
    /// Text.
    Text,
    /// Pictures.
    Image,
    /// Sound, in the messages or asked for in the answer.
    Audio,
    /// Files, and every kind of part that is not known here.
    File,
}

impl Api {
    /// The name as the file writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat-completions",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::Embeddings => "embeddings",
        }
    }

    /// The path that clients post to.
    pub const fn path(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/v1/chat/completions",
            Self::Responses => "/v1/responses",
            Self::Messages => "/v1/messages",
            Self::Embeddings => "/v1/embeddings",
        }
    }
}

impl ResponseFormat {
    /// The name as the file writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::JsonObject => "json_object",
            Self::JsonSchema => "json_schema",
            Self::Enum => "enum",
        }
    }
}

impl Modality {
    /// The name as the file writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::File => "file",
        }
    }
}
