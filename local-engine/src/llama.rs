//! The engine that computes in this process: llama.cpp, on GGUF files.
//!
//! One thread loads the model and computes one job after the other. A prompt is read in chunks, and before each chunk
//! and each token the thread looks whether anybody still waits for the answer. The memory of the context grows with
//! the longest job so far. Between jobs the thread keeps what it computed for the beginnings of prompts, for the same
//! tenant and the same low-rank adapter only.
//!
//! llama.cpp ends the process where it meets what it did not expect: run it in a [worker](crate::worker).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use futures_core::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::decode::{Plan, Rule};
use crate::engine::{Estimate, Event, Generation, Health, LocalEngine, ModelInfo};
use crate::error::EngineError;
use crate::job::{Job, Message};
use crate::relay::{self, Relay};
use crate::spec::EngineSpec;
use crate::watch::Watch;

mod compute;
mod embed;
mod load;
mod prefix;
mod text;

pub use compute::CHUNK;
use compute::{Ask, Kept, Measured, Task, count};
use load::Loaded;
use prefix::Key;
use text::Text;

/// A model in this process.
pub struct LlamaCpp {
    engine: Arc<Engine>,
}

impl fmt::Debug for LlamaCpp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LlamaCpp")
            .field("info", &self.engine.info)
            .finish_non_exhaustive()
    }
}

impl LlamaCpp {
    /// Loads the GGUF file that `spec` names.
    ///
    /// # Errors
    /// [`EngineError::Load`] with what to mend.
    pub async fn load(spec: EngineSpec) -> Result<Self, EngineError> {
        let stall_after = spec.stall_after;
        let loaded = load::load(spec).await?;
        Ok(Self {
            engine: Arc::new(Engine::new(loaded, stall_after)),
        })
    }

    /// Forward passes since the model was loaded; a prompt takes several.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.engine.steps.load(Ordering::Acquire)
    }

    /// Bytes that are kept of prompts that were read before, beside the context's own memory.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        self.engine.kept.lock().bytes()
    }
}

impl LocalEngine for LlamaCpp {
    fn info(&self) -> Option<Arc<ModelInfo>> {
        Some(Arc::clone(&self.engine.info))
    }

    fn health(&self) -> Health {
        self.engine
            .condemned
            .lock()
            .clone()
            .map_or(Health::Ready, Health::Down)
    }

    fn count_tokens(&self, messages: Vec<Message>) -> BoxFuture<'_, Result<u32, EngineError>> {
        Box::pin(async move { Ok(count(&self.engine.prompt(messages).await?)) })
    }

    fn unread_tokens(&self, job: &Job) -> BoxFuture<'_, Result<u32, EngineError>> {
        let (messages, key) = (job.messages.clone(), key(job));
        Box::pin(async move {
            let prompt = self.engine.prompt(messages).await?;
            let known = self
                .engine
                .kept
                .lock()
                .start(key.as_ref(), &prompt)
                .tokens();
            Ok(count(prompt.get(known..).unwrap_or_default()))
        })
    }

    fn estimate(&self, prompt_tokens: u32) -> Estimate {
        let prefill = self.engine.rates.lock().prefill(prompt_tokens);
        Estimate {
            queue: Duration::ZERO,
            prefill: prefill.unwrap_or_default(),
        }
    }

    fn generate(&self, job: Job) -> Generation {
        let (sender, events) = relay::channel(job.max_tokens.min(self.engine.info.context_tokens));
        // The task outlives a dropped stream for one step, until the thread has let go of the job.
        tokio::spawn(Arc::clone(&self.engine).run(job, sender));
        Box::pin(Relay::new(events, ()))
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Result<Vec<Vec<f32>>, EngineError>> {
        Box::pin(self.engine.embed(texts))
    }
}

struct Engine {
    text: Arc<Text>,
    info: Arc<ModelInfo>,
    /// To the thread that computes; it ends when this is dropped.
    asks: Sender<Ask>,
    kept: Kept,
    embeddings: bool,
    stall_after: Duration,
    /// One job at a time; the others wait here, where they can be dropped.
    turn: Semaphore,
    rates: Measured,
    /// Why nothing more is to be expected.
    condemned: Mutex<Option<String>>,
    steps: Arc<AtomicU64>,
}

impl Engine {
    fn new(loaded: Loaded, stall_after: Duration) -> Self {
        Self {
            text: loaded.text,
            info: Arc::new(loaded.info),
            asks: loaded.asks,
            kept: loaded.shared.kept,
            embeddings: loaded.embeddings,
            stall_after,
            turn: Semaphore::new(1),
            rates: loaded.shared.rates,
            condemned: Mutex::default(),
            steps: loaded.shared.steps,
        }
    }

    async fn run(self: Arc<Self>, job: Job, events: mpsc::Sender<Event>) {
        if let Err(error) = self.compute(job, &events).await {
            // A reader that is gone misses nothing.
            let _ = events.try_send(Event::Failed(error));
        }
    }

