//! One run of the local model: from a job to a finished draft, or to the point where it was given up.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use local_engine::{
    EngineError, Event, FinishReason, Generation, Job, LocalEngine, Token, Usage as EngineUsage,
};
use router_policies::{
    Answer as Shape, Commit, Course, Features, Finish, Marker, Reason, Signals, TokenSignal,
    Tracer, features_at,
};
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
    /// What it read where the draft was committed, if it got there before its end.
    pub(crate) at_commit: Option<Features>,
    /// What it consumed.
    pub(crate) usage: EngineUsage,
    /// What checkpoints saw of it, where that is asked for.
    pub(crate) course: Option<Course>,
}

impl Drafted {
    /// The whole text.
    pub(crate) fn text(&self) -> String {
        self.pieces.concat()
    }
}

/// Compute of a draft as a whole and without the prompt, in seconds; in tokens where the engine tells no time.
fn compute(usage: &EngineUsage, prefill: Duration) -> (f64, f64) {
    let EngineUsage {
        prompt_tokens,
        completion_tokens,
        busy,
    } = *usage;
    if busy.is_zero() {
        let written = f64::from(completion_tokens);
        return (f64::from(prompt_tokens) + written, written);
    }
    let writing = busy.saturating_sub(prefill);
    (busy.as_secs_f64(), writing.as_secs_f64())
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
    /// From when on it is the answer.
    pub(crate) commit: Commit,
    /// Whether it is to be known what checkpoints saw of it.
    pub(crate) traced: bool,
    /// Cancelled when the draft is not needed any more.
    pub(crate) overtaken: CancellationToken,
}

/// Runs a task to its end or to its deadline. Dropping the future stops the engine within one step.
pub(crate) async fn draft(task: Task<'_>) -> Result<Drafted, NoDraft> {
    let mut run = Run::begin(task);
    match run.go_on(|_| None::<Infallible>).await? {
        Pause::Finished(drafted) => Ok(*drafted),
        Pause::Seen(nothing) => match nothing {},
        Pause::Overtaken => Err(NoDraft {
            reason: Reason::Hedged,
            error: "overtaken",
        }),
    }
}

/// A draft that is being made. Dropping it stops the engine within one step.
pub(crate) struct Run {
    generation: Generation,
    collected: Collected,
    until: Instant,
    overtaken: CancellationToken,
}

/// Why a run does not go on by itself.
#[derive(Debug)]
pub(crate) enum Pause<T> {
    /// It is at its end.
    Finished(Box<Drafted>),
    /// Somebody else was faster.
    Overtaken,
    /// What the one who looks said.
    Seen(T),
}

impl Run {
    /// Begins.
    pub(crate) fn begin(task: Task<'_>) -> Self {
        Self {
            generation: task.engine.generate(task.job),
            collected: Collected::new(task.shape, task.commit, task.traced),
            // A day stands for "no deadline"; tokio has no infinite one.
            until: Instant::now() + task.deadline.unwrap_or(Duration::from_secs(86_400)),
            overtaken: task.overtaken,
        }
    }

    /// Goes on to the end, or until `look`, asked after each token but the end token, has something to say.
    pub(crate) async fn go_on<T>(
        &mut self,
        mut look: impl FnMut(&Signals) -> Option<T>,
    ) -> Result<Pause<T>, NoDraft> {
        loop {
            let event = tokio::select! {
                biased;
                event = next(&mut self.generation, self.until) => event?,
                () = self.overtaken.cancelled() => return Ok(Pause::Overtaken),
            };
            match event {
                Event::Prefilled {
                    prompt_tokens,
                    took,
                    ..
                } => self.collected.prefilled(prompt_tokens, took),
                Event::Token(token) => {
                    self.collected.push(&token);
                    let signals = &self.collected.signals;
                    let seen = (!token.bytes.is_empty()).then(|| look(signals));
                    if let Some(seen) = seen.flatten() {
                        return Ok(Pause::Seen(seen));
                    }
                }
                Event::Finished { reason, usage } => {
                    let drafted = self.collected.finish(reason, usage);
                    return Ok(Pause::Finished(Box::new(drafted)));
                }
                Event::Failed(error) => return Err(no_draft(&error)),
            }
        }
    }

