//! An engine that plays scripts with timings: for tests of everything that sits on an engine.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_util::stream;
use parking_lot::Mutex;
use tokio::time::sleep;

use crate::engine::{
    Estimate, Event, FinishReason, Generation, Health, LocalEngine, ModelInfo, Token, TokenStats,
    Usage,
};
use crate::error::EngineError;
use crate::job::{Job, Message};
use crate::relay;

/// What one job is answered with.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// Reported as the length of the prompt.
    pub prompt_tokens: u32,
    /// Time from the first poll to [`Event::Prefilled`]; reported as the prefill's time.
    pub delay_before_first: Duration,
    /// Text and statistics of each token. Ids count up from 0.
    pub tokens: Vec<(String, TokenStats)>,
    /// Time before each token.
    pub per_token: Duration,
    /// How it ends, once the tokens are out.
    pub end: End,
}

/// How a [`Script`] ends.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// With an answer.
    Finished(FinishReason),
    /// With an error.
    Failed(EngineError),
    /// Never; only dropping the stream helps.
    Hang,
    /// With a panic in the task that polls the stream.
    Panic,
}

impl Script {
    /// `text` as one token of log-probability `logprob` (nats) and a sure end token, without delay.
    #[must_use]
    pub fn answering(text: &str, logprob: f32) -> Self {
        Self {
            prompt_tokens: 1,
            delay_before_first: Duration::ZERO,
            tokens: vec![
                (text.to_owned(), stats(logprob)),
                (String::new(), stats(0.0)),
            ],
            per_token: Duration::ZERO,
            end: End::Finished(FinishReason::Stop),
        }
    }

    /// An error without any token.
    #[must_use]
    pub fn failing(error: EngineError) -> Self {
        Self {
            tokens: Vec::new(),
            end: End::Failed(error),
            ..Self::answering("", 0.0)
        }
    }
}

/// Statistics of a step with log-probability `logprob` (nats) that nothing was masked in: the rest of
/// the probability is one other token's.
#[must_use]
pub fn stats(logprob: f32) -> TokenStats {
    let p = f64::from(logprob).exp().clamp(1e-6, 1.0 - 1e-6);
    let other = 1.0 - p;
    TokenStats {
        logprob,
        margin: narrow(p.ln() - other.ln()),
        entropy: narrow(-p * p.ln() - other * other.ln()),
        legal_mass: 1.0,
        forced: false,
    }
}

/// An engine that answers each job with the script that a closure picks.
pub struct Scripted {
    pick: Box<dyn Fn(&Job) -> Script + Send + Sync>,
    health: Mutex<Health>,
    estimate: Mutex<Estimate>,
    info: Arc<ModelInfo>,
    counters: Arc<Counters>,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted")
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Counters {
    started: AtomicU64,
    finished: AtomicU64,
    cancelled: AtomicU64,
    tokens: AtomicU64,
}

impl Scripted {
    /// Answers each job with what `pick` returns for it.
    pub fn new(pick: impl Fn(&Job) -> Script + Send + Sync + 'static) -> Self {
        Self {
            pick: Box::new(pick),
            health: Mutex::new(Health::Ready),
            estimate: Mutex::new(Estimate::default()),
            info: Arc::new(scripted_info()),
            counters: Arc::default(),
        }
    }

    /// Answers every job with `text` at log-probability `logprob` (nats), without delay.
    #[must_use]
    pub fn answering(text: &str, logprob: f32) -> Self {
        let script = Script::answering(text, logprob);
        Self::new(move |_| script.clone())
    }

    /// Facts to report instead of the made-up ones.
    #[must_use]
    pub fn with_info(mut self, info: ModelInfo) -> Self {
        self.info = Arc::new(info);
        self
    }

    /// Reports `health` from now on. While it is not ready every job fails, as with a real engine.
    pub fn set_health(&self, health: Health) {
        *self.health.lock() = health;
    }

    /// Reports `estimate` from now on, whatever the prompt.
    pub fn set_estimate(&self, estimate: Estimate) {
        *self.estimate.lock() = estimate;
    }

    /// Jobs that began.
    #[must_use]
    pub fn started(&self) -> u64 {
        self.counters.started.load(Ordering::Acquire)
    }

    /// Jobs that reached their terminal event.
    #[must_use]
    pub fn finished(&self) -> u64 {
        self.counters.finished.load(Ordering::Acquire)
    }

    /// Jobs whose stream was dropped before its terminal event.
    #[must_use]
    pub fn cancelled(&self) -> u64 {
        self.counters.cancelled.load(Ordering::Acquire)
    }

    /// Tokens that were emitted, over all jobs.
    #[must_use]
    pub fn tokens_emitted(&self) -> u64 {
        self.counters.tokens.load(Ordering::Acquire)
    }
}

impl LocalEngine for Scripted {
    fn info(&self) -> Option<Arc<ModelInfo>> {
        (*self.health.lock() != Health::Loading).then(|| Arc::clone(&self.info))
    }

