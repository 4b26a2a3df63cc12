//! The keys that defaults, presets, routes, arms and teams have in common.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LocalDocument, OneOrMany, PrivateDocument};
use crate::units::{Amount, Factor, Probability, Span};

/// Declares a struct with keys of its own and all the shared ones. Serde's `flatten` would do the same but neither
/// refuses unknown keys nor tells the place of an error.
macro_rules! with_fields {
    (
        $(#[$about:meta])*
        pub struct $name:ident {
            $($(#[$key_about:meta])* pub $key:ident: $kind:ty,)*
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$key_about])* pub $key: $kind,)*
            /// Who may answer; default: `local-first`.
            #[serde(default)]
            pub action: Option<$crate::document::ActionDocument>,
            /// How the local model drafts. Required unless the action is `upstream-only`.
            #[serde(default)]
            pub local: Option<$crate::document::LocalDocument>,
            /// Where the hard cases go: one model, or a list of which each is the fallback of the one before.
            /// Required unless the action is `local-only`.
            #[serde(default)]
            pub upstream: Option<$crate::document::OneOrMany<$crate::document::UpstreamDocument>>,
            /// How much quality may be given up; the gateway finds the threshold. Excludes `threshold`.
            #[serde(default)]
            pub risk: Option<$crate::document::RiskDocument>,
            /// Smallest confidence to accept, fixed by hand and not proven by anything. Excludes `risk`.
            #[serde(default)]
            pub threshold: Option<$crate::units::Probability>,
            /// From when on the source of a streamed answer is settled; default: `complete`.
            #[serde(default)]
            pub commit: Option<$crate::document::CommitDocument>,
            /// With `commit: window`: how many tokens of the draft are judged before it begins to be sent; 1, 4, 8, 16, 32 or 64.
            /// Default: 16.
            #[serde(default)]
            pub commit_after: Option<u32>,
            /// Whether a draft that is likely to be rejected is given up before its end; default: no.
            #[serde(default)]
            pub early_abort: Option<bool>,
            /// How long to wait for the draft before the upstream is asked beside it; default: never.
            #[serde(default)]
            pub hedge_after: Option<$crate::units::Span>,
            /// Whether accepted answers are checked against the upstream afterwards; default: no.
            #[serde(default)]
            pub audit: Option<$crate::document::AuditDocument>,
            /// Whether repeated requests are answered from memory; default: no.
            #[serde(default)]
            pub cache: Option<$crate::document::CacheDocument>,
            /// What would have answered without the small model; default: the first `upstream`.
            #[serde(default)]
            pub baseline: Option<$crate::document::UpstreamDocument>,
            /// Most that may be spent; default: no bound.
            #[serde(default)]
            pub budget: Option<$crate::document::BudgetDocument>,
            /// Which requests must not leave: `true` for all, or the detectors that find such requests; default: none.
            #[serde(default)]
            pub private: Option<$crate::document::PrivateDocument>,
        }

        impl $name {
            /// The shared keys.
            pub(crate) fn fields(&self) -> $crate::document::FieldsDocument {
                $crate::document::FieldsDocument {
                    action: self.action,
                    local: self.local.clone(),
                    upstream: self.upstream.clone(),
                    risk: self.risk.clone(),
                    threshold: self.threshold,
                    commit: self.commit,
                    commit_after: self.commit_after,
                    early_abort: self.early_abort,
                    hedge_after: self.hedge_after,
                    audit: self.audit.clone(),
                    cache: self.cache.clone(),
                    baseline: self.baseline.clone(),
                    budget: self.budget.clone(),
                    private: self.private.clone(),
                }
            }
        }
    };
}

pub(super) use with_fields;

