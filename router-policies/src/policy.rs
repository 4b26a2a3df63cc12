//! Compiled routes: values that cannot be wrong, built once when a configuration is loaded.

mod answer;
mod compile;
mod egress;
mod explain;
mod local;
mod nearest;
mod route;
mod split;
mod warning;

#[cfg(test)]
mod tests;

pub use answer::{Answer, Pattern, Schema};
pub use egress::Egress;
pub use explain::{Considered, Explanation};
pub use local::{Example, LocalPlan, PromptAdditions, Sampling};
pub use nearest::nearest;
pub use route::{Action, Audit, Budget, Commit, ModelRef, Pin, Route, TextJudge, Trust};
pub use split::{Arm, Asker, Split, StickyBy};
pub use warning::{PolicyNotice, PolicyWarning};

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::document::{Api, PolicyDocument};
use crate::error::PolicyError;
use crate::matcher::{Facts, Glob, Index, Partial, View};

/// Names that the rest of the configuration declares and a policy may refer to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Names<'a> {
    /// The local models.
    pub local_models: &'a [&'a str],
    /// The upstreams.
    pub upstreams: &'a [&'a str],
    /// The low-rank adapters of local models: the model's name, then the adapter's.
    pub loras: &'a [(&'a str, &'a str)],
    /// The teams; `None` if teams are not declared anywhere, which leaves their names unchecked.
    pub teams: Option<&'a [&'a str]>,
    /// The client keys; `None` leaves their names unchecked.
    pub keys: Option<&'a [&'a str]>,
    /// The APIs that are served; `None` for all of them.
    pub apis: Option<&'a [Api]>,
}

/// The routes of one configuration. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Policy(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    routes: Vec<Arc<Route>>,
    /// Positions of the routes.
    names: HashMap<String, usize>,
    aliases: BTreeMap<String, String>,
    index: Index,
    /// See [`Policy::client_models`].
    models: Vec<String>,
    warnings: Vec<PolicyWarning>,
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

    fn new(
        routes: Vec<Arc<Route>>,
        aliases: BTreeMap<String, String>,
        index: Index,
        warnings: Vec<PolicyWarning>,
    ) -> Self {
        let names = routes.iter().map(|route| route.name.clone());
        let asked = routes.iter().flat_map(|route| route.matcher.models());
        let asked = asked.filter_map(Glob::literal);
        let mut seen = HashSet::new();
        let models = asked
            .chain(aliases.keys().map(String::as_str))
            .filter(|name| seen.insert(*name))
            .map(str::to_owned)
            .collect();
        Self(Arc::new(Parts {
            names: names.zip(0..).collect(),
            models,
            routes,
            aliases,
            index,
            warnings,
        }))
    }

    /// All routes, in file order, as they are without a team and before their traffic is split.
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.0.routes
    }

    /// What is not wrong but probably not meant.
    pub fn warnings(&self) -> &[PolicyWarning] {
        &self.0.warnings
    }

    /// The route of that name.
    pub fn route(&self, name: &str) -> Option<&Arc<Route>> {
        self.0.routes.get(*self.0.names.get(name)?)
    }

    /// The route or variant whose [`Route::id`] is `id`.
    pub fn variant(&self, id: &str) -> Option<&Arc<Route>> {
        let name = id.split_once('@').map_or(id, |(name, _)| name);
        self.route(name)?
            .variants()
            .into_iter()
            .find(|variant| variant.id() == id)
    }

    /// The model that routes match for a request in which the client wrote `model`: what it is an alias for, or itself.
    pub fn model<'a>(&'a self, model: &'a str) -> &'a str {
        self.0.aliases.get(model).map_or(model, String::as_str)
    }

    /// The first route, in file order, that a request with these facts takes. What it means for the one who asks is
    /// [`Route::for_asker`].
    ///
    /// Takes a look at the routes that ask for what the request has (model, key, team, tags, headers) and at those that
    /// ask for nothing of the kind; the others cost nothing.
    pub fn find(&self, facts: &dyn Facts) -> Option<&Arc<Route>> {
        let routes = &self.0.routes;
        let view = View::new(facts, self.model(facts.model()));
        let takes = |at: usize| {
            routes
                .get(at)
                .is_some_and(|route| route.matcher.holds(&view))
        };
        routes.get(self.0.index.first(&view, takes)?)
    }

    /// The routes that a request may take of which only this is known, in file order, and whether it may take none.
    /// `known` has the first word on whether it takes a route.
    pub fn candidates(
        &self,
        request: &Partial<'_>,
        known: impl Fn(&Route) -> Option<bool>,
    ) -> (Vec<&Arc<Route>>, bool) {
        let model = request.model.map(|model| self.model(model));
        let mut candidates = Vec::new();
        for route in self.routes() {
            let told = known(route).or_else(|| route.matcher.told(request, model));
            if told != Some(false) {
                candidates.push(route);
            }
            if told == Some(true) {
                return (candidates, false);
            }
        }
        (candidates, true)
    }

    /// Where requests may go: an entry for every way a route may answer, in file order.
    pub fn egress(&self) -> Vec<Egress<'_>> {
        self.0
            .routes
            .iter()
            .flat_map(|route| route.variants())
            .map(Egress::of)
            .collect()
    }

    /// The model names that clients can be told of: those that routes ask for literally, in file order, then the
    /// aliases; each once.
    pub fn client_models(&self) -> &[String] {
        &self.0.models
    }
}
