//! What the engine is asked for.

use std::sync::Arc;

use local_engine::{Constraint, Job, Message, Sampling};
use router_policies::{Answer as Shape, LocalPlan};

use super::prompt::with_additions;
use crate::openai::ChatRequest;

/// The job of a client's request.
pub(crate) fn job_for(request: &ChatRequest, plan: &LocalPlan) -> Job {
    let job = job_of(plan, request.messages());
    Job {
        max_tokens: request
            .max_tokens
            .map_or(job.max_tokens, |n| n.min(job.max_tokens)),
        stop: request.stop.clone(),
        first_token_within: plan.first_token_within,
        ..job
    }
}

/// How the engine draws; the narrower numbers are as exact as a draw can show.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a temperature of at most 2 and a probability fit a 32-bit float"
)]
fn sampling(plan: router_policies::Sampling) -> Sampling {
    match plan {
        router_policies::Sampling::Greedy => Sampling::Greedy,
        router_policies::Sampling::Random {
            temperature,
            top_p,
            seed,
        } => Sampling::Random {
            temperature: temperature as f32,
            top_p: top_p.get() as f32,
            seed,
        },
    }
}

/// The job of a draft. How tokens are chosen is the route's word, whatever the client's temperature: certificates are
/// proven for greedy drafts.
pub(crate) fn job_of(plan: &LocalPlan, messages: Vec<Message>) -> Job {
    Job {
        sampling: sampling(plan.sampling),
        constraint: constraint_of(&plan.answer),
        lora: plan.lora.clone(),
        ..Job::greedy(with_additions(&plan.prompt, messages), plan.max_tokens)
    }
}

/// What a draft is held to while it is written: the route's word. What a client asks for beyond that is checked once the
/// draft is finished, because certificates are proven of drafts that know the route only.
pub(crate) fn constraint_of(answer: &Shape) -> Option<Constraint> {
    match answer {
        Shape::Text => None,
        Shape::Json => Some(Constraint::Json),
        Shape::OneOf(labels) => Some(Constraint::OneOf(Arc::clone(labels))),
        Shape::Regex(pattern) => Some(Constraint::Regex(Arc::clone(pattern.text()))),
        Shape::JsonSchema(schema) => Some(Constraint::JsonSchema(Arc::clone(schema.text()))),
    }
}
