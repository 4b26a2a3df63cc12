//! The detectors that a policy may name, and what their names stand for.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Pin;
use super::super::nearest::nearest;
use super::{Context, Problems};
use crate::document::DetectorDocument;
use crate::error::PolicyProblem;
use crate::privacy::{BuiltIn, Detector, Detectors};

/// Most detectors that a policy may declare: a request is searched once for each of their patterns.
const MOST: usize = 100;

/// The declared detectors, compiled.
#[derive(Default)]
pub(super) struct Declared<'a> {
    patterns: BTreeMap<&'a str, Detectors>,
    groups: BTreeMap<&'a str, Detectors>,
}

impl<'a> Declared<'a> {
    /// Compiles what is declared. A detector that cannot be used is known all the same, so that it is one problem and
    /// not one in every route.
    pub(super) fn new(
        documents: &'a BTreeMap<String, DetectorDocument>,
        problems: &mut Problems,
    ) -> Self {
        if documents.len() > MOST {
            problems.add("detectors", PolicyProblem::TooManyDetectors { most: MOST });
        }
        let mut declared = Self::default();
        for (name, document) in documents.iter().take(MOST) {
            let path = format!("detectors.{name}");
            match (&document.regex, &document.any_of) {
                (Some(regex), None) => {
                    let pattern = compiled(&path, name, regex, problems);
                    declared.patterns.insert(name, pattern);
                }
                (None, Some(_)) => {
                    if let Err(error) = Detectors::check_name(name) {
                        problems.add(&path, error);
                    }
                    declared.groups.insert(name, Detectors::default());
                }
                (None, None) | (Some(_), Some(_)) => {
                    problems.add(&path, PolicyProblem::DetectorForm);
                    declared.patterns.insert(name, Detectors::default());
                }
            }
        }
        declared.fill_groups(documents, problems);
        declared
    }

    fn fill_groups(
        &mut self,
        documents: &BTreeMap<String, DetectorDocument>,
        problems: &mut Problems,
    ) {
        let names: Vec<&str> = self.groups.keys().copied().collect();
        for group in names {
            let members = documents.get(group).and_then(|d| d.any_of.as_deref());
            let at = format!("detectors.{group}.any_of");
            let found = self.members(&at, members.unwrap_or_default(), problems);
            self.groups.insert(group, found);
        }
    }

    fn members(&self, at: &str, members: &[String], problems: &mut Problems) -> Detectors {
        if members.is_empty() {
            problems.add(at, PolicyProblem::NoDetectors);
        }
        let mut found = Vec::new();
        for (index, name) in members.iter().enumerate() {
            let at = format!("{at}[{index}]");
            if self.groups.contains_key(name.as_str()) {
                let name = name.clone();
                problems.add(&at, PolicyProblem::NestedDetector { name });
            } else {
                found.extend(self.named(&at, name, problems));
            }
        }
        Detectors::join(&found)
    }

    /// What a name stands for; a problem where it stands for nothing.
    fn named(&self, at: &str, name: &str, problems: &mut Problems) -> Option<Detectors> {
        let kinds = BuiltIn::named(name);
        if !kinds.is_empty() {
            return Some(Detectors::built_in(kinds));
        }
        let declared = self.patterns.get(name).or_else(|| self.groups.get(name));
        if declared.is_none() {
            problems.add(at, self.unknown(name));
        }
        declared.cloned()
    }

    fn unknown(&self, name: &str) -> PolicyProblem {
        let mut known: Vec<&str> = BuiltIn::names().collect();
        known.extend(self.patterns.keys().chain(self.groups.keys()));
        let nearest = BuiltIn::known_elsewhere_as(name).or_else(|| nearest(name, &known));
        PolicyProblem::UnknownDetector {
            nearest: nearest.map(str::to_owned),
            known: known.iter().map(ToString::to_string).collect(),
            name: name.to_owned(),
        }
    }
}

/// The pin of a route that names detectors.
pub(super) fn pin(at: &str, names: &[String], context: &mut Context<'_, '_>) -> Pin {
    if names.is_empty() {
        context.add(at, PolicyProblem::NoDetectors);
    }
    let mut found = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let at = format!("{at}[{index}]");
        found.extend(context.detectors.named(&at, name, context.problems));
    }
    let sorted: BTreeSet<&String> = names.iter().collect();
    Pin::OnDetect {
        names: sorted.into_iter().cloned().collect(),
        detectors: Detectors::join(&found),
    }
}

fn compiled(path: &str, name: &str, regex: &str, problems: &mut Problems) -> Detectors {
    match Detectors::compile(&[Detector::Pattern { name, regex }]) {
        Ok(detectors) => detectors,
        Err(error) => {
            problems.add(path, error);
            Detectors::default()
        }
    }
}