    /// Nobody can be faster any more, and from now on the engine has `patience` for its next token.
    pub(crate) fn commit(&mut self, patience: Duration) {
        self.overtaken = CancellationToken::new();
        self.until = Instant::now() + patience;
    }

    /// What was consumed so far.
    pub(crate) fn usage(&self) -> EngineUsage {
        self.collected.usage()
    }

    /// What checkpoints saw of it so far, where that is asked for; what the whole will take is not known yet.
    pub(crate) fn course(&self) -> Option<Course> {
        self.collected.course(&self.usage(), (0.0, 0.0))
    }

    /// The text so far, in pieces that are whole UTF-8.
    pub(crate) fn pieces(&self) -> &[String] {
        &self.collected.pieces
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").finish_non_exhaustive()
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

/// An engine's error as a reason to escalate.
pub(super) fn no_draft(error: &EngineError) -> NoDraft {
    let (reason, error) = match error {
        EngineError::Busy { .. } => (Reason::Busy, "busy"),
        EngineError::Loading => (Reason::EngineDown, "loading"),
        EngineError::Unloaded => (Reason::Unloaded, "unloaded"),
        EngineError::NoRoom(_) => (Reason::NoRoom, "no_room"),
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
    commit: Commit,
    at_commit: Option<Features>,
    tracer: Option<Tracer>,
    prompt_tokens: u32,
    prefill: Duration,
    /// When decoding began.
    prefilled_at: Instant,
}

impl Collected {
    fn new(shape: &Shape, commit: Commit, traced: bool) -> Self {
        // Other forms are checked as a whole.
        let commit = if *shape == Shape::Text {
            commit
        } else {
            Commit::Complete
        };
        Self {
            commit,
            at_commit: None,
            tracer: traced.then(Tracer::default),
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
        if let Some(decisions) = self.commit.decisions().filter(|_| !token.bytes.is_empty()) {
            let there = features_at(&self.signals, decisions);
            self.at_commit = self.at_commit.or(there);
        }
        if let Some(tracer) = self.tracer.as_mut().filter(|_| !token.bytes.is_empty()) {
            tracer.look(&self.signals);
        }
        self.partial.extend_from_slice(&token.bytes);
        let whole = whole_prefix(&self.partial);
        if whole > 0 {
            let rest = self.partial.split_off(whole);
            let piece = std::mem::replace(&mut self.partial, rest);
            self.pieces
                .push(String::from_utf8_lossy(&piece).into_owned());
        }
    }

    fn finish(&mut self, reason: FinishReason, usage: EngineUsage) -> Drafted {
        if !self.partial.is_empty() {
            self.pieces
                .push(String::from_utf8_lossy(&self.partial).into_owned());
        }
        let finish = match reason {
            FinishReason::Stop => Finish::Stop,
            FinishReason::Length => Finish::Length,
        };
        Drafted {
            pieces: std::mem::take(&mut self.pieces),
            finish,
            at_commit: self.at_commit,
            features: self.signals.features(finish),
            course: self.course(&usage, compute(&usage, self.prefill)),
            usage,
        }
    }

    /// What checkpoints saw of a draft that took so much as a whole, and without the prompt.
    fn course(&self, usage: &EngineUsage, (busy, writing): (f64, f64)) -> Option<Course> {
        let tracer = self.tracer.clone()?;
        let mut prefixes = tracer.finish(usage.completion_tokens.into(), writing);
        // Nothing is given up once it is committed.
        let committed = self.at_commit.and_then(|_| self.commit.decisions());
        prefixes.retain(|prefix| committed.is_none_or(|decisions| prefix.decisions < decisions));
        Some(Course { prefixes, busy })
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