    fn health(&self) -> Health {
        self.health.lock().clone()
    }

    /// Counts words: enough to tell a long prompt from a short one.
    fn count_tokens(&self, messages: Vec<Message>) -> BoxFuture<'_, Result<u32, EngineError>> {
        let words: usize = messages
            .iter()
            .map(|message| message.content.split_whitespace().count())
            .sum();
        let tokens = u32::try_from(words).unwrap_or(u32::MAX);
        let answer = unavailable(&self.health()).map_or(Ok(tokens), Err);
        Box::pin(std::future::ready(answer))
    }

    fn estimate(&self, _prompt_tokens: u32) -> Estimate {
        *self.estimate.lock()
    }

    fn generate(&self, job: Job) -> Generation {
        if let Some(error) = unavailable(&self.health()) {
            return relay::failed(error);
        }
        self.counters.started.fetch_add(1, Ordering::AcqRel);
        let play = Play::new(
            (self.pick)(&job),
            job.max_tokens,
            Arc::clone(&self.counters),
        );
        Box::pin(stream::unfold(play, |mut play| async move {
            let event = play.next().await?;
            Some((event, play))
        }))
    }
}

fn unavailable(health: &Health) -> Option<EngineError> {
    match health {
        Health::Ready => None,
        Health::Loading => Some(EngineError::Loading),
        Health::Unloaded => Some(EngineError::Unloaded),
        Health::Down(why) => Some(EngineError::Died(why.clone())),
    }
}

/// One script being played.
struct Play {
    script: Script,
    max_tokens: u32,
    emitted: u32,
    prefilled: bool,
    ended: bool,
    counters: Arc<Counters>,
}

impl Play {
    fn new(script: Script, max_tokens: u32, counters: Arc<Counters>) -> Self {
        Self {
            script,
            max_tokens,
            emitted: 0,
            prefilled: false,
            ended: false,
            counters,
        }
    }

    async fn next(&mut self) -> Option<Event> {
        if self.ended {
            return None;
        }
        if !self.prefilled {
            pause(self.script.delay_before_first).await;
            self.prefilled = true;
            // A script without tokens that fails is a job that failed before its prefill.
            if !matches!(self.script.end, End::Failed(_)) || !self.script.tokens.is_empty() {
                return Some(self.prefill());
            }
        }
        let index = usize::try_from(self.emitted).unwrap_or(usize::MAX);
        let next = self.script.tokens.get(index).cloned();
        let end = self.script.end.clone();
        // A script that finishes with its last allowed token was not cut.
        if self.emitted == self.max_tokens && (next.is_some() || !matches!(end, End::Finished(_))) {
            return Some(self.end(&End::Finished(FinishReason::Length)).await);
        }
        let Some((text, stats)) = next else {
            return Some(self.end(&end).await);
        };
        pause(self.script.per_token).await;
        let id = self.emitted;
        self.emitted += 1;
        self.counters.tokens.fetch_add(1, Ordering::AcqRel);
        Some(Event::Token(Token {
            id,
            bytes: text.into_bytes(),
            stats,
        }))
    }

    fn prefill(&self) -> Event {
        Event::Prefilled {
            prompt_tokens: self.script.prompt_tokens,
            reused_tokens: 0,
            took: self.script.delay_before_first,
        }
    }

    async fn end(&mut self, end: &End) -> Event {
        let event = match end {
            End::Finished(reason) => Event::Finished {
                reason: *reason,
                usage: self.usage(),
            },
            End::Failed(error) => Event::Failed(error.clone()),
            End::Hang => std::future::pending().await,
            End::Panic => fall_over(),
        };
        self.ended = true;
        self.counters.finished.fetch_add(1, Ordering::AcqRel);
        event
    }

    fn usage(&self) -> Usage {
        Usage {
            prompt_tokens: self.script.prompt_tokens,
            completion_tokens: self.emitted,
            busy: self.script.delay_before_first + self.script.per_token * self.emitted,
        }
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        if !self.ended {
            self.counters.cancelled.fetch_add(1, Ordering::AcqRel);
        }
    }
}

#[expect(clippy::panic, reason = "the script asks for it")]
fn fall_over() -> ! {
    panic!("the script says so")
}

async fn pause(time: Duration) {
    // Even a sleep of zero waits for the timer's next tick.
    if !time.is_zero() {
        sleep(time).await;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "statistics need no more than f32"
)]
fn narrow(value: f64) -> f32 {
    value as f32
}

fn scripted_info() -> ModelInfo {
    ModelInfo {
        adapter: "scripted".to_owned(),
        architecture: "scripted".to_owned(),
        quantization: "none".to_owned(),
        context_tokens: 2048,
        vocabulary: 1024,
        weights_hash: "0".repeat(64),
        tokenizer_hash: "1".repeat(64),
        template_hash: "2".repeat(64),
        loras: BTreeMap::new(),
        load_time: Duration::ZERO,
    }
}

#[cfg(test)]
mod tests;
