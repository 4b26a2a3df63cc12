//! The `local` of a route.

use std::sync::Arc;

use super::super::nearest::nearest;
use super::super::{Answer, Example, LocalPlan, PromptAdditions, Sampling};
use super::layers::{Found, Layers};
use super::{Context, answer};
use crate::document::{ExampleDocument, SamplingDocument};
use crate::error::PolicyProblem;
use crate::units::Probability;

/// Most tokens of a draft where the file does not say.
const USUAL_MAX_TOKENS: u32 = 512;

/// Highest temperature that makes sense; beyond it, all tokens are nearly alike.
const HIGHEST_TEMPERATURE: f64 = 2.0;

/// The local plan; `None` without a model. With a risk target it has to be greedy.
pub(super) fn local(
    layers: &Layers,
    proven: bool,
    context: &mut Context<'_, '_>,
) -> Option<LocalPlan> {
    let model = layers.local("model", |local| local.model.as_ref());
    if let Some(model) = &model {
        check_model(model, context);
    }
    let lora = layers.local("lora", |local| local.lora.as_ref());
    if let (Some(model), Some(lora)) = (&model, &lora) {
        check_lora(lora, model.value, context);
    }
    let max_tokens = layers.local("max_tokens", |local| local.max_tokens);
    if let Some(found) = max_tokens.as_ref().filter(|found| found.value == 0) {
        context.add(&found.at, PolicyProblem::ZeroTokens);
    }
    let deadline = layers
        .local("deadline", |local| local.deadline)
        .and_then(|found| context.time(found));
    let first_token = layers.local("first_token_within", |local| local.first_token_within);
    let place = first_token.as_ref().map(|found| found.at.clone());
    let first_token_within = first_token.and_then(|found| context.time(found));
    if let (Some(place), Some(first), Some(deadline)) = (place, first_token_within, deadline)
        && first > deadline
    {
        context.add(place, PolicyProblem::FirstTokenAfterDeadline);
    }
    let plan = LocalPlan {
        model: model.as_ref().map_or_else(String::new, |f| f.value.clone()),
        lora: lora.map(|found| found.value.as_str().into()),
        max_tokens: max_tokens.map_or(USUAL_MAX_TOKENS, |found| found.value),
        deadline,
        first_token_within,
        sampling: sampling(layers, proven, context),
        prompt: prompt(layers, context),
        answer: layers
            .local("answer", |local| local.answer.as_ref())
            .map_or(Answer::Text, |found| answer::answer(&found, context)),
    };
    model.map(|_| plan)
}

fn check_model(model: &Found<&String>, context: &mut Context<'_, '_>) {
    let known = context.names.local_models;
    if known.contains(&model.value.as_str()) {
        return;
    }
    let problem = PolicyProblem::UnknownLocalModel {
        nearest: nearest(model.value, known).map(str::to_owned),
        known: known.iter().map(ToString::to_string).collect(),
        name: model.value.clone(),
    };
    context.add(&model.at, problem);
}

fn check_lora(lora: &Found<&String>, model: &str, context: &mut Context<'_, '_>) {
    let names = context.names;
    let of_model = names.loras.iter().filter(|(of, _)| *of == model);
    let known: Vec<_> = of_model.map(|(_, name)| *name).collect();
    // A model that there is not has been told of.
    if known.contains(&lora.value.as_str()) || !names.local_models.contains(&model) {
        return;
    }
    let problem = PolicyProblem::UnknownLora {
        model: model.to_owned(),
        nearest: nearest(lora.value, &known).map(str::to_owned),
        known: known.iter().map(ToString::to_string).collect(),
        name: lora.value.clone(),
    };
    context.add(&lora.at, problem);
}

fn sampling(layers: &Layers, proven: bool, context: &mut Context<'_, '_>) -> Sampling {
    let Some(found) = layers.local("sampling", |local| local.sampling.as_ref()) else {
        return Sampling::Greedy;
    };
    let SamplingDocument {
        temperature,
        top_p,
        seed,
    } = found.value;
    let temperature = temperature.unwrap_or(0.0);
    if !(0.0..=HIGHEST_TEMPERATURE).contains(&temperature) {
        let problem = PolicyProblem::Temperature { value: temperature };
        context.add(format!("{}.temperature", found.at), problem);
    }
    if *top_p == Some(Probability::ZERO) {
        context.add(format!("{}.top_p", found.at), PolicyProblem::ZeroTopP);
    }
    if temperature <= 0.0 {
        if top_p.is_some() || seed.is_some() {
            context.add(&found.at, PolicyProblem::GreedyDraw);
        }
        return Sampling::Greedy;
    }
    if proven {
        context.add(&found.at, PolicyProblem::SampledRisk);
    }
    Sampling::Random {
        temperature,
        top_p: top_p.unwrap_or(Probability::ONE),
        seed: *seed,
    }
}

fn prompt(layers: &Layers, context: &mut Context<'_, '_>) -> PromptAdditions {
    let prefix = layers.local("prompt.system_prefix", |local| {
        local.prompt.as_ref()?.system_prefix.as_deref()
    });
    if let Some(found) = prefix
        .as_ref()
        .filter(|found| found.value.trim().is_empty())
    {
        context.add(&found.at, PolicyProblem::BlankPrompt);
    }
    let examples = layers.local("prompt.examples", |local| {
        local.prompt.as_ref()?.examples.as_deref()
    });
    PromptAdditions {
        system_prefix: prefix.map(|found| found.value.into()),
        examples: examples.map_or_else(Arc::default, |found| compile_examples(&found, context)),
    }
}

fn compile_examples(
    found: &Found<&[ExampleDocument]>,
    context: &mut Context<'_, '_>,
) -> Arc<[Example]> {
    let example = |(index, document): (usize, &ExampleDocument)| {
        for (key, text) in [("user", &document.user), ("assistant", &document.assistant)] {
            if text.trim().is_empty() {
                let place = format!("{}[{index}].{key}", found.at);
                context.add(place, PolicyProblem::BlankPrompt);
            }
        }
        Example {
            user: document.user.clone(),
            assistant: document.assistant.clone(),
        }
    };
    found.value.iter().enumerate().map(example).collect()
}
