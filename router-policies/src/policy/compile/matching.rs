//! The conditions of a route.

mod contents;
mod names;

use std::collections::{BTreeMap, HashMap};

use super::{Names, Problems};
use crate::document::{MatchDocument, OneOrMany};
use crate::error::MatchProblem;
use crate::matcher::{Condition, Effort, Expression, Matcher};
use contents::{numbers, words};

/// Most maps of conditions in each other.
const DEEPEST: usize = 8;

/// Compiles the conditions of all routes.
pub(super) struct Matchers<'a> {
    names: &'a Names<'a>,
    aliases: &'a BTreeMap<String, String>,
    /// Each expression is compiled once.
    expressions: HashMap<String, Result<Expression, String>>,
}

/// The conditions of one map, where the map stands, and where each of them does.
struct Found {
    path: String,
    depth: usize,
    conditions: Vec<(String, Condition)>,
}

impl<'a> Matchers<'a> {
    pub(super) fn new(names: &'a Names<'a>, aliases: &'a BTreeMap<String, String>) -> Self {
        Self {
            names,
            aliases,
            expressions: HashMap::new(),
        }
    }

    /// The conditions of a route.
    pub(super) fn compile(
        &mut self,
        path: &str,
        document: &MatchDocument,
        problems: &mut Problems,
    ) -> Matcher {
        let found = Found {
            path: path.to_owned(),
            depth: 1,
            conditions: Vec::new(),
        };
        self.map(found, document, problems)
    }

    fn map(
        &mut self,
        mut found: Found,
        document: &MatchDocument,
        problems: &mut Problems,
    ) -> Matcher {
        let before = problems.0.len();
        self.names(&mut found, document, problems);
        numbers(&mut found, document, problems);
        self.check_apis(&found.path, document, problems);
        words(&mut found, document, problems);
        self.texts(&mut found, document, problems);
        self.nested(&mut found, document, problems);
        // Nothing follows from what was not meant.
        if problems.0.len() == before {
            check_contradictions(&found.conditions, problems);
        }
        let conditions = found.conditions.into_iter();
        Matcher::new(conditions.map(|(_, condition)| condition).collect())
    }

    fn nested(&mut self, found: &mut Found, document: &MatchDocument, problems: &mut Problems) {
        for (key, list) in [("all", &document.all), ("any", &document.any)] {
            let Some(list) = list else { continue };
            let path = format!("{}.{key}", found.path);
            if list.is_empty() {
                problems.add(&path, MatchProblem::EmptyList);
            }
            let mut parts = Vec::new();
            for (index, entry) in list.iter().enumerate() {
                parts.extend(self.part(found, format!("{path}[{index}]"), entry, problems));
            }
            if parts.is_empty() || parts.len() < list.len() {
                continue;
            }
            let condition = if key == "all" {
                Condition::All(parts)
            } else {
                Condition::Any(parts)
            };
            found.add(path, condition);
        }
        if let Some(entry) = &document.not {
            let path = format!("{}.not", found.path);
            if let Some(part) = self.part(found, path.clone(), entry, problems) {
                found.add(path, Condition::Not(Box::new(part)));
            }
        }
    }

    /// A map of conditions within another one; nothing if it is empty or too deep.
    fn part(
        &mut self,
        around: &Found,
        path: String,
        document: &MatchDocument,
        problems: &mut Problems,
    ) -> Option<Matcher> {
        if *document == MatchDocument::default() {
            problems.add(&path, MatchProblem::NoConditions);
            return None;
        }
        if around.depth == DEEPEST {
            problems.add(&path, MatchProblem::TooDeep { most: DEEPEST });
            return None;
        }
        let found = Found {
            path,
            depth: around.depth + 1,
            conditions: Vec::new(),
        };
        Some(self.map(found, document, problems))
    }
}

impl Found {
    fn add(&mut self, path: String, condition: Condition) {
        self.conditions.push((path, condition));
    }
}

/// The entries with their places.
fn each<'a, T>(path: &'a str, list: &'a OneOrMany<T>) -> impl Iterator<Item = (String, &'a T)> {
    let is_list = matches!(list, OneOrMany::Many(_));
    list.as_slice()
        .iter()
        .enumerate()
        .map(move |(index, entry)| {
            let path = if is_list {
                format!("{path}[{index}]")
            } else {
                path.to_owned()
            };
            (path, entry)
        })
}

fn check_some<T>(path: &str, list: &OneOrMany<T>, problems: &mut Problems) {
    if list.as_slice().is_empty() {
        problems.add(path, MatchProblem::EmptyList);
    }
}

/// Notes conditions that never hold together with those before them.
fn check_contradictions(conditions: &[(String, Condition)], problems: &mut Problems) {
    let mut before: Vec<Condition> = Vec::new();
    for (path, condition) in conditions {
        let effort = &mut Effort::for_one_question();
        let alone = |other: &Condition| Matcher::new(vec![other.clone()]);
        if condition.excludes(&Matcher::new(before.clone()), effort) {
            let mut others = conditions.iter().take(before.len());
            let other = others.find(|(_, other)| condition.excludes(&alone(other), effort));
            let problem = MatchProblem::Contradiction {
                other: other.map(|(path, _)| path.clone()),
            };
            problems.add(path, problem);
        }
        before.push(condition.clone());
    }
}
