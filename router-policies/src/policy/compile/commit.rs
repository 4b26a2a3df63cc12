//! From when on a draft is the answer.

use super::super::{Answer, Commit, LocalPlan};
use super::Context;
use super::layers::Layers;
use crate::checkpoint::CHECKPOINTS;
use crate::document::CommitDocument;
use crate::error::CommitProblem;

/// Late enough to tell something, early enough to be of use.
const USUAL: u32 = 16;

pub(super) fn commit(
    layers: &Layers,
    local: Option<&LocalPlan>,
    context: &mut Context<'_, '_>,
) -> Commit {
    let written = layers.find("commit", |fields| fields.commit);
    let after = layers.find("commit_after", |fields| fields.commit_after);
    let Some(window) = written.filter(|found| found.value == CommitDocument::Window) else {
        if let Some(after) = after {
            context.add(&after.at, CommitProblem::Nothing.into());
        }
        return Commit::Complete;
    };
    if local.is_some_and(|plan| plan.answer != Answer::Text) {
        context.add(&window.at, CommitProblem::Form.into());
    }
    if let Some(after) = after.as_ref().filter(|f| !CHECKPOINTS.contains(&f.value)) {
        let decisions = after.value;
        context.add(&after.at, CommitProblem::Checkpoint { decisions }.into());
    }
    Commit::Window {
        decisions: after.map_or(USUAL, |found| found.value),
    }
}
