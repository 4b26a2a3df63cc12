//! The engine that computes in this process: mistralrs on the CPU.
//!
//! Templates are rendered and text is tokenized here, because the engine adds tokens of its own when it does
//! it. One job is in flight at a time. The token is chosen in a logits processor, where the statistics are
//! made as well. A job is stopped by forcing an end token on it, which takes effect at its next step.
//!
//! A panic of the engine's thread leaves it unusable. It then reports [`Health::Down`], and the process is
//! to be replaced: run it in a [worker](crate::worker).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_core::future::BoxFuture;
use mistralrs::{CustomLogitsProcessor, Model, Request};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::decode::{Plan, Rule};
use crate::engine::{Estimate, Event, Generation, Health, LocalEngine, ModelInfo};
use crate::error::EngineError;
use crate::job::{Job, Message};
use crate::relay::{self, Relay};
use crate::spec::EngineSpec;
use crate::watch::Watch;

mod build;
mod config;
mod probe;
mod text;

use probe::{Meter, Probe};
use text::Text;

/// A model in this process.
pub struct Mistral {
    engine: Arc<Engine>,
}

impl fmt::Debug for Mistral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mistral")
            .field("info", &self.engine.info)
            .finish_non_exhaustive()
    }
}

impl Mistral {
    /// Loads what `spec` names, from local files only.
    ///
    /// # Errors
    /// [`EngineError::Load`] with what to mend.
    pub async fn load(spec: EngineSpec) -> Result<Self, EngineError> {
        let stall_after = spec.stall_after;
        let loaded = build::load(spec).await?;
        let engine = Engine {
            model: loaded.model,
            text: Arc::new(loaded.text),
            info: Arc::new(loaded.info),
            stop_token: loaded.stop_token,
            stall_after,
            turn: Semaphore::new(1),
            condemned: Mutex::default(),
            meter: Arc::default(),
        };
        Ok(Self {
            engine: Arc::new(engine),
        })
    }

    /// Forward passes since the model was loaded; a prompt counts as one.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.engine.meter.steps.load(Ordering::Acquire)
    }
}

impl LocalEngine for Mistral {
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
        let text = Arc::clone(&self.engine.text);
        Box::pin(async move {
            let prompt = spawn_blocking(move || text.prompt(&messages))
                .await
                .map_err(broke_off)?;
            Ok(count(&prompt?))
        })
    }

    fn estimate(&self, prompt_tokens: u32) -> Estimate {
        let prefill = self
            .engine
            .meter
            .rates
            .lock()
            .prefill(prompt_tokens)
            .unwrap_or_default();
        Estimate {
            queue: Duration::ZERO,
            prefill,
        }
    }

    fn generate(&self, job: Job) -> Generation {
        let (sender, events) = relay::channel(job.max_tokens.min(self.engine.info.context_tokens));
        // The task outlives a dropped stream for one step, until the engine has let go of the job.
        tokio::spawn(Arc::clone(&self.engine).run(job, sender));
        Box::pin(Relay::new(events, ()))
    }
}

struct Engine {
    model: Model,
    text: Arc<Text>,
    info: Arc<ModelInfo>,
    stop_token: u32,
    stall_after: Duration,
    /// One job at a time: the engine would starve the longer one of two.
    turn: Semaphore,
    /// Why nothing more is to be expected.
    condemned: Mutex<Option<String>>,
    meter: Arc<Meter>,
}

/// A job in the engine's terms.
struct Prepared {
    prompt: Vec<u32>,
    rule: Rule,
}

impl Engine {
    async fn run(self: Arc<Self>, job: Job, events: mpsc::Sender<Event>) {
        if let Err(error) = self.compute(job, &events).await {
            // A reader that is gone misses nothing.
            let _ = events.try_send(Event::Failed(error));
        }
    }

    async fn compute(&self, job: Job, events: &mpsc::Sender<Event>) -> Result<(), EngineError> {
        if job.lora.is_some() {
            let what = "a low-rank adapter of that name";
            return Err(EngineError::Unsupported(what.to_owned()));
        }
        let Prepared { prompt, rule } = self.prepare(&job).await?;
        let prompt_tokens = count(&prompt);
        let limit = self.info.context_tokens.saturating_sub(1);
        if prompt_tokens > limit {
            return Err(EngineError::PromptTooLong {
                tokens: prompt_tokens,
                limit,
            });
        }
        let max_tokens = job
            .max_tokens
            .clamp(1, self.info.context_tokens - prompt_tokens);
        let _turn = tokio::select! {
            turn = self.turn.acquire() => turn,
            () = events.closed() => return Ok(()),
        };
        if let Some(why) = self.condemned.lock().clone() {
            return Err(EngineError::Died(why));
        }
        let plan = Plan {
            sampling: job.sampling,
            rule,
            ends: Arc::clone(self.text.ends()),
            max_tokens,
            stop: job.stop,
            pieces: Arc::clone(self.text.pieces()),
        };
        let probe = Arc::new(Probe::new(
            plan,
            prompt_tokens,
            self.stop_token,
            events.clone(),
            Arc::clone(&self.meter),
        ));
        self.follow(prompt, max_tokens, probe).await
    }

    async fn prepare(&self, job: &Job) -> Result<Prepared, EngineError> {
        let text = Arc::clone(&self.text);
        let (messages, constraint) = (job.messages.clone(), job.constraint.clone());
        let preparing = spawn_blocking(move || {
            let prompt = text.prompt(&messages)?;
            let rule = text.rule(constraint.as_ref())?;
            Ok(Prepared { prompt, rule })
        });
        preparing.await.map_err(broke_off)?
    }

    /// Stays with the job until the engine has let go of it.
    async fn follow(
        &self,
        prompt: Vec<u32>,
        max_tokens: u32,
        probe: Arc<Probe>,
    ) -> Result<(), EngineError> {
        let mut watch = Watch::new(self.stall_after, count(&prompt));
        let processor: Arc<dyn CustomLogitsProcessor> = Arc::<Probe>::clone(&probe);
        let mut answers = build::request(&self.model, prompt, max_tokens, processor).await?;
        let mut complaint = None;
        loop {
            match timeout(watch.interval(), answers.recv()).await {
                Ok(Some(answer)) => complaint = complaint.or_else(|| build::complaint(answer)),
                Ok(None) => break,
                Err(_) if watch.has_hung(probe.steps()) => {
                    return Err(self.condemn(&probe, "it has hung"));
                }
                Err(_) => {}
            }
        }
        match complaint {
            _ if probe.ended() => Ok(()),
            Some(text) => Err(EngineError::Internal(text)),
            None => Err(self.condemn(&probe, "its thread broke off")),
        }
    }

    /// Gives the engine up.
    fn condemn(&self, probe: &Probe, why: &str) -> EngineError {
        let why = format!("{why} at step {}", probe.steps());
        tracing::error!(%why, "the local model is unusable; its process has to be replaced");
        *self.condemned.lock() = Some(why.clone());
        EngineError::Died(why)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Otherwise the engine's thread keeps the model in memory for ever.
        if let Ok(link) = self.model.inner().get_sender(None) {
            let _ = link.try_send(Request::Terminate);
        }
    }
}

fn count(tokens: &[u32]) -> u32 {
    u32::try_from(tokens.len()).unwrap_or(u32::MAX)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broke_off(error: tokio::task::JoinError) -> EngineError {
    EngineError::Internal(format!("the tokenizer broke off: {error}"))
}
