//! Answers that are held to something; where an engine cannot, it says so before it computes.

use local_engine::{Constraint, FinishReason, Job};
use serde_json::Value;

use super::statistics::near;
use super::{Played, answer, job, unsupported};
use crate::suite::{Capability, Made, Model, Subject, Verdict, ensure};

fn held(constraint: Constraint) -> Job {
    Job {
        constraint: Some(constraint),
        ..job("?")
    }
}

fn listed(entries: &[&str]) -> Job {
    let entries = entries.iter().map(|entry| (*entry).to_owned());
    held(Constraint::OneOf(entries.collect()))
}

/// A subject without `capability` has to refuse `job`, and the rule ends.
async fn claimed(subject: &Subject, made: &Made, capability: Capability, job: &Job) -> Verdict {
    if subject.lacks(capability).is_some() {
        unsupported(made, job.clone()).await?;
    }
    subject.claims(capability)
}

pub(crate) async fn a_closed_list_is_kept(subject: &Subject) -> Verdict {
    let made = subject.make(Model::Paris).await;
    claimed(subject, &made, Capability::ClosedList, &listed(&["a", "b"])).await?;
    for (entries, expected) in [
        (["Prague", "Rome", "Paris"].as_slice(), "Paris"),
        // Nothing that the model would say.
        (&["zebra"], "zebra"),
        // One is the beginning of another, and the model would go on.
        (&["Par", "Paris"], "Paris"),
        // Tokens that are fragments of a character.
        (&["é"], "é"),
    ] {
        let played = answer(&made, listed(entries)).await?;
        let (text, reason) = (played.text()?, played.finished()?.0);
        ensure!(
            text == expected && reason == FinishReason::Stop,
            "of {entries:?}: {text:?}, {reason:?}"
        );
    }
    let mut short = listed(&["Prague", "Rome", "Paris"]);
    short.max_tokens = 2;
    let cut = answer(&made, short).await?.text()?;
    ensure!(cut == "Pa", "the beginning of an entry is {cut:?}");
    Ok(())
}

/// The tokens of `Paris` out of three cities: `P` and `a` are choices, the rest is not.
async fn paris(subject: &Subject) -> Verdict<Played> {
    subject.claims(Capability::ClosedList)?;
    subject.claims(Capability::Probabilities)?;
    let made = subject.make(Model::Paris).await;
    answer(&made, listed(&["Prague", "Rome", "Paris"])).await
}

pub(crate) async fn forced_tokens_are_marked(subject: &Subject) -> Verdict {
    let played = paris(subject).await?;
    let forced: Vec<_> = played
        .tokens
        .iter()
        .map(|token| token.stats.forced)
        .collect();
    ensure!(
        forced == [false, false, true, true, true, true],
        "{forced:?}"
    );
    Ok(())
}

pub(crate) async fn what_a_list_leaves_out_is_measured(subject: &Subject) -> Verdict {
    let (played, chain) = (paris(subject).await?, Model::Paris.chain());
    let p = |current: u8, next: u8| chain.p(current.into(), next.into());
    let masses = [
        p(b'\n', b'P') + p(b'\n', b'R'),
        p(b'P', b'a') + p(b'P', b'r'),
    ];
    for (token, mass) in played.tokens.iter().zip(masses) {
        near(token.stats.legal_mass, mass, 1e-3)?;
    }
    // The model would have gone on with `é` instead of the end, and what it thinks of the end is told.
    let Some(last) = played.tokens.last().map(|token| token.stats) else {
        return Err("no token".to_owned().into());
    };
    let end = chain.p(b's'.into(), crate::chain::END);
    near(last.logprob, end.ln(), 1e-2)?;
    ensure!(last.margin < -3.0 && last.legal_mass < 0.01, "{last:?}");
    Ok(())
}

pub(crate) async fn an_empty_closed_list_is_refused(subject: &Subject) -> Verdict {
    let made = subject.make(Model::Paris).await;
    unsupported(&made, listed(&[])).await
}

pub(crate) async fn a_pattern_is_kept(subject: &Subject) -> Verdict {
    let made = subject.make(Model::Paris).await;
    let pattern = held(Constraint::Regex("Rome|[x-z]{2}".into()));
    claimed(subject, &made, Capability::Regex, &pattern).await?;
    let text = answer(&made, pattern).await?.text()?;
    let letters = text.len() == 2 && text.bytes().all(|byte| (b'x'..=b'z').contains(&byte));
    ensure!(text == "Rome" || letters, "{text:?}");
    let own = held(Constraint::Regex("P[a-z]+é".into()));
    let text = answer(&made, own).await?.text()?;
    ensure!(text == "Parisé", "what the model would say: {text:?}");
    Ok(())
}

pub(crate) async fn json_is_kept(subject: &Subject) -> Verdict {
    let made = subject.make(Model::List).await;
    claimed(subject, &made, Capability::Json, &held(Constraint::Json)).await?;
    is_list(&answer(&made, held(Constraint::Json)).await?)
}

pub(crate) async fn a_schema_is_kept(subject: &Subject) -> Verdict {
    let made = subject.make(Model::List).await;
    let schema = |text: &str| held(Constraint::JsonSchema(text.into()));
    let numbers = schema(r#"{"type": "array", "items": {"type": "integer"}, "minItems": 1}"#);
    claimed(subject, &made, Capability::JsonSchema, &numbers).await?;
    is_list(&answer(&made, numbers).await?)?;
    let word = answer(&made, schema(r#"{"const": "[12]"}"#))
        .await?
        .text()?;
    ensure!(word == r#""[12]""#, "a text, not a list: {word}");
    Ok(())
}

fn is_list(played: &Played) -> Verdict {
    let text = played.text()?;
    let list: Value = serde_json::from_str(&text).map_err(|error| format!("{text:?}: {error}"))?;
    ensure!(list == serde_json::json!([12]), "{text:?}");
    Ok(())
}
