//! What is told of each token's probability.

use std::collections::BTreeSet;

use local_engine::{Constraint, Sampling, Token, TokenStats};

use super::{Played, answer, cut, job};
use crate::chain::{Chain, END, VOCABULARY};
use crate::suite::{Capability, Model, Subject, Verdict, ensure};

/// In nats. A logarithm of another base or a mask is off by a thousand times as much.
const TOLERANCE: f64 = 1e-3;

pub(crate) async fn statistics_are_sound(subject: &Subject) -> Verdict {
    for model in Model::ALL {
        let made = subject.make(model).await;
        sound(&answer(&made, cut(16)).await?)?;
        if subject.lacks(Capability::Sampling).is_none() {
            let mut drawn = cut(16);
            drawn.sampling = random(5.0);
            sound(&answer(&made, drawn).await?)?;
        }
        if subject.lacks(Capability::ClosedList).is_none() {
            let mut listed = cut(16);
            listed.constraint = Some(Constraint::OneOf(["zebra".to_owned()].into()));
            sound(&answer(&made, listed).await?)?;
        }
    }
    Ok(())
}

fn sound(played: &Played) -> Verdict {
    ensure!(!played.tokens.is_empty(), "an answer without tokens");
    for Token { stats, .. } in &played.tokens {
        let numbers = [stats.logprob, stats.margin, stats.entropy, stats.legal_mass];
        ensure!(
            numbers.iter().all(|number| number.is_finite()),
            "not a number: {stats:?}"
        );
        ensure!(stats.logprob <= 0.0, "more than certain: {stats:?}");
        ensure!(stats.entropy >= 0.0, "negative entropy: {stats:?}");
        ensure!(
            (0.0..=1.0).contains(&stats.legal_mass),
            "no share: {stats:?}"
        );
    }
    Ok(())
}

pub(crate) async fn logarithms_are_natural(subject: &Subject) -> Verdict {
    subject.claims(Capability::Probabilities)?;
    let made = subject.make(Model::Paris).await;
    compare(&answer(&made, job("?")).await?, |chain, step| {
        let exact = chain.p(step.current, step.chosen).ln();
        near(step.stats.logprob, exact, TOLERANCE)
    })
}

pub(crate) async fn margin_and_entropy_are_of_the_whole_vocabulary(subject: &Subject) -> Verdict {
    subject.claims(Capability::Probabilities)?;
    subject.claims(Capability::Distribution)?;
    let made = subject.make(Model::Paris).await;
    compare(&answer(&made, job("?")).await?, |chain, step| {
        let p = |next| chain.p(step.current, next);
        let others = (0..VOCABULARY).filter(|next| *next != step.chosen);
        let margin = p(step.chosen).ln() - others.map(p).fold(0.0, f64::max).ln();
        let entropy = -(0..VOCABULARY)
            .map(|next| p(next) * p(next).ln())
            .sum::<f64>();
        near(step.stats.margin, margin, 4.0 * TOLERANCE)?;
        near(step.stats.entropy, entropy, 4.0 * TOLERANCE)?;
        near(step.stats.legal_mass, 1.0, 1e-6)?;
        ensure!(!step.stats.forced, "forced by nothing: {:?}", step.stats);
        Ok(())
    })
}

/// One token beside the table.
struct Step {
    current: u32,
    chosen: u32,
    stats: TokenStats,
}

fn compare(played: &Played, check: impl Fn(&Chain, Step) -> Verdict) -> Verdict {
    let chain = Model::Paris.chain();
    let expected: Vec<_> = "Parisé".bytes().map(u32::from).chain([END]).collect();
    let said: Vec<_> = played.tokens.iter().map(next_id).collect();
    ensure!(said == expected, "a token for each byte, but {said:?}");
    let mut current = u32::from(b'\n');
    for token in &played.tokens {
        let chosen = next_id(token);
        check(
            &chain,
            Step {
                current,
                chosen,
                stats: token.stats,
            },
        )?;
        current = chosen;
    }
    Ok(())
}

/// The token's number in the table, which an engine may count otherwise. All that is no byte is as improbable as the end.
fn next_id(token: &Token) -> u32 {
    match token.bytes[..] {
        [byte] => byte.into(),
        _ => END,
    }
}

pub(super) fn near(told: f32, exact: f64, tolerance: f64) -> Verdict {
    let off = (f64::from(told) - exact).abs();
    ensure!(off < tolerance, "told {told}, but it is {exact}");
    Ok(())
}

pub(crate) async fn drawing_keeps_the_models_own_statistics(subject: &Subject) -> Verdict {
    subject.claims(Capability::Probabilities)?;
    subject.claims(Capability::Sampling)?;
    let (made, chain) = (subject.make(Model::Paris).await, Model::Paris.chain());
    let mut first = BTreeSet::new();
    for _ in 0..40 {
        let mut drawn = cut(1);
        drawn.sampling = random(2.0);
        let played = answer(&made, drawn).await?;
        for token in &played.tokens {
            let next = next_id(token);
            near(
                token.stats.logprob,
                chain.p(b'\n'.into(), next).ln(),
                TOLERANCE,
            )?;
            first.insert(next);
        }
    }
    ensure!(first.len() > 1, "forty draws, one outcome");
    Ok(())
}

fn random(temperature: f32) -> Sampling {
    Sampling::Random {
        temperature,
        top_p: 1.0,
        seed: None,
    }
}
