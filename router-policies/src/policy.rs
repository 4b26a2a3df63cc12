//! Compiled routes: values that cannot be wrong, built once when a configuration is loaded.

mod answer;
mod compile;
mod egress;
mod local;
mod nearest;
mod route;
mod split;
mod warning;

#[cfg(test)]
mod tests;

pub use answer::{Answer, Pattern, Schema};
pub use egress::Egress;
pub use local::{Example, LocalPlan, PromptAdditions, Sampling};
pub use nearest::nearest;
pub use route::{Action, Audit, Budget, Commit, ModelRef, Pin, Route, Trust};
pub use split::{Arm, Asker, Split, StickyBy};
pub use warning::{PolicyNotice, PolicyWarning};

use std::sync::Arc;

use crate::document::PolicyDocument;
use crate::error::PolicyError;
use crate::matcher::Facts;

/// Names that the rest of the configuration declares and a policy may refer to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Names<'a> {
    /// The local models.
    pub local_models: &'a [&'a str],
    /// The upstreams.
    pub upstreams: &'a [&'a str],
    /// The adapters of local models.
    pub adapters: &'a [&'a str],
    /// The teams; `None` if teams are not declared anywhere, which leaves their names unchecked.
    pub teams: Option<&'a [&'a str]>,
}

/// The routes of one configuration. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Policy {
    routes: Arc<[Arc<Route>]>,
    warnings: Arc<[PolicyWarning]>,
}

impl Policy {
    /// Compiles a policy; the order of the routes is kept.
    ///
    /// # Errors
    /// All the problems there are, in file order, each at the place where the value was written: a value that a route
    /// inherits is reported where it stands, in the preset or the defaults, and once.
    pub fn compile(document: &PolicyDocument, names: &Names<'_>) -> Result<Self, Vec<PolicyError>> {
        compile::compile(document, names)
    }

    /// All routes, in file order, as they are without a team and before their traffic is split.
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// What is not wrong but probably not meant.
    pub fn warnings(&self) -> &[PolicyWarning] {
        &self.warnings
    }

    /// The route of that name.
    pub fn route(&self, name: &str) -> Option<&Arc<Route>> {
        self.routes.iter().find(|route| route.name == name)
    }

    /// The route or variant whose [`Route::id`] is `id`.
    pub fn variant(&self, id: &str) -> Option<&Arc<Route>> {
        let name = id.split_once('@').map_or(id, |(name, _)| name);
        self.route(name)?
            .variants()
            .into_iter()
            .find(|variant| variant.id() == id)
    }

    /// The first route, in file order, that a request with these facts takes. What it means for the one who asks is
    /// [`Route::for_asker`].
    pub fn find(&self, facts: &Facts<'_>) -> Option<&Arc<Route>> {
        self.routes
            .iter()
            .find(|route| route.matcher.matches(facts))
    }

    /// Where requests may go: an entry for every way a route may answer, in file order.
    pub fn egress(&self) -> Vec<Egress<'_>> {
        self.routes
            .iter()
            .flat_map(|route| route.variants())
            .map(Egress::of)
            .collect()
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
