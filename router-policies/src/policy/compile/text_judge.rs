//! Who compares free texts.

use super::super::{LocalPlan, ModelRef, TextJudge};
use super::layers::Layers;
use super::{Context, upstream};
use crate::document::{TextJudgeDocument, UpstreamDocument};
use crate::error::PolicyProblem;
use crate::policy::Answer;
use crate::units::Probability;

/// The judge of a route that drafts by `local`; `None` where none is written.
pub(super) fn text_judge(
    layers: &Layers,
    local: Option<&LocalPlan>,
    context: &mut Context<'_, '_>,
) -> Option<TextJudge> {
    let written = layers.find("audit.judge", |fields| {
        fields.audit.as_ref()?.judge.as_ref()
    })?;
    if local.is_some_and(|plan| plan.answer != Answer::Text) {
        context.add(&written.at, PolicyProblem::JudgeWithoutText);
    }
    let model = model(layers, &written.at, context)?;
    let share = layers.find("audit.judge.share", |fields| judge(fields)?.share);
    let swap = layers.find("audit.judge.swap", |fields| judge(fields)?.swap);
    if let Some(none) = share.as_ref().filter(|f| f.value == Probability::ZERO) {
        context.add(&none.at, PolicyProblem::JudgeOfNothing);
    }
    Some(TextJudge {
        model,
        share: share.map_or(Probability::PERCENT_25, |found| found.value),
        swap: swap.map_or(Probability::PERCENT_20, |found| found.value),
    })
}

fn model(layers: &Layers, at: &str, context: &mut Context<'_, '_>) -> Option<ModelRef> {
    let name = layers.find("audit.judge.name", |fields| judge(fields)?.name.as_ref());
    let model = layers.find("audit.judge.model", |fields| judge(fields)?.model.as_ref());
    if name.is_none() {
        context.missing(at, "name", "name: NAME_OF_AN_UPSTREAM");
    }
    if model.is_none() {
        context.missing(at, "model", "model: gpt-5-mini");
    }
    let document = UpstreamDocument {
        name: name?.value.clone(),
        model: model?.value.clone(),
    };
    Some(upstream::model_ref(at, &document, context))
}

const fn judge(fields: &crate::document::FieldsDocument) -> Option<&TextJudgeDocument> {
    match &fields.audit {
        Some(audit) => audit.judge.as_ref(),
        None => None,
    }
}