    async fn compute(&self, job: Job, events: &mpsc::Sender<Event>) -> Result<(), EngineError> {
        self.check_lora(&job)?;
        let (prompt, rule) = self.prepare(&job).await?;
        let prompt_tokens = count(&prompt);
        let limit = self.info.context_tokens.saturating_sub(1);
        if prompt_tokens > limit {
            return Err(EngineError::PromptTooLong {
                tokens: prompt_tokens,
                limit,
            });
        }
        let room = self.info.context_tokens - prompt_tokens;
        let key = key(&job);
        let plan = Plan {
            sampling: job.sampling,
            rule,
            ends: Arc::clone(self.text.ends()),
            max_tokens: job.max_tokens.clamp(1, room),
            stop: job.stop,
            pieces: Arc::clone(self.text.pieces()),
        };
        let task = Task {
            prompt,
            plan,
            lora: job.lora,
            key,
            events: events.clone(),
        };
        let _turn = tokio::select! {
            turn = self.turn.acquire() => turn,
            () = events.closed() => return Ok(()),
        };
        let (done, ended) = oneshot::channel();
        self.ask(Ask::Generate(Box::new(task), done), ended).await?
    }

    fn check_lora(&self, job: &Job) -> Result<(), EngineError> {
        let Some(name) = &job.lora else {
            return Ok(());
        };
        if self.info.loras.contains_key(&**name) {
            return Ok(());
        }
        let known: Vec<_> = self.info.loras.keys().map(String::as_str).collect();
        let known = if known.is_empty() {
            "none is loaded".to_owned()
        } else {
            format!("loaded are {}", known.join(", "))
        };
        let what = format!("the low-rank adapter `{name}`; {known}");
        Err(EngineError::Unsupported(what))
    }

    /// The prompt's tokens, and what the answer is held to.
    async fn prepare(&self, job: &Job) -> Result<(Vec<u32>, Rule), EngineError> {
        let text = Arc::clone(&self.text);
        let (messages, constraint) = (job.messages.clone(), job.constraint.clone());
        let preparing = spawn_blocking(move || {
            let prompt = text.prompt(&messages)?;
            Ok((prompt, text.rule(constraint.as_ref())?))
        });
        preparing.await.map_err(broke_off)?
    }

    async fn prompt(&self, messages: Vec<Message>) -> Result<Vec<u32>, EngineError> {
        let text = Arc::clone(&self.text);
        let rendering = spawn_blocking(move || text.prompt(&messages));
        rendering.await.map_err(broke_off)?
    }

    async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EngineError> {
        if !self.embeddings {
            let what = "embeddings: its file declares no pooling".to_owned();
            return Err(EngineError::Unsupported(what));
        }
        let text = Arc::clone(&self.text);
        let tokens = spawn_blocking(move || texts.iter().map(|one| text.plain(one)).collect());
        let tokens = tokens.await.map_err(broke_off)?;
        let _turn = self.turn.acquire().await;
        let (done, ended) = oneshot::channel();
        self.ask(Ask::Embed(tokens, done), ended).await?
    }

    /// Stays until the thread has answered, or gives the engine up.
    async fn ask<T>(&self, ask: Ask, mut answer: oneshot::Receiver<T>) -> Result<T, EngineError> {
        if let Some(why) = self.condemned.lock().clone() {
            return Err(EngineError::Died(why));
        }
        let chunk = u32::try_from(CHUNK).unwrap_or(u32::MAX);
        let mut watch = Watch::new(self.stall_after, chunk);
        if self.asks.send(ask).is_err() {
            return Err(self.condemn("its thread has ended"));
        }
        loop {
            match timeout(watch.interval(), &mut answer).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(_)) => return Err(self.condemn("its thread broke off")),
                Err(_) if watch.has_hung(self.watched()) => {
                    return Err(self.condemn("it has hung"));
                }
                Err(_) => {}
            }
        }
    }

    /// Steps, in the width that matters to see whether there are new ones.
    fn watched(&self) -> u32 {
        u32::try_from(self.steps.load(Ordering::Acquire) & u64::from(u32::MAX)).unwrap_or_default()
    }

    /// Gives the engine up.
    fn condemn(&self, why: &str) -> EngineError {
        let why = format!("{why} at step {}", self.steps.load(Ordering::Acquire));
        tracing::error!(%why, "the local model is unusable; its process has to be replaced");
        *self.condemned.lock() = Some(why.clone());
        EngineError::Died(why)
    }
}

/// Under which a job's prompt is kept.
fn key(job: &Job) -> Option<Key> {
    let tenant = job.tenant.clone()?;
    Some(Key {
        tenant,
        lora: job.lora.clone(),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broke_off(error: tokio::task::JoinError) -> EngineError {
    EngineError::Internal(format!("the tokenizer broke off: {error}"))
}
