//! Named sets of keys and what they build on.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::super::nearest::nearest;
use super::Problems;
use super::layers::Layers;
use crate::document::{OneOrMany, PresetDocument};
use crate::error::PolicyProblem;

/// All presets with the layers they stand for.
pub(super) struct Presets<'a> {
    documents: &'a BTreeMap<String, PresetDocument>,
    /// A preset whose layers could not be told is here with none.
    resolved: BTreeMap<&'a str, Layers>,
    /// Those that extend what is not there, or themselves, directly or through others.
    lacking: BTreeSet<&'a str>,
    /// Those that a route extends, directly or through others.
    used: BTreeSet<&'a str>,
}

impl<'a> Presets<'a> {
    /// Resolves all presets, each on top of what it extends.
    pub(super) fn new(
        documents: &'a BTreeMap<String, PresetDocument>,
        problems: &mut Problems,
    ) -> Self {
        let mut presets = Self {
            documents,
            resolved: BTreeMap::new(),
            lacking: BTreeSet::new(),
            used: BTreeSet::new(),
        };
        for name in documents.keys() {
            presets.layers(name, &mut Vec::new(), problems);
        }
        presets
    }

    /// The layers of what `extends` lists; later entries on top of earlier ones.
    pub(super) fn resolve(
        &mut self,
        path: &str,
        extends: Option<&OneOrMany<String>>,
        problems: &mut Problems,
    ) -> Layers {
        let mut layers = Layers::default();
        for (at, name) in entries(path, extends) {
            let Some((name, _)) = self.documents.get_key_value(name) else {
                self.unknown(&at, name, problems);
                continue;
            };
            self.mark_used(name);
            if let Some(preset) = self.resolved.get(name.as_str()) {
                layers = preset.clone().over(&layers);
            }
        }
        layers
    }

    /// Whether something of what `extends` lists could not be found.
    pub(super) fn lack(&self, extends: Option<&OneOrMany<String>>) -> bool {
        entries("", extends)
            .iter()
            .any(|(_, name)| !self.documents.contains_key(*name) || self.lacking.contains(name))
    }

    pub(super) fn unused(&self) -> impl Iterator<Item = &'a str> {
        self.documents
            .keys()
            .map(String::as_str)
            .filter(|name| !self.used.contains(name))
    }

    fn mark_used(&mut self, name: &'a str) {
        let Some(document) = self.documents.get(name).filter(|_| self.used.insert(name)) else {
            return;
        };
        for below in document.extends.iter().flat_map(OneOrMany::as_slice) {
            self.mark_used(below);
        }
    }

    /// The layers of one preset. `open` are the presets that are being resolved, the outermost first.
    fn layers(
        &mut self,
        name: &'a str,
        open: &mut Vec<&'a str>,
        problems: &mut Problems,
    ) -> Layers {
        if let Some(done) = self.resolved.get(name) {
            return done.clone();
        }
        let Some(document) = self.documents.get(name) else {
            return Layers::default();
        };
        let path = format!("presets.{name}");
        open.push(name);
        let mut below = Layers::default();
        for (at, extended) in entries(&path, document.extends.as_ref()) {
            if !self.documents.contains_key(extended) {
                self.lacking.insert(name);
                self.unknown(&at, extended, problems);
            } else if let Some(start) = open.iter().position(|name| *name == extended) {
                let circle = open.iter().skip(start).chain([&extended]);
                let circle = circle.map(ToString::to_string).collect();
                self.lacking.insert(name);
                problems.add(&at, PolicyProblem::PresetCircle { circle });
            } else {
                below = self.layers(extended, open, problems).over(&below);
                if self.lacking.contains(extended) {
                    self.lacking.insert(name);
                }
            }
        }
        open.pop();
        let layers = Layers::of(&path, Rc::new(document.fields())).over(&below);
        self.resolved.insert(name, layers.clone());
        layers
    }

    fn unknown(&self, at: &str, name: &str, problems: &mut Problems) {
        let known: Vec<&str> = self.documents.keys().map(String::as_str).collect();
        let problem = PolicyProblem::UnknownPreset {
            nearest: nearest(name, &known).map(str::to_owned),
            known: known.into_iter().map(str::to_owned).collect(),
            name: name.to_owned(),
        };
        problems.add(at, problem);
    }
}

/// The entries of `extends`, each with its place.
fn entries<'a>(path: &str, extends: Option<&'a OneOrMany<String>>) -> Vec<(String, &'a str)> {
    match extends {
        None => Vec::new(),
        Some(OneOrMany::One(name)) => vec![(format!("{path}.extends"), name)],
        Some(OneOrMany::Many(names)) => names
            .iter()
            .enumerate()
            .map(|(index, name)| (format!("{path}.extends[{index}]"), name.as_str()))
            .collect(),
    }
}
