//! An engine that waits for its test.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{FutureExt, StreamExt};
use local_engine::scripted::Scripted;
use local_engine::{
    EngineError, Estimate, Event, Generation, Health, Job, LocalEngine, Message, ModelInfo,
};
use tokio::sync::Semaphore;

use crate::wait::eventually;

/// A scripted engine behind a gate: each job waits until the test [releases](Self::release) one.
#[derive(Debug)]
pub struct Gated {
    inner: Arc<Scripted>,
    /// Tokens that come through by themselves; `None`: not even the job does.
    free: Option<usize>,
    gate: Arc<Semaphore>,
    arrived: Arc<AtomicUsize>,
    waiting: Arc<AtomicUsize>,
}

/// A job in front of the gate.
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(count))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Gated {
    /// Puts a closed gate in front of `inner`.
    #[must_use]
    pub fn new(inner: Scripted) -> Arc<Self> {
        Self::at(inner, None)
    }

    /// Puts a gate behind the first `tokens` tokens of each job; the rest waits for the test.
    #[must_use]
    pub fn after(tokens: usize, inner: Scripted) -> Arc<Self> {
        Self::at(inner, Some(tokens))
    }

    fn at(inner: Scripted, free: Option<usize>) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::new(inner),
            free,
            gate: Arc::new(Semaphore::new(0)),
            arrived: Arc::default(),
            waiting: Arc::default(),
        })
    }

    /// Waits until `arrived` jobs have come in all, of which `waiting` are in front of the gate.
    pub async fn until(&self, arrived: usize, waiting: usize) {
        let count = |count: &AtomicUsize| count.load(Ordering::Acquire);
        eventually(&format!("{waiting} of {arrived} jobs at the gate"), || {
            (count(&self.arrived), count(&self.waiting)) == (arrived, waiting)
        })
        .await;
    }

    /// Lets one job through.
    pub fn release(&self) {
        self.gate.add_permits(1);
    }
}

impl LocalEngine for Gated {
    fn info(&self) -> Option<Arc<ModelInfo>> {
        self.inner.info()
    }

    fn health(&self) -> Health {
        self.inner.health()
    }

    fn count_tokens(
        &self,
        messages: Vec<Message>,
    ) -> futures_util::future::BoxFuture<'_, Result<u32, EngineError>> {
        self.inner.count_tokens(messages)
    }

    fn estimate(&self, prompt_tokens: u32) -> Estimate {
        self.inner.estimate(prompt_tokens)
    }

    fn generate(&self, job: Job) -> Generation {
        let (gate, inner) = (Arc::clone(&self.gate), Arc::clone(&self.inner));
        self.arrived.fetch_add(1, Ordering::AcqRel);
        if let Some(free) = self.free {
            return behind(gate, inner.generate(job), free);
        }
        let waiting = Waiting::new(&self.waiting);
        let opened = async move {
            let _until_let_through = waiting;
            match gate.acquire().await {
                Ok(permit) => {
                    permit.forget();
                    inner.generate(job)
                }
                Err(_) => futures_util::stream::iter([closed()]).boxed(),
            }
        };
        opened.flatten_stream().boxed()
    }
}

fn closed() -> Event {
    Event::Failed(EngineError::Internal("the gate is gone".to_owned()))
}

/// A generation that waits at the gate after its first `free` tokens.
fn behind(gate: Arc<Semaphore>, generation: Generation, free: usize) -> Generation {
    // What was prefilled comes before the tokens.
    let held = generation.enumerate().then(move |(place, event)| {
        let gate = Arc::clone(&gate);
        async move {
            if place == free + 1
                && let Ok(permit) = gate.acquire().await
            {
                permit.forget();
            }
            event
        }
    });
    held.boxed()
}
