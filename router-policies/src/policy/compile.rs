//! From documents to routes, collecting every problem on the way.

mod matching;
mod parts;

use std::collections::HashMap;
use std::sync::Arc;

use super::{Action, Names, Route, Trust};
use crate::document::{ActionDocument, RouteDocument};
use crate::error::{PolicyError, PolicyProblem};
use crate::risk::RiskTarget;

/// Compiles all routes, or tells everything that is wrong with them.
pub(super) fn compile(
    documents: Vec<RouteDocument>,
    names: &Names<'_>,
) -> Result<Vec<Arc<Route>>, Vec<PolicyError>> {
    let mut problems = Problems::default();
    if documents.is_empty() {
        problems.add("routes", PolicyProblem::NoRoutes);
    }
    let mut first_of: HashMap<String, usize> = HashMap::new();
    let mut routes: Vec<Arc<Route>> = Vec::new();
    for (index, document) in documents.into_iter().enumerate() {
        let path = format!("routes[{index}]");
        if let Some(&first) = first_of.get(&document.name) {
            let name = document.name.clone();
            problems.add(
                &format!("{path}.name"),
                PolicyProblem::DuplicateName { name, first },
            );
        } else if !document.name.is_empty() {
            first_of.insert(document.name.clone(), index);
        }
        let route = compile_route(&path, document, names, &mut problems);
        if let Some(first) = routes.iter().position(|r| r.matcher.covers(&route.matcher)) {
            let by = routes
                .get(first)
                .map_or_else(String::new, |earlier| earlier.name.clone());
            problems.add(
                &format!("{path}.match"),
                PolicyProblem::Unreachable { by, first },
            );
        }
        routes.push(Arc::new(route));
    }
    if problems.0.is_empty() {
        Ok(routes)
    } else {
        Err(problems.0)
    }
}

/// The problems found so far. Compiling goes on with stand-in values, so that one run finds them all.
#[derive(Default)]
struct Problems(Vec<PolicyError>);

impl Problems {
    fn add(&mut self, path: &str, problem: PolicyProblem) {
        self.0.push(PolicyError {
            path: path.to_owned(),
            problem,
        });
    }
}

fn compile_route(
    path: &str,
    document: RouteDocument,
    names: &Names<'_>,
    problems: &mut Problems,
) -> Route {
    parts::check_name(path, &document.name, problems);
    let matcher = matching::matcher(&format!("{path}.match"), document.r#match.clone(), problems);
    let action = match document.action {
        ActionDocument::LocalFirst => Action::LocalFirst,
        ActionDocument::LocalOnly => Action::LocalOnly,
        ActionDocument::UpstreamOnly => Action::UpstreamOnly,
    };
    check_presence(path, action, &document, problems);
    let trust = trust(path, action, &document, problems);
    let local = document
        .local
        .map(|local| parts::local(&format!("{path}.local"), local, names, problems));
    let mut upstream_at =
        |key: &str, upstream| parts::upstream(&format!("{path}.{key}"), upstream, names, problems);
    let upstream = document
        .upstream
        .map(|upstream| upstream_at("upstream", upstream));
    let baseline = document
        .baseline
        .map(|baseline| upstream_at("baseline", baseline));
    let cache = document
        .cache
        .and_then(|cache| parts::time(&format!("{path}.cache.ttl"), Some(cache.ttl), problems));
    Route {
        name: document.name,
        action,
        local: local.filter(|_| action != Action::UpstreamOnly),
        baseline: baseline.or_else(|| upstream.clone()),
        upstream: upstream.filter(|_| action != Action::LocalOnly),
        trust,
        cache,
        matcher,
    }
}

fn check_presence(path: &str, action: Action, route: &RouteDocument, problems: &mut Problems) {
    let name = action.as_str();
    if action != Action::UpstreamOnly && route.local.is_none() {
        problems.add(path, PolicyProblem::MissingLocal { action: name });
    }
    if action != Action::LocalOnly && route.upstream.is_none() {
        problems.add(path, PolicyProblem::MissingUpstream { action: name });
    }
}

fn trust(path: &str, action: Action, route: &RouteDocument, problems: &mut Problems) -> Trust {
    match (&route.risk, route.threshold) {
        (Some(_), Some(_)) => problems.add(path, PolicyProblem::RiskAndThreshold),
        (None, None) if action == Action::LocalFirst => problems.add(path, PolicyProblem::NoTrust),
        _ => {}
    }
    let target = route.risk.as_ref().and_then(|risk| {
        RiskTarget::new(risk.max_regret, risk.assurance)
            .map_err(|error| problems.add(&format!("{path}.risk.{}", error.key()), error.into()))
            .ok()
    });
    match (target, route.threshold) {
        (Some(target), _) => Trust::Risk(target),
        (None, Some(threshold)) => Trust::Threshold(threshold),
        (None, None) => Trust::Everything,
    }
}
