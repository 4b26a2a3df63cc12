//! What an answer must be.

use std::collections::HashMap;

use super::super::{Answer, Pattern, Schema};
use super::Context;
use super::layers::Found;
use crate::document::AnswerDocument;
use crate::error::PolicyProblem;

pub(super) fn answer(found: &Found<&AnswerDocument>, context: &mut Context<'_, '_>) -> Answer {
    match found.value {
        AnswerDocument::Text => Answer::Text,
        AnswerDocument::Json => Answer::Json,
        AnswerDocument::OneOf(labels) => one_of(&format!("{}.one_of", found.at), labels, context),
        AnswerDocument::Regex(text) => Pattern::new(text).map_or_else(
            |what| {
                let problem = PolicyProblem::Regex { what };
                context.add(format!("{}.regex", found.at), problem);
                Answer::Text
            },
            Answer::Regex,
        ),
        AnswerDocument::JsonSchema(document) => Schema::new(document).map_or_else(
            |what| {
                let problem = PolicyProblem::JsonSchema { what };
                context.add(format!("{}.json_schema", found.at), problem);
                Answer::Json
            },
            Answer::JsonSchema,
        ),
    }
}

fn one_of(path: &str, labels: &[String], context: &mut Context<'_, '_>) -> Answer {
    if labels.is_empty() {
        context.add(path, PolicyProblem::NoLabels);
    }
    let mut first_of: HashMap<&str, usize> = HashMap::new();
    for (index, label) in labels.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if label.trim().is_empty() {
            context.add(path, PolicyProblem::BlankLabel);
        } else if let Some(&first) = first_of.get(label.as_str()) {
            let label = label.clone();
            context.add(path, PolicyProblem::DuplicateLabel { label, first });
        } else {
            first_of.insert(label, index);
        }
    }
    Answer::OneOf(labels.into())
}
