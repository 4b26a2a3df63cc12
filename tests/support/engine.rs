//! An engine that waits for its test.

use std::sync::Arc;

use futures_util::{FutureExt, StreamExt};
use local_engine::scripted::Scripted;
use local_engine::{
    EngineError, Estimate, Event, Generation, Health, Job, LocalEngine, Message, ModelInfo,
};
use tokio::sync::Semaphore;

/// A scripted engine behind a gate: each job waits until the test [releases](Self::release) one.
#[derive(Debug)]
pub struct Gated {
    inner: Arc<Scripted>,
    gate: Arc<Semaphore>,
}

impl Gated {
    /// Puts a closed gate in front of `inner`.
    #[must_use]
    pub fn new(inner: Scripted) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::new(inner),
            gate: Arc::new(Semaphore::new(0)),
        })
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
        let opened = async move {
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
