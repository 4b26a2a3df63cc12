//! The parts of a route. Each returns a stand-in where it found a problem.

use std::collections::HashMap;
use std::time::Duration;

use super::super::nearest::nearest;
use super::super::{Answer, LocalPlan, ModelRef, Names};
use super::Problems;
use crate::document::{AnswerDocument, LocalDocument, UpstreamDocument};
use crate::error::PolicyProblem;
use crate::units::Span;

/// Most tokens of a draft where the file does not say.
const USUAL_MAX_TOKENS: u32 = 512;

pub(super) fn check_name(path: &str, name: &str, problems: &mut Problems) {
    let path = format!("{path}.name");
    if name.trim().is_empty() {
        problems.add(&path, PolicyProblem::EmptyName);
    } else if !name.chars().all(|c| c.is_ascii_graphic()) {
        problems.add(
            &path,
            PolicyProblem::NameCharacters {
                name: name.to_owned(),
            },
        );
    }
}

pub(super) fn local(
    path: &str,
    document: LocalDocument,
    names: &Names<'_>,
    problems: &mut Problems,
) -> LocalPlan {
    if !names.local_models.contains(&document.model.as_str()) {
        let problem = PolicyProblem::UnknownLocalModel {
            nearest: nearest(&document.model, names.local_models).map(str::to_owned),
            known: names.local_models.iter().map(ToString::to_string).collect(),
            name: document.model.clone(),
        };
        problems.add(&format!("{path}.model"), problem);
    }
    if document.max_tokens == Some(0) {
        problems.add(&format!("{path}.max_tokens"), PolicyProblem::ZeroTokens);
    }
    let deadline = time(&format!("{path}.deadline"), document.deadline, problems);
    let first_path = format!("{path}.first_token_within");
    let first_token_within = time(&first_path, document.first_token_within, problems);
    if first_token_within
        .zip(deadline)
        .is_some_and(|(first, whole)| first > whole)
    {
        problems.add(&first_path, PolicyProblem::FirstTokenAfterDeadline);
    }
    LocalPlan {
        model: document.model,
        max_tokens: document.max_tokens.unwrap_or(USUAL_MAX_TOKENS),
        deadline,
        first_token_within,
        answer: answer(&format!("{path}.answer"), document.answer, problems),
    }
}

fn answer(path: &str, document: AnswerDocument, problems: &mut Problems) -> Answer {
    let labels = match document {
        AnswerDocument::Text => return Answer::Text,
        AnswerDocument::Json => return Answer::Json,
        AnswerDocument::OneOf(labels) => labels,
    };
    if labels.is_empty() {
        problems.add(&format!("{path}.one_of"), PolicyProblem::NoLabels);
    }
    let mut first_of: HashMap<&str, usize> = HashMap::new();
    for (index, label) in labels.iter().enumerate() {
        let path = format!("{path}.one_of[{index}]");
        if label.trim().is_empty() {
            problems.add(&path, PolicyProblem::BlankLabel);
        } else if let Some(&first) = first_of.get(label.as_str()) {
            problems.add(
                &path,
                PolicyProblem::DuplicateLabel {
                    label: label.clone(),
                    first,
                },
            );
        } else {
            first_of.insert(label, index);
        }
    }
    Answer::OneOf(labels.into())
}

pub(super) fn upstream(
    path: &str,
    document: UpstreamDocument,
    names: &Names<'_>,
    problems: &mut Problems,
) -> ModelRef {
    if !names.upstreams.contains(&document.name.as_str()) {
        let problem = PolicyProblem::UnknownUpstream {
            nearest: nearest(&document.name, names.upstreams).map(str::to_owned),
            known: names.upstreams.iter().map(ToString::to_string).collect(),
            name: document.name.clone(),
        };
        problems.add(&format!("{path}.name"), problem);
    }
    if document.model.trim().is_empty() {
        problems.add(&format!("{path}.model"), PolicyProblem::EmptyModel);
    }
    ModelRef {
        upstream: document.name,
        model: document.model,
    }
}

/// A time that must not be zero, since that would forbid whatever it limits.
pub(super) fn time(path: &str, span: Option<Span>, problems: &mut Problems) -> Option<Duration> {
    if span.is_some_and(Span::is_zero) {
        problems.add(path, PolicyProblem::ZeroSpan);
    }
    span.map(Duration::from)
}
