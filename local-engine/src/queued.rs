//! A bounded queue in front of an engine that turns jobs away before they wait in vain.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::engine::{Estimate, Event, Generation, Health, LocalEngine, ModelInfo};
use crate::error::EngineError;
use crate::job::{Job, Message};
use crate::rates::Rates;
use crate::relay::{self, Relay};
use crate::slots::{Place, Slot, Slots};

/// How many jobs compute and wait, and what is assumed before anything has been measured.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueSettings {
    /// Jobs that compute at the same time. 1 suits an engine that works through one job at a time.
    pub slots: NonZeroU32,
    /// Jobs that may wait for a slot.
    pub waiting: u32,
    /// Prompt tokens per second to assume at first; `None` assumes that reading a prompt takes no time.
    pub prefill_rate: Option<f64>,
    /// Time per job to assume at first; `None` assumes none.
    pub job_time: Option<Duration>,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            slots: NonZeroU32::MIN,
            waiting: 16,
            prefill_rate: None,
            job_time: None,
        }
    }
}

/// An engine with a queue in front of it.
///
/// A job whose predicted time to first token passes its `first_token_within`, or that finds the queue
/// full, fails at once with [`EngineError::Busy`]; one that waits longer than it may, as soon as that
/// is certain. Answers are read from the inner engine as fast as it gives them, so a slow reader keeps
/// no slot.
#[derive(Debug)]
pub struct Queued {
    queue: Arc<Queue>,
}

impl Queued {
    /// Puts a queue in front of `engine`.
    #[must_use]
    pub fn new(engine: Arc<dyn LocalEngine>, settings: &QueueSettings) -> Self {
        let rates = Rates::starting_at(settings.prefill_rate, settings.job_time);
        let slots = Slots::new(settings.slots, settings.waiting);
        Self {
            queue: Arc::new(Queue {
                engine,
                slots,
                rates: Mutex::new(rates),
            }),
        }
    }

    /// Jobs that compute or wait now.
    #[must_use]
    pub fn present(&self) -> u32 {
        self.queue.slots.present()
    }
}

impl LocalEngine for Queued {
    fn info(&self) -> Option<Arc<ModelInfo>> {
        self.queue.engine.info()
    }

    fn health(&self) -> Health {
        self.queue.engine.health()
    }

    fn count_tokens(&self, messages: Vec<Message>) -> BoxFuture<'_, Result<u32, EngineError>> {
        self.queue.engine.count_tokens(messages)
    }

    fn estimate(&self, prompt_tokens: u32) -> Estimate {
        let slots = &self.queue.slots;
        self.queue
            .predict(slots.turns_behind(slots.present()), prompt_tokens)
    }

    fn generate(&self, job: Job) -> Generation {
        let place = self.queue.slots.join();
        let queue = Arc::clone(&self.queue);
        Box::pin(async move { queue.start(job, place).await }.flatten_stream())
    }
}

#[derive(Debug)]
struct Queue {
    engine: Arc<dyn LocalEngine>,
    slots: Arc<Slots>,
    rates: Mutex<Rates>,
}

impl Queue {
    async fn start(self: Arc<Self>, job: Job, place: Option<Place>) -> Generation {
        match self.wait(&job, place).await {
            Ok(slot) => self.run(job, slot),
            Err(error) => relay::failed(error),
        }
    }

    async fn wait(&self, job: &Job, place: Option<Place>) -> Result<Slot, EngineError> {
        let Some(place) = place else {
            let turns = self.slots.turns_behind(self.slots.present());
            return Err(busy(self.predict(turns, 0).time_to_first_token()));
        };
        let slot = match job.first_token_within {
            None => place.slot().await,
            Some(limit) => self.wait_within(limit, job, place).await?,
        };
        slot.ok_or_else(|| EngineError::Internal("the queue is closed".to_owned()))
    }

    /// Waits only where the first token can still come in time.
    async fn wait_within(
        &self,
        limit: Duration,
        job: &Job,
        place: Place,
    ) -> Result<Option<Slot>, EngineError> {
        let arrived = Instant::now();
        let counting = self.engine.count_tokens(job.messages.clone());
        let tokens = timeout(limit, counting).await.map_err(|_| busy(limit))??;
        let predicted = self.predict(place.turns(), tokens);
        let total = predicted.time_to_first_token();
        if total > limit {
            return Err(busy(total));
        }
        let patience = limit
            .saturating_sub(predicted.prefill)
            .saturating_sub(arrived.elapsed());
        let late = |_| busy(arrived.elapsed() + predicted.prefill);
        timeout(patience, place.slot()).await.map_err(late)
    }

    fn run(self: Arc<Self>, job: Job, slot: Slot) -> Generation {
        let (sender, events) = relay::channel(job.max_tokens);
        // The task ends with the receiver, so nothing has to hold or abort it.
        tokio::spawn(self.pump(job, slot, sender));
        Box::pin(Relay::new(events, ()))
    }

    async fn pump(self: Arc<Self>, job: Job, slot: Slot, sender: mpsc::Sender<Event>) {
        let began = Instant::now();
        let mut inner = self.engine.generate(job);
        let last = loop {
            let event = tokio::select! {
                () = sender.closed() => break None,
                event = inner.next() => event,
            };
            match event {
                Some(event) if !event.is_terminal() => {
                    self.learn(&event);
                    if sender.send(event).await.is_err() {
                        break None;
                    }
                }
                ended => break ended,
            }
        };
        drop(inner);
        self.rates.lock().job_took(began.elapsed());
        // The slot first: whoever reads the end may come back with the next job at once.
        drop(slot);
        if let Some(event) = last {
            // The reader may be gone, and then nobody misses the end.
            let _ = sender.send(event).await;
        }
    }

    fn learn(&self, event: &Event) {
        if let Event::Prefilled {
            prompt_tokens,
            took,
        } = event
        {
            self.rates.lock().prefilled(*prompt_tokens, *took);
        }
    }

    fn predict(&self, turns: u32, prompt_tokens: u32) -> Estimate {
        let rates = *self.rates.lock();
        let prefill = rates
            .prefill(prompt_tokens)
            .unwrap_or_else(|| self.engine.estimate(prompt_tokens).prefill);
        Estimate {
            queue: rates.queue(turns, self.slots.size()),
            prefill,
        }
    }
}

fn busy(predicted: Duration) -> EngineError {
    EngineError::Busy { predicted }
}

#[cfg(test)]
#[cfg(feature = "stopped-clock")]
mod tests;
