//! One run of the local model: from a job to a finished draft, or to the point where it was given up.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use local_engine::{
    EngineError, Event, FinishReason, Generation, Job, LocalEngine, Token, Usage as EngineUsage,
};
use router_policies::{Answer as Shape, Features, Finish, Marker, Reason, Signals, TokenSignal};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// A finished draft.
#[derive(Debug, Clone)]
pub(crate) struct Drafted {
    /// The text in pieces that are whole UTF-8.
    pub(crate) pieces: Vec<String>,
    /// Why it ended.
    pub(crate) finish: Finish,
    /// What the scorer reads.
    pub(crate) features: Features,
    /// What it consumed.
    pub(crate) usage: EngineUsage,
    prefill: Duration,
}

impl Drafted {
    /// The whole text.
    pub(crate) fn text(&self) -> String {
        self.pieces.concat()
    }

    /// Its compute as a whole and without the prompt, in seconds; in tokens where the engine tells no time.
    pub(crate) fn compute(&self) -> (f64, f64) {
        let EngineUsage {
            prompt_tokens,
            completion_tokens,
            busy,
        } = self.usage;
        if busy.is_zero() {
            let written = f64::from(completion_tokens);
            return (f64::from(prompt_tokens) + written, written);
        }
        let writing = busy.saturating_sub(self.prefill);
        (busy.as_secs_f64(), writing.as_secs_f64())
    }
}

/// How a run ended that did not fail.
#[derive(Debug)]
pub(crate) enum Ended<T> {
    /// With a draft.
    Finished(Box<Drafted>),
    /// It was given up.
    Stopped {
        /// Why.
        why: T,
        /// What it consumed until then.
        usage: EngineUsage,
    },
    /// Somebody else was faster; what it consumed until then.
    Overtaken(EngineUsage),
}

/// Why there is no finished draft.
#[derive(Debug)]
pub(crate) struct NoDraft {
    pub(crate) reason: Reason,
    pub(crate) error: &'static str,
}

/// What is to be drafted.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    /// By whom.
    pub(crate) engine: &'a Arc<dyn LocalEngine>,
    /// What the answer ought to be.
    pub(crate) shape: &'a Shape,
    /// The job.
    pub(crate) job: Job,
    /// Longest time for it, waiting included.
    pub(crate) deadline: Option<Duration>,
    /// Cancelled when the draft is not needed any more.
    pub(crate) overtaken: CancellationToken,
}

/// Runs a task to its end or to its deadline. Dropping the future stops the engine within one step.
pub(crate) async fn draft(task: Task<'_>) -> Result<Drafted, NoDraft> {
    match draft_until(task, |_| None::<Infallible>).await? {
        Ended::Finished(drafted) => Ok(*drafted),
        Ended::Stopped { why, .. } => match why {},
        Ended::Overtaken(_) => Err(NoDraft {
            reason: Reason::Hedged,
            error: "overtaken",
        }),
    }
}

/// Runs a task like [`draft`], or until `look` gives a reason to stop. It is asked after each token but the end token, after
/// which there is nothing to stop. The generation is dropped before this returns, so the engine stops within one step.
pub(crate) async fn draft_until<T>(
    task: Task<'_>,
    mut look: impl FnMut(&Signals) -> Option<T>,
) -> Result<Ended<T>, NoDraft> {
    // A day stands for "no deadline"; tokio has no infinite one.
    let until = Instant::now() + task.deadline.unwrap_or(Duration::from_secs(86_400));
    let mut generation = task.engine.generate(task.job);
    let mut collected = Collected::new(task.shape);
    loop {
        let event = tokio::select! {
            biased;
            event = next(&mut generation, until) => event?,
            () = task.overtaken.cancelled() => return Ok(Ended::Overtaken(collected.usage())),
        };
        match event {
            Event::Prefilled {
                prompt_tokens,
                took,
            } => collected.prefilled(prompt_tokens, took),
            Event::Token(token) => {
                collected.push(&token);
                let why = (!token.bytes.is_empty()).then(|| look(&collected.signals));
                if let Some(why) = why.flatten() {
                    drop(generation);
                    let usage = collected.usage();
                    return Ok(Ended::Stopped { why, usage });
                }
            }
            Event::Finished { reason, usage } => {
                return Ok(Ended::Finished(Box::new(collected.finish(reason, usage))));
            }
            Event::Failed(error) => return Err(no_draft(&error)),
        }
    }
}

