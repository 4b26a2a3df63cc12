//! What was expected of a request against what would become of it.

use router_policies::{ActionDocument, Route, Trust, UpstreamDocument};

use super::cases::{ExpectDocument, LocalExpected};
use super::course::{Course, chain_text};
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
        });
    }

    /// Notes a difference unless all that may become of the request says the same as what was expected.
    fn compare(
        &mut self,
        key: &'static str,
        expected: String,
        course: &Course<'_>,
        say: impl Fn(&Route) -> String,
    ) {
        let told = course.told(say);
        if told.iter().any(|said| *said != expected) {
            self.push(key, expected, told.join(" or "));
        }
    }

    fn course(&mut self, expected: &ExpectDocument, course: &Course<'_>) {
        if let Some(route) = &expected.route
            && course.name() != route
        {
            self.compare("route", route.clone(), course, |route| {
                route.id().into_owned()
            });
        }
        if let Some(action) = expected.action {
            let wanted = action_text(action).to_owned();
            self.compare("action", wanted, course, |route| {
                route.action.as_str().to_owned()
            });
        }
        if let Some(local) = &expected.local {
            self.local(local, course);
        }
        if let Some(upstream) = &expected.upstream {
            self.compare(
                "upstream",
                wanted_chain(upstream.as_slice()),
                course,
                chain_text,
            );
        }
        if let Some(leaves) = expected.leaves {
            self.compare("leaves", leaves.to_string(), course, |route| {
                course.may_leave(route).to_string()
            });
        }
        if let Some(cache) = expected.cache {
            self.compare("cache", cache.to_string(), course, |route| {
                route.cache.is_some().to_string()
            });
        }
        self.trust(expected, course);
    }

    fn local(&mut self, expected: &LocalExpected, course: &Course<'_>) {
        if course.all(|route| route.local.is_none()) {
            return self.push("local", "a local model", "none");
        }
        let of = |route: &Route, say: &dyn Fn(&router_policies::LocalPlan) -> String| {
            route.local.as_ref().map_or_else(|| "none".to_owned(), say)
        };
        if let Some(model) = &expected.model {
            self.compare("local.model", model.clone(), course, |route| {
                of(route, &|plan| plan.model.clone())
            });
        }
        if let Some(tokens) = expected.max_tokens {
            self.compare("local.max_tokens", tokens.to_string(), course, |route| {
                of(route, &|plan| plan.max_tokens.to_string())
            });
        }
    }

    fn trust(&mut self, expected: &ExpectDocument, course: &Course<'_>) {
        let target = |route: &Route| match route.trust {
            Trust::Risk(target) => Some(target),
            Trust::Threshold(_) | Trust::Everything => None,
        };
        let none = || "none".to_owned();
        if let Some(risk) = &expected.risk {
            if let Some(regret) = risk.max_regret {
                self.compare("risk.max_regret", regret.to_string(), course, |route| {
                    target(route).map_or_else(none, |target| target.max_regret().to_string())
                });
            }
            if let Some(assurance) = risk.assurance {
                self.compare("risk.assurance", assurance.to_string(), course, |route| {
                    target(route).map_or_else(none, |target| target.assurance().to_string())
                });
            }
        }
        if let Some(threshold) = expected.threshold {
            self.compare(
                "threshold",
                threshold.to_string(),
                course,
                |route| match route.trust {
                    Trust::Threshold(at_least) => at_least.to_string(),
                    Trust::Risk(_) | Trust::Everything => none(),
                },
            );
        }
    }
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
        return "none".to_owned();
    }
    let models: Vec<String> = chain
        .iter()
        .map(|model| format!("{} {}", model.name, model.model))
        .collect();
    models.join(", then ")
}