/// The keys that can be inherited, as `defaults` and the entries of `teams` write them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldsDocument {
    /// Who may answer; default: `local-first`.
    #[serde(default)]
    pub action: Option<ActionDocument>,
    /// How the local model drafts. Required unless the action is `upstream-only`.
    #[serde(default)]
    pub local: Option<LocalDocument>,
    /// Where the hard cases go: one model, or a list of which each is the fallback of the one before. Required unless
    /// the action is `local-only`.
    #[serde(default)]
    pub upstream: Option<OneOrMany<UpstreamDocument>>,
    /// How much quality may be given up; the gateway finds the threshold. Excludes `threshold`.
    #[serde(default)]
    pub risk: Option<RiskDocument>,
    /// Smallest confidence to accept, fixed by hand and not proven by anything. Excludes `risk`.
    #[serde(default)]
    pub threshold: Option<Probability>,
    /// From when on the source of a streamed answer is settled; default: `complete`.
    #[serde(default)]
    pub commit: Option<CommitDocument>,
    /// With `commit: window`: how many tokens of the draft are judged before it begins to be sent; 1, 4, 8, 16, 32 or 64.
    /// Default: 16.
    #[serde(default)]
    pub commit_after: Option<u32>,
    /// Whether a draft that is likely to be rejected is given up before its end; default: no.
    #[serde(default)]
    pub early_abort: Option<bool>,
    /// How long to wait for the draft before the upstream is asked beside it; default: never.
    #[serde(default)]
    pub hedge_after: Option<Span>,
    /// Whether accepted answers are checked against the upstream afterwards; default: no.
    #[serde(default)]
    pub audit: Option<AuditDocument>,
    /// Whether repeated requests are answered from memory; default: no.
    #[serde(default)]
    pub cache: Option<CacheDocument>,
    /// What would have answered without the small model; default: the first `upstream`.
    #[serde(default)]
    pub baseline: Option<UpstreamDocument>,
    /// Most that may be spent; default: no bound.
    #[serde(default)]
    pub budget: Option<BudgetDocument>,
    /// Which requests must not leave: `true` for all, or the detectors that find such requests; default: none.
    #[serde(default)]
    pub private: Option<PrivateDocument>,
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
    /// The upstream answers; the local model drafts beside it, only to learn.
    Shadow,
    /// The arms under `split` say so, each for its share of the traffic.
    Split,
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
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RiskDocument {
    /// Largest share of all traffic of the route that the upstream would have served better; above 0, below 1.
    /// Required.
    #[serde(default)]
    pub max_regret: Option<Probability>,
    /// How sure that must be; at least 50 %, below 100 %; default: 90 %.
    #[serde(default)]
    pub assurance: Option<Probability>,
}

/// From when on the source of a streamed answer is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CommitDocument {
    /// When the whole draft was judged.
    #[default]
    Complete,
    /// When its first `commit_after` tokens were judged; the rest is passed on as it is made, whatever becomes of it. Only
    /// where the answer is `text`: other forms are checked as a whole.
    Window,
}

/// Checking accepted answers against the upstream after they were sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditDocument {
    /// Share of the accepted answers that is checked; 0 % turns audits off. Default: 2 %.
    #[serde(default)]
    pub rate: Option<Probability>,
    /// How many times more often an answer is checked whose confidence was close to the threshold; default: `3x`.
    #[serde(default)]
    pub near_threshold: Option<Factor>,
    /// Share of the audits in which the upstream is asked twice, to learn how often it contradicts itself; 0 % for none.
    /// Default: 5 %. A route with a `budget` never asks twice.
    #[serde(default)]
    pub repeat: Option<Probability>,
    /// Most that audits of the route may cost in a day, in USD as text; default: no bound.
    #[serde(default)]
    pub max_cost_per_day: Option<Amount>,
    /// Who says which of two free texts is the better answer; only where `local.answer` is `text`. Default: nobody, and
    /// texts in other words count as different.
    #[serde(default)]
    pub judge: Option<TextJudgeDocument>,
}

/// A model that says which of two free texts answers a request better. Merged key by key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextJudgeDocument {
    /// A name from the configuration's upstreams. Required.
    #[serde(default)]
    pub name: Option<String>,
    /// The model as that upstream calls it. It must answer in a word, without thinking aloud first. Required.
    #[serde(default)]
    pub model: Option<String>,
    /// Share of the labels that are looked for, audits and comparisons of escalated drafts alike: each may cost a call of the
    /// judge. Above 0; default: 25 %.
    #[serde(default)]
    pub share: Option<Probability>,
    /// Share of the judged pairs that are judged again in the other order, to learn how far the judge can be trusted; 0 %
    /// for none. Default: 20 %.
    #[serde(default)]
    pub swap: Option<Probability>,
}

/// Answers from memory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CacheDocument {
    /// How long an answer may be repeated. Required.
    #[serde(default)]
    pub ttl: Option<Span>,
}

/// Most that may be spent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetDocument {
    /// The amount, in USD as text. Required.
    #[serde(default)]
    pub max: Option<Amount>,
    /// The time it is for; default: `month`.
    #[serde(default)]
    pub per: Option<BudgetPeriod>,
    /// What happens when it is spent; default: `refuse`.
    #[serde(default)]
    pub then: Option<BudgetAction>,
}

/// The time that a budget is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BudgetPeriod {
    /// A calendar day.
    Day,
    /// A calendar month.
    #[default]
    Month,
}

/// What happens when a budget is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BudgetAction {
    /// Requests are refused.
    #[default]
    Refuse,
    /// The local model answers or nobody does, which costs nothing outside.
    LocalOnly,
}
