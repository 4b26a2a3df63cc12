//! The policy as it stands in a file, key by key. Reading checks types and unknown keys only;
//! [`Policy::compile`](crate::Policy::compile) checks what the values mean. Nothing past it sees these types.
//!
//! # How keys are inherited
//!
//! A route's keys lie in layers. From the lowest to the highest: `defaults`; what the route `extends`, in the order it
//! is listed, each entry on top of what that entry extends itself; the keys of the route; the keys of the arm of a
//! split; the keys of the team. The highest layer that writes a key decides.
//!
//! * `local` (with `local.prompt`), `risk`, `audit`, `cache` and `budget` are merged key by key. Every other value,
//!   lists among them, is taken as a whole.
//! * `risk` and `threshold` are two answers to one question: a layer that writes only one of them hides the other in
//!   the layers below.
//! * A key that is written as null counts as not written.

mod detector;
mod fields;
mod local;
mod matching;
mod one_or_many;
mod private;

#[cfg(test)]
mod tests;

pub use detector::DetectorDocument;
pub use fields::{
    ActionDocument, AuditDocument, BudgetAction, BudgetDocument, BudgetPeriod, CacheDocument,
    CommitDocument, FieldsDocument, RiskDocument, TextJudgeDocument, UpstreamDocument,
};
pub use local::{AnswerDocument, ExampleDocument, LocalDocument, PromptDocument, SamplingDocument};
pub use matching::{
    Api, MatchDocument, Modality, RangeDocument, ResponseFormat, TextMatch, ToolsDocument,
};
pub use one_or_many::OneOrMany;
pub use private::PrivateDocument;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::Probability;
use fields::with_fields;

/// Everything of a configuration that says how requests are answered.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    /// Detectors of private data beside the built-in ones, by name.
    #[serde(default)]
    pub detectors: BTreeMap<String, DetectorDocument>,
    /// What holds for every route that does not say otherwise.
    #[serde(default)]
    pub defaults: FieldsDocument,
    /// Named sets of keys that routes extend.
    #[serde(default)]
    pub presets: BTreeMap<String, PresetDocument>,
    /// Other names that clients may use for a model: the name they write, and the one that routes match instead.
    #[serde(default)]
    pub aliases: BTreeMap<String, String>,
    /// The routes; the first that matches answers.
    #[serde(default)]
    pub routes: Vec<RouteDocument>,
    /// What happens to requests that match no route. Needed where no route takes every request.
    #[serde(default)]
    pub unmatched: Option<UnmatchedDocument>,
}

/// What happens to requests that match no route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnmatchedDocument {
    /// They are refused: 404, `model_not_found`.
    Reject,
}

with_fields! {
    /// One entry under `routes`.
    pub struct RouteDocument {
        /// How reports, metrics and the `x-smallfirst-route` header call the route. Unique, printable ASCII
        /// without spaces and without `@`.
        pub name: String,
        /// Which requests take the route; default: all of them.
        #[serde(default)]
        pub r#match: MatchDocument,
        /// The preset or presets whose keys the route takes over; later ones win over earlier ones.
        #[serde(default)]
        pub extends: Option<OneOrMany<String>>,
        /// What differs for a team, by the team's name.
        #[serde(default)]
        pub teams: BTreeMap<String, FieldsDocument>,
        /// How traffic is divided; belongs to the action `split`.
        #[serde(default)]
        pub split: Option<SplitDocument>,
    }
}

with_fields! {
    /// One entry under `presets`.
    pub struct PresetDocument {
        /// The preset or presets that this one builds on; later ones win over earlier ones.
        #[serde(default)]
        pub extends: Option<OneOrMany<String>>,
    }
}

/// How the traffic of a route is divided for a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitDocument {
    /// What keeps its arm: `key` (default), `team`, `user`, `header:NAME`, or `request`, which keeps nothing together.
    #[serde(default)]
    pub by: Option<String>,
    /// Any text; another one deals the traffic anew.
    #[serde(default)]
    pub salt: Option<String>,
    /// The arms; their weights add up to 100 %.
    pub arms: Vec<ArmDocument>,
}

with_fields! {
    /// One way of answering within a split.
    pub struct ArmDocument {
        /// How reports call the arm. Unique in its split; letters, digits and `-_./:`.
        pub name: String,
        /// Its share of the traffic.
        pub weight: Probability,
    }
}
