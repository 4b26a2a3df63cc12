//! Compiled routes: values that cannot be wrong, built once when a configuration is loaded.

mod compile;
mod nearest;

#[cfg(test)]
mod tests;

pub use nearest::nearest;

use std::sync::Arc;
use std::time::Duration;

use crate::document::RouteDocument;
use crate::error::PolicyError;
use crate::matcher::{Facts, Matcher};
use crate::risk::RiskTarget;
use crate::units::Probability;

/// Names that the rest of the configuration declares and a policy may refer to.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// The local models.
    pub local_models: &'a [&'a str],
    /// The upstreams.
    pub upstreams: &'a [&'a str],
}

/// The routes of one configuration. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Policy {
    routes: Arc<[Arc<Route>]>,
}

impl Policy {
    /// Compiles a policy; the order of the routes is kept.
    ///
    /// # Errors
    /// All the problems there are, in file order.
    pub fn compile(
        routes: Vec<RouteDocument>,
        names: &Names<'_>,
    ) -> Result<Self, Vec<PolicyError>> {
        compile::compile(routes, names).map(|routes| Self {
            routes: routes.into(),
        })
    }

    /// All routes, in file order.
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// The route of that name.
    pub fn route(&self, name: &str) -> Option<&Arc<Route>> {
        self.routes.iter().find(|route| route.name == name)
    }

    /// The first route, in file order, that a request with these facts takes.
    pub fn find(&self, facts: &Facts<'_>) -> Option<&Arc<Route>> {
        self.routes
            .iter()
            .find(|route| route.matcher.matches(facts))
    }

    /// The model names that clients can be told of: those matched literally, in file order, each once.
    pub fn client_models(&self) -> Vec<&str> {
        let mut models = Vec::new();
        for name in self
            .routes
            .iter()
            .flat_map(|route| route.matcher.literal_models())
        {
            if !models.contains(&name) {
                models.push(name);
            }
        }
        models
    }
}

/// One compiled route. Only [`Policy::compile`] makes one, so what it says is consistent.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Unique in its policy; fit for a header value.
    pub name: String,
    /// Who may answer.
    pub action: Action,
    /// How the local model drafts; present unless the action is [`Action::UpstreamOnly`], where it is always absent.
    pub local: Option<LocalPlan>,
    /// Where an escalation goes; present unless the action is [`Action::LocalOnly`], where it is always absent,
    /// even if the file names one: nothing can leave by mistake.
    pub upstream: Option<ModelRef>,
    /// When a draft is accepted.
    pub trust: Trust,
    /// How long an answer may be repeated from memory; `None`: never.
    pub cache: Option<Duration>,
    /// What the route is compared with: the declared baseline, or else the upstream that the file names.
    /// `None` only on a local-only route that names neither.
    pub baseline: Option<ModelRef>,
    /// Which requests take the route.
    pub(crate) matcher: Matcher,
}

impl Route {
    /// Which requests take the route.
    pub const fn matcher(&self) -> &Matcher {
        &self.matcher
    }
}

/// Who may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The local model drafts; what is not good enough goes to the upstream.
    LocalFirst,
    /// The local model answers or nobody does; nothing leaves.
    LocalOnly,
    /// The upstream answers; the local model is not asked.
    UpstreamOnly,
}

impl Action {
    /// The action as the policy file writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LocalFirst => "local-first",
            Self::LocalOnly => "local-only",
            Self::UpstreamOnly => "upstream-only",
        }
    }
}

/// How the local model drafts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalPlan {
    /// A configured local model.
    pub model: String,
    /// Most tokens of a draft, at least 1.
    pub max_tokens: u32,
    /// Longest time for the whole draft, waiting included.
    pub deadline: Option<Duration>,
    /// Longest predicted wait for the first token.
    pub first_token_within: Option<Duration>,
    /// What an answer must be.
    pub answer: Answer,
}

/// What an answer must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Any text that is not blank.
    Text,
    /// A JSON object or array and nothing else.
    Json,
    /// Exactly one of these texts: at least one, none blank, none twice.
    OneOf(Arc<[String]>),
}

/// A model of an external API.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelRef {
    /// A configured upstream.
    pub upstream: String,
    /// The model as that upstream calls it.
    pub model: String,
}

/// When a draft is accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trust {
    /// When a certificate for this target says so; without one, never.
    Risk(RiskTarget),
    /// When the plain confidence reaches this value.
    Threshold(Probability),
    /// Whenever it passes its checks.
    Everything,
}
