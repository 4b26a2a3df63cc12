//! Where an answer ends, and what does not fit.

use local_engine::{EngineError, FinishReason, Job};

use super::{answer, cut, job, refusal};
use crate::suite::{Model, Setup, Subject, Verdict, ensure};

pub(crate) async fn max_tokens_holds(subject: &Subject) -> Verdict {
    let (paris, endless) = (
        subject.make(Model::Paris).await,
        subject.make(Model::Endless).await,
    );
    for most in 1..=5_u32 {
        let played = answer(&paris, cut(most)).await?;
        let (reason, usage) = played.finished()?;
        let told = (played.tokens.len(), usage.completion_tokens, reason);
        let length = usize::try_from(most).unwrap_or(0);
        ensure!(
            told == (length, most, FinishReason::Length),
            "of at most {most}: {told:?}"
        );
        let text = played.text()?;
        ensure!("Parisé".starts_with(&text), "{text:?}");
    }
    let long = answer(&endless, cut(100)).await?;
    let used = long.finished()?.1.completion_tokens;
    ensure!(used == 100 && long.tokens.len() == 100, "{used} of 100");
    Ok(())
}

pub(crate) async fn an_answer_that_just_fits_is_complete(subject: &Subject) -> Verdict {
    let made = subject.make(Model::Paris).await;
    let whole = answer(&made, job("?"))
        .await?
        .finished()?
        .1
        .completion_tokens;
    let fitting = answer(&made, cut(whole)).await?;
    let reason = fitting.finished()?.0;
    ensure!(
        reason == FinishReason::Stop,
        "the end is the last of {whole} tokens, but {reason:?}"
    );
    let reason = answer(&made, cut(whole - 1)).await?.finished()?.0;
    ensure!(reason == FinishReason::Length, "cut, but {reason:?}");
    Ok(())
}

pub(crate) async fn stop_strings_are_no_part_of_the_answer(subject: &Subject) -> Verdict {
    let made = subject.make(Model::Paris).await;
    for (stop, expected) in [
        // Over two tokens, over one, over the tokens of one character, never, and the first of two.
        (["is"].as_slice(), "Par"),
        (&["P"], ""),
        (&["é"], "Paris"),
        (&["iz", "sè"], "Parisé"),
        (&["s", "ar"], "P"),
    ] {
        let stop = stop.iter().map(|stop| (*stop).to_owned()).collect();
        let played = answer(&made, Job { stop, ..job("?") }).await?;
        let (text, (reason, usage)) = (played.text()?, played.finished()?);
        ensure!(
            text == expected && reason == FinishReason::Stop,
            "{text:?} instead of {expected:?}, {reason:?}"
        );
        let tokens = u32::try_from(played.tokens.len()).unwrap_or(0);
        ensure!(tokens == usage.completion_tokens, "{tokens}, {usage:?}");
    }
    Ok(())
}

const CONTEXT: u32 = 64;

fn bounded(model: Model) -> Setup {
    Setup {
        context: CONTEXT.try_into().ok(),
        ..Setup::from(model)
    }
}

pub(crate) async fn a_prompt_beyond_the_context_is_refused(subject: &Subject) -> Verdict {
    let made = subject.make(bounded(Model::Endless)).await;
    let error = refusal(&made, job(&"a ".repeat(100))).await?;
    let EngineError::PromptTooLong { tokens, limit } = error else {
        return Err(format!("refused, but as {error:?}").into());
    };
    ensure!(
        tokens > limit && limit <= CONTEXT,
        "{tokens} tokens, {limit}"
    );
    Ok(())
}

pub(crate) async fn the_context_bounds_the_answer(subject: &Subject) -> Verdict {
    let made = subject.make(bounded(Model::Endless)).await;
    let (reason, usage) = answer(&made, cut(1000)).await?.finished()?;
    let all = usage.prompt_tokens + usage.completion_tokens;
    ensure!(
        all == CONTEXT && reason == FinishReason::Length,
        "{all} tokens in a context of {CONTEXT}, {reason:?}"
    );
    Ok(())
}
