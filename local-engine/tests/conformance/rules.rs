//! The rules, and what they have in common: the jobs they send and how they read the events.

use std::time::Duration;

use futures_util::StreamExt;
use local_engine::{EngineError, Event, FinishReason, Generation, Job, Message, Token, Usage};
use tokio::time::timeout;

use crate::suite::{Made, Trouble, Verdict, ensure};

mod constraints;
mod course;
mod death;
mod leaving;
mod lengths;
mod refusals;
mod statistics;

pub(crate) use constraints::*;
pub(crate) use course::*;
pub(crate) use death::*;
pub(crate) use leaving::*;
pub(crate) use lengths::*;
pub(crate) use refusals::*;
pub(crate) use statistics::*;

/// Far beyond what anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Hands all rules to a macro.
macro_rules! each {
    ($($apply:ident)::+ ! ($($with:tt)*)) => {
        $($apply)::+! {
            $($with)*;
            says_what_it_is,
            ends_once,
            reads_the_prompt_first,
            the_tokens_are_the_text,
            characters_may_be_split,
            greedy_is_deterministic,
            a_seed_repeats,
            statistics_are_sound,
            logarithms_are_natural,
            margin_and_entropy_are_of_the_whole_vocabulary,
            drawing_keeps_the_models_own_statistics,
            max_tokens_holds,
            an_answer_that_just_fits_is_complete,
            stop_strings_are_no_part_of_the_answer,
            a_prompt_beyond_the_context_is_refused,
            the_context_bounds_the_answer,
            a_closed_list_is_kept,
            forced_tokens_are_marked,
            what_a_list_leaves_out_is_measured,
            an_empty_closed_list_is_refused,
            a_pattern_is_kept,
            json_is_kept,
            a_schema_is_kept,
            a_dropped_stream_stops_the_compute,
            a_dropped_stream_frees_its_slot,
            a_slow_reader_stalls_nobody,
            a_full_queue_turns_away,
            an_unknown_lora_is_refused,
            embeddings_are_unit_vectors,
            death_ends_what_runs,
            what_died_comes_back,
        }
    };
}
pub(crate) use each;

fn job(content: &str) -> Job {
    Job::greedy(vec![Message::user(content)], 32)
}

fn cut(max_tokens: u32) -> Job {
    Job {
        max_tokens,
        ..job("?")
    }
}

/// A whole generation.
#[derive(Debug)]
struct Played {
    prompt_tokens: Option<u32>,
    tokens: Vec<Token>,
    end: Event,
}

impl Played {
    fn bytes(&self) -> Vec<u8> {
        let bytes = self.tokens.iter().flat_map(|token| &token.bytes);
        bytes.copied().collect()
    }

    fn text(&self) -> Verdict<String> {
        String::from_utf8(self.bytes())
            .map_err(|_| Trouble::Broken(format!("no text: {:?}", self.bytes())))
    }

    fn finished(&self) -> Verdict<(FinishReason, Usage)> {
        match &self.end {
            Event::Finished { reason, usage } => Ok((*reason, *usage)),
            other => Err(Trouble::Broken(format!("not finished: {other:?}"))),
        }
    }

    fn failed(&self) -> Verdict<EngineError> {
        match &self.end {
            Event::Failed(error) => Ok(error.clone()),
            other => Err(Trouble::Broken(format!("not refused: {other:?}"))),
        }
    }
}

/// Reads a generation to its end; what every generation owes is checked here.
async fn play(mut stream: Generation) -> Verdict<Played> {
    let (mut prompt_tokens, mut tokens) = (None, Vec::new());
    let end = loop {
        match next(&mut stream).await? {
            Some(Event::Prefilled {
                prompt_tokens: read,
                ..
            }) => {
                ensure!(prompt_tokens.is_none(), "the prompt was read twice");
                prompt_tokens = Some(read);
            }
            Some(Event::Token(token)) => {
                ensure!(
                    prompt_tokens.is_some(),
                    "a token before the prompt was read"
                );
                tokens.push(token);
            }
            Some(last) => break last,
            None => return Err("no terminal event".to_owned().into()),
        }
    };
    let after = next(&mut stream).await?;
    ensure!(after.is_none(), "an event after the end: {after:?}");
    Ok(Played {
        prompt_tokens,
        tokens,
        end,
    })
}

async fn next(stream: &mut Generation) -> Verdict<Option<Event>> {
    let next = timeout(PATIENCE, stream.next()).await;
    next.map_err(|_| Trouble::Broken("it stalls".to_owned()))
}

/// Plays a job that finishes.
async fn answer(made: &Made, job: Job) -> Verdict<Played> {
    let played = play(made.engine.generate(job)).await?;
    played.finished()?;
    Ok(played)
}

/// Plays a job that has to fail without compute.
async fn refusal(made: &Made, job: Job) -> Verdict<EngineError> {
    let before = made.steps().await;
    let played = play(made.engine.generate(job)).await?;
    let steps = made.steps().await - before;
    ensure!(steps == 0, "{steps} steps for a job that was refused");
    ensure!(
        played.prompt_tokens.is_none() && played.tokens.is_empty(),
        "something came before the refusal: {played:?}"
    );
    played.failed()
}

async fn unsupported(made: &Made, job: Job) -> Verdict {
    let error = refusal(made, job).await?;
    ensure!(
        matches!(error, EngineError::Unsupported(_)),
        "refused, but as {error:?}"
    );
    Ok(())
}