async fn next(generation: &mut Generation, until: Instant) -> Result<Event, NoDraft> {
    let event = timeout_at(until, generation.next())
        .await
        .map_err(|_| NoDraft {
            reason: Reason::Slow,
            error: "deadline",
        })?;
    event.ok_or(NoDraft {
        reason: Reason::EngineFailed,
        error: "no_end",
    })
}

fn no_draft(error: &EngineError) -> NoDraft {
    let (reason, error) = match error {
        EngineError::Busy { .. } => (Reason::Busy, "busy"),
        EngineError::Loading => (Reason::EngineDown, "loading"),
        EngineError::Load(_) => (Reason::EngineDown, "not_loaded"),
        EngineError::Died(_) => (Reason::EngineFailed, "died"),
        EngineError::PromptTooLong { .. } => (Reason::PromptTooLong, "prompt_too_long"),
        EngineError::Unsupported(_) => (Reason::Unsupported, "unsupported"),
        _ => (Reason::EngineFailed, "failed"),
    };
    NoDraft { reason, error }
}

/// Tokens as they come: signals at once, text when its characters are whole.
struct Collected {
    marker: Marker,
    signals: Signals,
    pieces: Vec<String>,
    partial: Vec<u8>,
    prompt_tokens: u32,
    prefill: Duration,
    /// When decoding began.
    prefilled_at: Instant,
}

impl Collected {
    fn new(shape: &Shape) -> Self {
        Self {
            marker: Marker::new(shape),
            signals: Signals::new(),
            pieces: Vec::new(),
            partial: Vec::new(),
            prompt_tokens: 0,
            prefill: Duration::ZERO,
            prefilled_at: Instant::now(),
        }
    }

    fn prefilled(&mut self, prompt_tokens: u32, took: Duration) {
        self.prompt_tokens = prompt_tokens;
        self.prefill = took;
        self.prefilled_at = Instant::now();
    }

    /// What was consumed so far. The engine tells its own measure only at the end; without it, decoding took the time since the
    /// prompt was read.
    fn usage(&self) -> EngineUsage {
        EngineUsage {
            prompt_tokens: self.prompt_tokens,
            completion_tokens: u32::try_from(self.signals.tokens()).unwrap_or(u32::MAX),
            busy: self.prefill + self.prefilled_at.elapsed(),
        }
    }

    fn push(&mut self, token: &Token) {
        let stats = token.stats;
        self.signals.push(
            token.id,
            TokenSignal {
                logprob: stats.logprob,
                margin: stats.margin,
                entropy: stats.entropy,
                legal_mass: stats.legal_mass,
                forced: stats.forced,
                role: self.marker.mark(&token.bytes),
            },
        );
        self.partial.extend_from_slice(&token.bytes);
        let whole = whole_prefix(&self.partial);
        if whole > 0 {
            let rest = self.partial.split_off(whole);
            let piece = std::mem::replace(&mut self.partial, rest);
            self.pieces
                .push(String::from_utf8_lossy(&piece).into_owned());
        }
    }

    fn finish(mut self, reason: FinishReason, usage: EngineUsage) -> Drafted {
        if !self.partial.is_empty() {
            self.pieces
                .push(String::from_utf8_lossy(&self.partial).into_owned());
        }
        let finish = match reason {
            FinishReason::Stop => Finish::Stop,
            FinishReason::Length => Finish::Length,
        };
        Drafted {
            pieces: self.pieces,
            finish,
            features: self.signals.features(finish),
            usage,
            prefill: self.prefill,
        }
    }
}

/// Length of the longest prefix that ends at a character border.
fn whole_prefix(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        // No length: more bytes may complete the character. A length: never valid, pass it on as it is.
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => bytes.len(),
    }
}
