//! From documents to routes, collecting every problem on the way.

mod answer;
mod commit;
mod detectors;
mod layers;
mod local;
mod matching;
mod presets;
mod reach;
mod route;
mod spending;
mod split;
mod text_judge;
mod upstream;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::{Names, Policy, PolicyNotice, PolicyWarning, Route};
use crate::document::{PolicyDocument, RouteDocument};
use crate::error::{PolicyError, PolicyProblem};
use crate::units::Span;
use detectors::Declared;
use layers::{Found, Layers};
use presets::Presets;
use reach::Reach;

/// Compiles a policy, or tells everything that is wrong with it.
pub(super) fn compile(
    document: &PolicyDocument,
    names: &Names<'_>,
) -> Result<Policy, Vec<PolicyError>> {
    let mut problems = Problems::default();
    if document.routes.is_empty() {
        problems.add("routes", PolicyProblem::NoRoutes);
    }
    let declared = Declared::new(&document.detectors, &mut problems);
    let mut presets = Presets::new(&document.presets, &mut problems);
    let mut reach = Reach::new(document, names);
    reach.check_aliases(&document.aliases, &mut problems);
    reach.check_default(document.unmatched, &mut problems);
    let mut first_of: HashMap<&str, usize> = HashMap::new();
    let mut routes: Vec<Arc<Route>> = Vec::new();
    for (index, entry) in document.routes.iter().enumerate() {
        let path = format!("routes[{index}]");
        check_double(&path, index, entry, &mut first_of, &mut problems);
        let layers = layers_of(&path, document, entry, &mut presets, &mut problems);
        let matcher = reach.take(index, &mut problems);
        let before = problems.0.len();
        let mut context = Context::new(names, &declared, &mut problems);
        let route = route::route(&path, entry, &layers, &matcher, &mut context);
        if presets.lack(entry.extends.as_ref()) {
            // What is missing may stand in the preset that is.
            problems.forget_gaps(before);
        }
        if let Some(first) = reach.first_covering(index) {
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
    if !problems.0.is_empty() {
        return Err(problems.0);
    }
    let warnings = unused(&presets)
        .chain(reach.warnings(document))
        .chain(self_judged(&routes))
        .collect();
    Ok(Policy::new(
        routes,
        document.aliases.clone(),
        reach.into_index(),
        warnings,
    ))
}

fn check_double<'a>(
    path: &str,
    index: usize,
    entry: &'a RouteDocument,
    first_of: &mut HashMap<&'a str, usize>,
    problems: &mut Problems,
) {
    if let Some(&first) = first_of.get(entry.name.as_str()) {
        let name = entry.name.clone();
        problems.add(
            &format!("{path}.name"),
            PolicyProblem::DuplicateName { name, first },
        );
    } else if !entry.name.is_empty() {
        first_of.insert(&entry.name, index);
    }
}

/// The route's own keys, what it extends, and the defaults.
fn layers_of(
    path: &str,
    document: &PolicyDocument,
    entry: &RouteDocument,
    presets: &mut Presets<'_>,
    problems: &mut Problems,
) -> Layers {
    let own = Layers::of(path, Rc::new(entry.fields()));
    let extended = presets.resolve(path, entry.extends.as_ref(), problems);
    let defaults = Layers::of("defaults", Rc::new(document.defaults.clone()));
    own.over(&extended).over(&defaults)
}

fn unused(presets: &Presets<'_>) -> impl Iterator<Item = PolicyWarning> {
    presets.unused().map(|name| PolicyWarning {
        path: format!("presets.{name}"),
        notice: PolicyNotice::UnusedPreset {
            name: name.to_owned(),
        },
    })
}

/// Judges that are also asked for the answers that they judge, once a route.
fn self_judged(routes: &[Arc<Route>]) -> impl Iterator<Item = PolicyWarning> {
    let judged = routes.iter().enumerate().filter_map(|(index, route)| {
        let variants = route.variants();
        let mut judges = variants.iter().filter_map(|variant| {
            let judge = &variant.text_judge.as_ref()?.model;
            variant.chain().find(|model| *model == judge)
        });
        judges.next_back().cloned().map(|model| (index, model))
    });
    judged.map(|(index, judge)| PolicyWarning {
        path: format!("routes[{index}].audit.judge"),
        notice: PolicyNotice::JudgesItself { model: judge.model },
    })
}

/// What every part of the compilation needs.
struct Context<'a, 'b> {
    names: &'a Names<'a>,
    detectors: &'a Declared<'a>,
    problems: &'b mut Problems,
}

impl<'a, 'b> Context<'a, 'b> {
    const fn new(
        names: &'a Names<'a>,
        detectors: &'a Declared<'a>,
        problems: &'b mut Problems,
    ) -> Self {
        Self {
            names,
            detectors,
            problems,
        }
    }

    fn add(&mut self, path: impl AsRef<str>, problem: PolicyProblem) {
        self.problems.add(path.as_ref(), problem);
    }

    fn missing(&mut self, path: &str, key: &'static str, example: &'static str) {
        self.add(path, PolicyProblem::MissingKey { key, example });
    }

    /// A time that must not be zero, since that would forbid whatever it limits.
    fn time(&mut self, found: Found<Span>) -> Option<Duration> {
        if found.value.is_zero() {
            self.add(found.at, PolicyProblem::ZeroSpan);
        }
        Some(found.value.into())
    }
}

/// The problems found so far. Compiling goes on with stand-in values, so that one run finds them all.
#[derive(Default)]
struct Problems(Vec<PolicyError>);

impl Problems {
    /// Takes back what was missing since there were `before` problems.
    fn forget_gaps(&mut self, before: usize) {
        let mut index = 0;
        self.0.retain(|error| {
            index += 1;
            index <= before || !error.problem.is_gap()
        });
    }

    /// Notes a problem, once: several routes may inherit the same wrong value.
    fn add(&mut self, path: &str, problem: impl Into<PolicyProblem>) {
        let problem = PolicyError {
            path: path.to_owned(),
            problem: problem.into(),
        };
        if !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }
}
