//! The order of events, the text, and which of two runs are the same.

use local_engine::{FinishReason, Health, Sampling};

use super::{Played, answer, cut, job};
use crate::suite::{Capability, Model, Subject, Verdict, ensure};

pub(crate) async fn says_what_it_is(subject: &Subject) -> Verdict {
    let made = subject.make(Model::Paris).await;
    let health = made.engine.health();
    ensure!(health == Health::Ready, "{health:?}");
    let Some(info) = made.engine.info() else {
        return Err("a model that is ready without facts".to_owned().into());
    };
    ensure!(info.context_tokens > 0, "no context: {info:?}");
    let hashes = [
        &info.weights_hash,
        &info.tokenizer_hash,
        &info.template_hash,
    ];
    let hexadecimal = |hash: &&String| {
        hash.len() == 64 && hash.bytes().all(|byte| b"0123456789abcdef".contains(&byte))
    };
    ensure!(hashes.iter().all(hexadecimal), "not SHA-256: {hashes:?}");
    Ok(())
}

/// Reading to the end checks that nothing follows.
pub(crate) async fn ends_once(subject: &Subject) -> Verdict {
    for model in Model::ALL {
        let made = subject.make(model).await;
        answer(&made, cut(4)).await?;
        answer(&made, job("?")).await?;
    }
    Ok(())
}

pub(crate) async fn reads_the_prompt_first(subject: &Subject) -> Verdict {
    let made = subject.make(Model::Paris).await;
    let asked = job("what is the capital of France?");
    let counted = made.engine.count_tokens(asked.messages.clone()).await;
    let counted = counted.map_err(|error| error.to_string())?;
    let played = answer(&made, asked).await?;
    let used = played.finished()?.1.prompt_tokens;
    let read = played.prompt_tokens;
    ensure!(
        counted > 0 && read == Some(counted) && used == counted,
        "counted {counted} tokens, read {read:?}, used {used}"
    );
    Ok(())
}

pub(crate) async fn the_tokens_are_the_text(subject: &Subject) -> Verdict {
    let made = subject.make(Model::Paris).await;
    let played = answer(&made, job("?")).await?;
    let text = played.text()?;
    ensure!(text == "Parisé", "it said {text:?}");
    let (reason, usage) = played.finished()?;
    let tokens = u32::try_from(played.tokens.len()).unwrap_or(0);
    ensure!(
        reason == FinishReason::Stop && usage.completion_tokens == tokens,
        "{tokens} tokens, {reason:?}, {usage:?}"
    );
    let end = played.tokens.last().map(|token| token.bytes.as_slice());
    ensure!(end == Some(&[]), "the end token is not told: {end:?}");
    Ok(())
}

pub(crate) async fn characters_may_be_split(subject: &Subject) -> Verdict {
    subject.claims(Capability::Fragments)?;
    let made = subject.make(Model::Paris).await;
    let whole = answer(&made, job("?")).await?.bytes();
    ensure!(whole == "Parisé".as_bytes(), "it said {whole:?}");
    // The sixth token is the first half of `é`.
    let half = answer(&made, cut(6)).await?.bytes();
    ensure!(half == b"Paris\xc3", "cut within a character: {half:?}");
    Ok(())
}

pub(crate) async fn greedy_is_deterministic(subject: &Subject) -> Verdict {
    let made = subject.make(Model::Paris).await;
    let first = answer(&made, job("?")).await?;
    for _ in 0..3 {
        let again = answer(&made, job("?")).await?;
        ensure!(
            same(&first, &again),
            "{:?}, then {:?}",
            first.tokens,
            again.tokens
        );
    }
    Ok(())
}

pub(crate) async fn a_seed_repeats(subject: &Subject) -> Verdict {
    subject.claims(Capability::Sampling)?;
    let made = subject.make(Model::Paris).await;
    let mut outcomes = Vec::new();
    for seed in 0..6 {
        let mut drawn = cut(6);
        drawn.sampling = Sampling::Random {
            temperature: 2.0,
            top_p: 1.0,
            seed: Some(seed),
        };
        let first = answer(&made, drawn.clone()).await?;
        let again = answer(&made, drawn).await?;
        ensure!(same(&first, &again), "seed {seed} made two answers");
        outcomes.push(first.bytes());
    }
    outcomes.dedup();
    ensure!(outcomes.len() > 1, "six seeds, one outcome");
    Ok(())
}

/// The same tokens with the same statistics.
fn same(one: &Played, other: &Played) -> bool {
    one.tokens == other.tokens
}
