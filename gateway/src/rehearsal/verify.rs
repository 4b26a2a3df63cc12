//! What was expected of a request against what would become of it.

use router_policies::{
    ActionDocument, LocalPlan, Probability, RiskTarget, Trust, UpstreamDocument,
};

use super::cases::{ExpectDocument, LocalExpected};
use super::course::{Course, Way};
use crate::fault::Fault;

/// Something that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Path from `expect` on, such as `local.model`.
    pub(crate) key: &'static str,
    /// Where it was expected: line and column, from 1.
    pub(crate) place: (usize, usize),
    pub(crate) expected: String,
    pub(crate) actual: String,
    /// Why, where it is a matter of the conditions of a route.
    pub(crate) because: Vec<String>,
}

impl Difference {
    /// Whether another route takes the request, or none.
    pub(super) fn is_of_route(&self) -> bool {
        matches!(self.key, "" | "route")
    }
}

/// All that is different.
pub(super) fn differences(
    expected: &ExpectDocument,
    actual: &Result<Course<'_>, Fault>,
) -> Vec<Difference> {
    let mut found = Found::default();
    match (actual, &expected.error) {
        (Err(fault), None) => {
            let code = fault.kind().code();
            found.push(
                "",
                "an answer",
                format!("the error {code}: {}", fault.public()),
            );
        }
        (Err(fault), Some(code)) if fault.kind().code() != code => {
            found.push("error", code, fault.kind().code());
        }
        (Err(_), Some(_)) => {}
        (Ok(course), Some(code)) => {
            found.push(
                "error",
                code,
                format!("the route {}", course.ids().join(" or ")),
            );
        }
        (Ok(course), None) => found.course(expected, course),
    }
    found.0
}

#[derive(Default)]
struct Found(Vec<Difference>);

impl Found {
    fn push(&mut self, key: &'static str, expected: impl Into<String>, actual: impl Into<String>) {
        self.0.push(Difference {
            key,
            place: (0, 0),
            expected: expected.into(),
            actual: actual.into(),
            because: Vec::new(),
        });
    }

    /// Notes a difference unless all that may become of the request says the same as what was expected.
    fn compare(
        &mut self,
        key: &'static str,
        expected: String,
        course: &Course<'_>,
        say: impl Fn(&Way<'_>) -> String,
    ) {
        let told = course.told(say);
        if told.iter().any(|said| *said != expected) {
            self.push(key, expected, told.join(" or "));
        }
    }

    fn course(&mut self, expected: &ExpectDocument, course: &Course<'_>) {
        if let Some(route) = expected.route.clone()
            && course.name() != route
        {
            self.compare("route", route, course, |way| way.route.id().into_owned());
        }
        if let Some(action) = expected.action {
            let said = |way: &Way<'_>| way.route.action.as_str().to_owned();
            self.compare("action", action_text(action).to_owned(), course, said);
        }
        if let Some(local) = &expected.local {
            self.local(local, course);
        }
        if let Some(upstream) = &expected.upstream {
            let wanted = wanted_chain(upstream.as_slice());
            self.compare("upstream", wanted, course, |way| way.asks());
        }
        if let Some(leaves) = expected.leaves {
            let said = |way: &Way<'_>| way.pinned.is_none().to_string();
            self.compare("leaves", leaves.to_string(), course, said);
        }
        if let Some(pinned) = expected.pinned.clone() {
            let said = |way: &Way<'_>| way.pinned_word().into_owned();
            self.compare("pinned", pinned, course, said);
        }
        if let Some(cache) = expected.cache {
            let said = |way: &Way<'_>| way.route.cache.is_some().to_string();
            self.compare("cache", cache.to_string(), course, said);
        }
        self.trust(expected, course);
    }

    fn local(&mut self, expected: &LocalExpected, course: &Course<'_>) {
        if course.all(|way| way.route.local.is_none()) {
            return self.push("local", "a local model", NONE);
        }
        let of = |way: &Way<'_>, say: &dyn Fn(&LocalPlan) -> String| {
            way.route.local.as_ref().map_or_else(none, say)
        };
        if let Some(model) = expected.model.clone() {
            let said = |way: &Way<'_>| of(way, &|plan| plan.model.clone());
            self.compare("local.model", model, course, said);
        }
        if let Some(tokens) = expected.max_tokens {
            let said = |way: &Way<'_>| of(way, &|plan| plan.max_tokens.to_string());
            self.compare("local.max_tokens", tokens.to_string(), course, said);
        }
    }

    fn trust(&mut self, expected: &ExpectDocument, course: &Course<'_>) {
        let of = |way: &Way<'_>, say: &dyn Fn(RiskTarget) -> Probability| match way.route.trust {
            Trust::Risk(target) => say(target).to_string(),
            Trust::Threshold(_) | Trust::Everything => none(),
        };
        let risk = expected.risk.as_ref();
        if let Some(regret) = risk.and_then(|risk| risk.max_regret) {
            let said = |way: &Way<'_>| of(way, &|target| target.max_regret());
            self.compare("risk.max_regret", regret.to_string(), course, said);
        }
        if let Some(assurance) = risk.and_then(|risk| risk.assurance) {
            let said = |way: &Way<'_>| of(way, &|target| target.assurance());
            self.compare("risk.assurance", assurance.to_string(), course, said);
        }
        if let Some(threshold) = expected.threshold {
            let said = |way: &Way<'_>| match way.route.trust {
                Trust::Threshold(at_least) => at_least.to_string(),
                Trust::Risk(_) | Trust::Everything => none(),
            };
            self.compare("threshold", threshold.to_string(), course, said);
        }
    }
}

/// Said of what is not there.
pub(super) const NONE: &str = "none";

fn none() -> String {
    NONE.to_owned()
}

const fn action_text(action: ActionDocument) -> &'static str {
    match action {
        ActionDocument::LocalFirst => "local-first",
        ActionDocument::LocalOnly => "local-only",
        ActionDocument::UpstreamOnly => "upstream-only",
        ActionDocument::Shadow => "shadow",
        ActionDocument::Split => "split",
    }
}

fn wanted_chain(chain: &[UpstreamDocument]) -> String {
    if chain.is_empty() {
        return none();
    }
    let models: Vec<String> = chain
        .iter()
        .map(|model| format!("{} {}", model.name, model.model))
        .collect();
    models.join(", then ")
}
