//! The route as it stands in a policy file, key by key. Reading checks types and unknown keys only;
//! [`Policy::compile`](crate::Policy::compile) checks what the values mean. Nothing past it sees these types.

mod matching;
mod one_or_many;

#[cfg(test)]
mod tests;

pub use matching::{MatchDocument, TextMatch};
pub use one_or_many::OneOrMany;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Probability, Span};

/// One entry under `routes`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteDocument {
    /// How reports, metrics and the `x-smallfirst-route` header call the route. Unique, printable ASCII without
    /// spaces.
    pub name: String,
    /// Which requests take the route; default: all of them.
    #[serde(default)]
    pub r#match: MatchDocument,
    /// Who may answer; default: `local-first`.
    #[serde(default)]
    pub action: ActionDocument,
    /// How the local model drafts. Required unless the action is `upstream-only`.
    #[serde(default)]
    pub local: Option<LocalDocument>,
    /// Where the hard cases go. Required unless the action is `local-only`.
    #[serde(default)]
    pub upstream: Option<UpstreamDocument>,
    /// How much quality may be given up; the gateway finds the threshold. Excludes `threshold`.
    #[serde(default)]
    pub risk: Option<RiskDocument>,
    /// Smallest confidence to accept, fixed by hand and not proven by anything. Excludes `risk`.
    #[serde(default)]
    pub threshold: Option<Probability>,
    /// Whether repeated requests are answered from memory; default: no.
    #[serde(default)]
    pub cache: Option<CacheDocument>,
    /// What the route would have used without the small model; default: `upstream`.
    #[serde(default)]
    pub baseline: Option<UpstreamDocument>,
}

/// Who may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ActionDocument {
    /// The local model drafts; what is not good enough goes to the upstream.
    #[default]
    LocalFirst,
    /// The local model answers or nobody does; nothing leaves.
    LocalOnly,
    /// The upstream answers; the local model is not asked.
    UpstreamOnly,
}

/// How the local model drafts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalDocument {
    /// A name from the configuration's local models.
    pub model: String,
    /// Most tokens of a draft, at least 1; default: 512.
    #[serde(default)]
    pub max_tokens: Option<u32>,
    /// Longest time for the whole draft, waiting included; default: none.
    #[serde(default)]
    pub deadline: Option<Span>,
    /// Longest predicted wait for the first token; beyond it the upstream is asked at once. Default: none.
    #[serde(default)]
    pub first_token_within: Option<Span>,
    /// What an answer must be; default: `text`.
    #[serde(default)]
    pub answer: AnswerDocument,
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
}

/// A model of an external API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamDocument {
    /// A name from the configuration's upstreams.
    pub name: String,
    /// The model as that upstream calls it.
    pub model: String,
}

/// How much quality may be given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RiskDocument {
    /// Largest share of all traffic of the route that the upstream would have served better; above 0, below 1.
    pub max_regret: Probability,
    /// How sure that must be; at least 50 %, below 100 %; default: 90 %.
    #[serde(default = "usual_assurance")]
    pub assurance: Probability,
}

fn usual_assurance() -> Probability {
    Probability::PERCENT_90
}

/// Answers from memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CacheDocument {
    /// How long an answer may be repeated.
    pub ttl: Span,
}
