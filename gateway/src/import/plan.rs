//! What will be written, independent of where it came from.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

/// A configuration to be written.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Client keys: name and the environment variable that holds the key.
    pub(super) keys: Vec<(String, String)>,
    pub(super) upstreams: Vec<UpstreamPlan>,
    /// How long answers are repeated, as a span with unit.
    pub(super) cache: Option<String>,
    pub(super) routes: Vec<RoutePlan>,
}

/// An external API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UpstreamPlan {
    pub(super) name: String,
    pub(super) reach: Reach,
    /// By model.
    pub(super) prices: BTreeMap<String, PricePlan>,
    /// Models that routes ask and that have no price.
    pub(super) unpriced: Vec<String>,
}

/// How an API is reached. Deployments that agree in all of it share an upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) base_url: String,
    /// Environment variable of the key.
    pub(super) key: Option<String>,
    /// Spans with unit.
    pub(super) timeout: Option<String>,
    pub(super) idle_timeout: Option<String>,
    pub(super) retries: Option<u32>,
}

/// USD per million tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PricePlan {
    pub(super) input: Decimal,
    pub(super) output: Decimal,
    pub(super) cache_read: Option<Decimal>,
    pub(super) cache_write: Option<Decimal>,
}

/// A route that asks upstreams in turn.
#[derive(Debug)]
pub(super) struct RoutePlan {
    pub(super) name: String,
    /// Names that clients ask for.
    pub(super) models: Vec<String>,
    /// Upstream and model, first to last; never empty.
    pub(super) chain: Vec<(String, String)>,
    /// Amount in USD and `day` or `month`.
    pub(super) budget: Option<(Decimal, &'static str)>,
    /// Where it stood.
    pub(super) origin: String,
}
