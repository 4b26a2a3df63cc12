//! Where requests go that leave, and what they are compared with.

use super::super::ModelRef;
use super::super::nearest::nearest;
use super::Context;
use super::layers::Layers;
use crate::document::{OneOrMany, UpstreamDocument};
use crate::error::PolicyProblem;

/// The models that are asked in turn; empty where `upstream` is not written.
pub(super) fn chain(layers: &Layers, context: &mut Context<'_, '_>) -> Vec<ModelRef> {
    let Some(found) = layers.find("upstream", |fields| fields.upstream.as_ref()) else {
        return Vec::new();
    };
    let documents = match found.value {
        OneOrMany::One(document) => return vec![model_ref(&found.at, document, context)],
        OneOrMany::Many(documents) => documents,
    };
    if documents.is_empty() {
        context.add(&found.at, PolicyProblem::NoUpstreams);
    }
    let mut chain = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        let at = format!("{}[{index}]", found.at);
        let model = model_ref(&at, document, context);
        if let Some(first) = chain.iter().position(|earlier| *earlier == model) {
            context.add(at, PolicyProblem::DuplicateUpstream { first });
        }
        chain.push(model);
    }
    chain
}

pub(super) fn baseline(layers: &Layers, context: &mut Context<'_, '_>) -> Option<ModelRef> {
    layers
        .find("baseline", |fields| fields.baseline.as_ref())
        .map(|found| model_ref(&found.at, found.value, context))
}

pub(super) fn model_ref(
    path: &str,
    document: &UpstreamDocument,
    context: &mut Context<'_, '_>,
) -> ModelRef {
    let known = context.names.upstreams;
    if !known.contains(&document.name.as_str()) {
        let problem = PolicyProblem::UnknownUpstream {
            nearest: nearest(&document.name, known).map(str::to_owned),
            known: known.iter().map(ToString::to_string).collect(),
            name: document.name.clone(),
        };
        context.add(format!("{path}.name"), problem);
    }
    if document.model.trim().is_empty() {
        context.add(format!("{path}.model"), PolicyProblem::EmptyModel);
    }
    ModelRef {
        upstream: document.name.clone(),
        model: document.model.clone(),
    }
}
