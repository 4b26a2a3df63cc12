//! Which requests get to which route.

use std::collections::BTreeMap;

use super::super::nearest::nearest;
use super::super::{Names, PolicyNotice, PolicyWarning};
use super::Problems;
use super::matching::Matchers;
use crate::document::{PolicyDocument, UnmatchedDocument};
use crate::error::{PolicyError, PolicyProblem};
use crate::matcher::{Effort, Glob, Index, Matcher};

/// Steps of thought after which the search for unreachable routes is given up: about a second. Ten thousand routes that
/// differ in their names take a thousandth of it.
const MOST_STEPS: u64 = 100_000_000;

/// The conditions of all routes, and what follows from them.
pub(super) struct Reach {
    entries: Vec<Entry>,
    index: Index,
    steps: u64,
    /// The first route that was not checked any more.
    gave_up: Option<usize>,
}

struct Entry {
    matcher: Matcher,
    /// What is wrong with it. Nothing follows from a matcher that is not as it was meant.
    problems: Vec<PolicyError>,
    sound: bool,
}

impl Reach {
    /// Compiles the conditions of all routes.
    pub(super) fn new(document: &PolicyDocument, names: &Names<'_>) -> Self {
        let mut matchers = Matchers::new(names, &document.aliases);
        let entries = document.routes.iter().enumerate().map(|(index, entry)| {
            let mut problems = Problems::default();
            let path = format!("routes[{index}].match");
            let matcher = matchers.compile(&path, &entry.r#match, &mut problems);
            Entry {
                matcher,
                sound: problems.0.is_empty(),
                problems: problems.0,
            }
        });
        let entries: Vec<Entry> = entries.collect();
        Self {
            index: Index::new(entries.iter().map(|entry| &entry.matcher)),
            entries,
            steps: MOST_STEPS,
            gave_up: None,
        }
    }

    /// Notes aliases that stand for nothing.
    pub(super) fn check_aliases(
        &self,
        aliases: &BTreeMap<String, String>,
        problems: &mut Problems,
    ) {
        if aliases.is_empty() {
            return;
        }
        let models = self.entries.iter().flat_map(|entry| entry.matcher.models());
        let models: Vec<&Glob> = models.filter(|model| !model.matches_all()).collect();
        let known: Vec<&str> = models.iter().filter_map(|model| model.literal()).collect();
        for (alias, model) in aliases {
            let path = format!("aliases.{alias}");
            if alias.is_empty() || model.is_empty() {
                problems.add(&path, PolicyProblem::EmptyPattern);
            } else if let Some(target) = aliases.get(model) {
                let (model, target) = (model.clone(), target.clone());
                problems.add(&path, PolicyProblem::AliasOfAlias { model, target });
            } else if !models.iter().any(|glob| glob.matches(model)) {
                let problem = PolicyProblem::UnknownModel {
                    model: model.clone(),
                    nearest: nearest(model, &known).map(str::to_owned),
                    known: known.iter().map(ToString::to_string).collect(),
                };
                problems.add(&path, problem);
            }
        }
    }

    /// Notes that nothing takes what the routes leave.
    pub(super) fn check_default(
        &self,
        unmatched: Option<UnmatchedDocument>,
        problems: &mut Problems,
    ) {
        let unknown = self.entries.iter().any(|entry| !entry.sound);
        if !self.entries.is_empty() && !unknown && unmatched.is_none() && self.default().is_none() {
            problems.add("routes", PolicyProblem::NoDefaultRoute);
        }
    }

    /// The position of the route that takes everything.
    fn default(&self) -> Option<usize> {
        self.entries
            .iter()
            .rposition(|entry| entry.sound && entry.matcher.takes_everything())
    }

    /// The conditions of a route; notes what is wrong with them.
    pub(super) fn take(&mut self, index: usize, problems: &mut Problems) -> Matcher {
        let Some(entry) = self.entries.get_mut(index) else {
            return Matcher::default();
        };
        for PolicyError { path, problem } in entry.problems.drain(..) {
            problems.add(&path, problem);
        }
        entry.matcher.clone()
    }

    /// The first earlier route that takes all that this one could.
    pub(super) fn first_covering(&mut self, index: usize) -> Option<usize> {
        let entry = self.entries.get(index).filter(|entry| entry.sound)?;
        let left = std::cell::Cell::new(self.steps);
        let covers = |earlier: usize| {
            let mut effort = Effort::for_one_question().within(left.get());
            let earlier = self.entries.get(earlier).filter(|earlier| earlier.sound);
            let covers = earlier.is_some_and(|e| e.matcher.covers(&entry.matcher, &mut effort));
            left.set(left.get().saturating_sub(effort.spent()));
            covers
        };
        let found = self.index.first_covering(&entry.matcher, index, covers);
        self.steps = left.get();
        if self.steps == 0 {
            self.gave_up.get_or_insert(index);
        }
        found
    }

    /// What is odd about the conditions.
    pub(super) fn warnings(&self, document: &PolicyDocument) -> Vec<PolicyWarning> {
        let taking_all = self.default().filter(|_| document.unmatched.is_some());
        let nothing_left = taking_all
            .and_then(|at| document.routes.get(at))
            .map(|route| PolicyWarning {
                path: "unmatched".to_owned(),
                notice: PolicyNotice::NothingUnmatched {
                    route: route.name.clone(),
                },
            });
        let unknown = self.gave_up.map(|index| PolicyWarning {
            path: format!("routes[{index}]"),
            notice: PolicyNotice::ReachUnknown,
        });
        nothing_left.into_iter().chain(unknown).collect()
    }

    /// Finds routes by requests.
    pub(super) fn into_index(self) -> Index {
        self.index
    }
}
