//! Conditions on names, and whether there is anything of that name.

use super::super::super::nearest::nearest;
use super::super::Problems;
use super::{Found, Matchers, check_some, each};
use crate::document::{MatchDocument, OneOrMany};
use crate::error::{MatchProblem, PolicyProblem};
use crate::matcher::{Condition, Field, Glob};

impl Matchers<'_> {
    pub(super) fn names(
        &self,
        found: &mut Found,
        document: &MatchDocument,
        problems: &mut Problems,
    ) {
        let listed = [
            ("model", Field::Model, &document.model),
            ("path", Field::Path, &document.path),
            ("key", Field::Key, &document.key),
            ("team", Field::Team, &document.team),
        ];
        for (key, field, names) in listed {
            if let Some(names) = names {
                let path = format!("{}.{key}", found.path);
                self.check_names(&path, &field, names, problems);
                let names = names.as_slice().iter().map(|name| Glob::new(name));
                found.add(path, Condition::Name(field, names.collect()));
            }
        }
        for (name, value) in &document.tags {
            let path = format!("{}.tags.{name}", found.path);
            if name.is_empty() || value.is_empty() {
                problems.add(&path, PolicyProblem::EmptyPattern);
            }
            let field = Field::Tag(name.clone());
            found.add(path, Condition::Name(field, vec![Glob::new(value)]));
        }
        headers(found, document, problems);
    }

    /// That there are names, and that those which must be declared are.
    fn check_names(
        &self,
        path: &str,
        field: &Field,
        names: &OneOrMany<String>,
        problems: &mut Problems,
    ) {
        check_some(path, names, problems);
        for (path, name) in each(path, names) {
            if name.is_empty() {
                problems.add(&path, PolicyProblem::EmptyPattern);
            } else if let Some(problem) = self.unknown(field, name) {
                problems.add(&path, problem);
            }
        }
    }

    /// What is wrong with a name that nothing has.
    fn unknown(&self, field: &Field, name: &str) -> Option<PolicyProblem> {
        let glob = Glob::new(name);
        let missing = |known: &[&str]| !known.iter().any(|known| glob.matches(known));
        let owned = |known: &[&str]| known.iter().map(ToString::to_string).collect();
        let similar = |known: &[&str]| nearest(name, known).map(str::to_owned);
        let name = name.to_owned();
        match field {
            Field::Model => {
                let model = self.aliases.get(&name)?.clone();
                Some(MatchProblem::MatchesAlias { name, model }.into())
            }
            Field::Path => {
                let apis = self.names.apis?;
                let known: Vec<&str> = apis.iter().map(|api| api.path()).collect();
                let (nearest, known) = missing(&known).then(|| (similar(&known), owned(&known)))?;
                let problem = MatchProblem::UnservedPath {
                    name,
                    nearest,
                    known,
                };
                Some(problem.into())
            }
            Field::Key => {
                let known = self.names.keys?;
                let (nearest, known) = missing(known).then(|| (similar(known), owned(known)))?;
                let problem = MatchProblem::UnknownKey {
                    name,
                    nearest,
                    known,
                };
                Some(problem.into())
            }
            Field::Team => {
                let known = self.names.teams?;
                let (nearest, known) = missing(known).then(|| (similar(known), owned(known)))?;
                Some(PolicyProblem::UnknownTeam {
                    name,
                    nearest,
                    known,
                })
            }
            Field::Tag(_) | Field::Header(_) => None,
        }
    }

    pub(super) fn check_apis(&self, path: &str, document: &MatchDocument, problems: &mut Problems) {
        let (Some(apis), Some(served)) = (&document.api, self.names.apis) else {
            return;
        };
        for (path, api) in each(&format!("{path}.api"), apis) {
            if !served.contains(api) {
                let problem = MatchProblem::UnservedApi {
                    name: api.as_str(),
                    known: served.iter().map(|api| api.as_str().to_owned()).collect(),
                };
                problems.add(&path, problem);
            }
        }
    }
}

fn headers(found: &mut Found, document: &MatchDocument, problems: &mut Problems) {
    let mut known: Vec<String> = Vec::new();
    for (name, value) in &document.headers {
        let path = format!("{}.headers.{name}", found.path);
        let lower = name.to_ascii_lowercase();
        if !is_header_name(name) {
            problems.add(&path, PolicyProblem::HeaderName { name: name.clone() });
        }
        if value.is_empty() {
            problems.add(&path, PolicyProblem::EmptyPattern);
        }
        if known.contains(&lower) {
            problems.add(&path, PolicyProblem::DuplicateHeader { name: lower });
            continue;
        }
        known.push(lower.clone());
        let field = Field::Header(lower);
        found.add(path, Condition::Name(field, vec![Glob::new(value)]));
    }
}

/// Whether `name` is a token of RFC 9110 §5.6.2.
fn is_header_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !name.is_empty() && name.chars().all(allowed)
}
