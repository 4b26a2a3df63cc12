//! The `match` of a route.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::OneOrMany;

/// What a request must look like. All the conditions given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchDocument {
    /// Names in the request's `model` field, exact or with `*` for any run of characters; default: `*`.
    #[serde(default = "any_model")]
    pub model: OneOrMany<String>,
    /// A condition on the system prompt.
    #[serde(default)]
    pub system: Option<TextMatch>,
    /// Values of request headers, exact or with `*`. Names are compared without regard to case.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

impl Default for MatchDocument {
    fn default() -> Self {
        Self {
            model: any_model(),
            system: None,
            headers: BTreeMap::new(),
        }
    }
}

fn any_model() -> OneOrMany<String> {
    OneOrMany::One("*".to_owned())
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
}
