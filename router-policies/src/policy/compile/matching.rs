//! The conditions of a route.

use super::Problems;
use crate::document::{MatchDocument, TextMatch};
use crate::error::PolicyProblem;
use crate::matcher::{Glob, Matcher};

pub(super) fn matcher(path: &str, document: MatchDocument, problems: &mut Problems) -> Matcher {
    let models = document.model.as_slice();
    if models.is_empty() {
        problems.add(&format!("{path}.model"), PolicyProblem::NoModels);
    }
    if models.iter().any(String::is_empty) {
        problems.add(&format!("{path}.model"), PolicyProblem::EmptyPattern);
    }
    // `equals: ""` is meant: it asks for requests without a system prompt.
    if let Some(TextMatch::Prefix(text) | TextMatch::Contains(text)) = &document.system
        && text.is_empty()
    {
        problems.add(&format!("{path}.system"), PolicyProblem::EmptyPattern);
    }
    let mut headers: Vec<(String, Glob)> = Vec::new();
    for (name, value) in &document.headers {
        let path = format!("{path}.headers.{name}");
        let lower = name.to_ascii_lowercase();
        if !is_header_name(name) {
            problems.add(&path, PolicyProblem::HeaderName { name: name.clone() });
        }
        if value.is_empty() {
            problems.add(&path, PolicyProblem::EmptyPattern);
        }
        if headers.iter().any(|(known, _)| *known == lower) {
            problems.add(&path, PolicyProblem::DuplicateHeader { name: lower });
        } else {
            headers.push((lower, Glob::new(value)));
        }
    }
    let models = models.iter().map(|pattern| Glob::new(pattern)).collect();
    Matcher {
        models,
        system: document.system,
        headers,
    }
}

/// Whether `name` is a token of RFC 9110 §5.6.2.
fn is_header_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !name.is_empty() && name.chars().all(allowed)
}
