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
use crate::relay::{self, Relay};
use crate::slots::{Place, Slot, Slots};
use crate::vitals::Vitals;

mod outlook;

use outlook::{Arrival, Course, Outlook};

/// How many jobs compute and wait, and what is assumed before anything has been measured.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueSettings {
    /// Jobs that compute at the same time. 1 suits an engine that works through one job at a time.
    pub slots: NonZeroU32,
    /// Jobs that may wait for a slot.
    pub waiting: u32,
    /// Prompt tokens per second to assume at first; `None` asks the engine, which may have warmed up.
    pub prefill_rate: Option<f64>,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            slots: NonZeroU32::MIN,
            waiting: 16,
            prefill_rate: None,
        }
    }
}

/// An engine with a queue in front of it.
///
/// A job whose predicted time to first token passes its `first_token_within`, or that finds the queue
/// full, fails at once with [`EngineError::Busy`]; one that waits longer than it may, as soon as that
/// is certain. Predicted is the time that the jobs in front will still take, each by the length of its prompt and of the
/// answers of its kind, and the prompt of the job itself. Answers are read from the inner engine as fast as it gives them, so a slow reader keeps
/// no slot.
#[derive(Debug)]
pub struct Queued {
    queue: Arc<Queue>,
}

impl Queued {
    /// Puts a queue in front of `engine`.
    #[must_use]
    pub fn new(engine: Arc<dyn LocalEngine>, settings: &QueueSettings) -> Self {
        let slots = Slots::new(settings.slots, settings.waiting);
        let outlook = Outlook::starting_at(settings.prefill_rate);
        Self {
            queue: Arc::new(Queue {
                engine,
                slots,
                outlook: Mutex::new(outlook),
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

    fn at_hand(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        self.queue.engine.at_hand()
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        self.queue.engine.stop()
    }

    fn count_tokens(&self, messages: Vec<Message>) -> BoxFuture<'_, Result<u32, EngineError>> {
        self.queue.engine.count_tokens(messages)
    }

    fn unread_tokens(&self, job: &Job) -> BoxFuture<'_, Result<u32, EngineError>> {
        self.queue.engine.unread_tokens(job)
    }

    fn estimate(&self, prompt_tokens: u32) -> Estimate {
        let outlook = self.queue.outlook.lock();
        Estimate {
            queue: outlook.wait(self.queue.slots.size()),
            prefill: outlook.prefill(prompt_tokens, &*self.queue.engine),
        }
    }

    fn decode_time(&self, tokens: u32) -> Duration {
        self.queue.engine.decode_time(tokens)
    }

    fn vitals(&self) -> Vitals {
        Vitals {
            present: self.present(),
            first_tokens: self.queue.outlook.lock().first_tokens(),
            ..self.queue.engine.vitals()
        }
    }

    fn generate(&self, job: Job) -> Generation {
        let place = self.queue.slots.join();
        let queue = Arc::clone(&self.queue);
        let entered = place.map(|place| Entered {
            arrival: queue
                .outlook
                .lock()
                .enter(&job, queue.slots.size(), &*queue.engine),
            queue: Arc::clone(&queue),
            place: Some(place),
        });
        Box::pin(async move { queue.start(job, entered).await }.flatten_stream())
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Result<Vec<Vec<f32>>, EngineError>> {
        Box::pin(async move {
            let place = self.queue.slots.join();
            let full = || busy(self.queue.outlook.lock().wait(self.queue.slots.size()));
            let closed = || EngineError::Internal("the queue is closed".to_owned());
            let _slot = place.ok_or_else(full)?.slot().await.ok_or_else(closed)?;
            self.queue.engine.embed(texts).await
        })
    }
}

#[derive(Debug)]
struct Queue {
    engine: Arc<dyn LocalEngine>,
    slots: Arc<Slots>,
    outlook: Mutex<Outlook>,
}

/// A job in the queue or on a slot; dropping it takes it out of the outlook.
#[derive(Debug)]
struct Entered {
    arrival: Arrival,
    queue: Arc<Queue>,
    place: Option<Place>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.queue.outlook.lock().left(self.arrival.id);
    }
}

impl Entered {
    async fn slot(&mut self) -> Option<Slot> {
        self.place.take()?.slot().await
    }
}

impl Queue {
    async fn start(self: Arc<Self>, job: Job, entered: Option<Entered>) -> Generation {
        match self.wait(&job, entered).await {
            Ok((entered, slot)) => self.run(job, entered, slot),
            Err(error) => relay::failed(error),
        }
    }

    async fn wait(
        &self,
        job: &Job,
        entered: Option<Entered>,
    ) -> Result<(Entered, Slot), EngineError> {
        let Some(mut entered) = entered else {
            return Err(busy(self.outlook.lock().wait(self.slots.size())));
        };
        let slot = match job.first_token_within {
            None => entered.slot().await,
            Some(limit) => self.wait_within(limit, job, &mut entered).await?,
        };
        let closed = || EngineError::Internal("the queue is closed".to_owned());
        slot.map(|slot| (entered, slot)).ok_or_else(closed)
    }

    /// Waits only where the first token can still come in time.
    async fn wait_within(
        &self,
        limit: Duration,
        job: &Job,
        entered: &mut Entered,
    ) -> Result<Option<Slot>, EngineError> {
        let arrived = Instant::now();
        let counting = self.engine.unread_tokens(job);
        let tokens = timeout(limit, counting).await.map_err(|_| busy(limit))??;
        self.outlook
            .lock()
            .counted(&mut entered.arrival, tokens, &*self.engine);
        let predicted = entered.arrival.estimate;
        let total = predicted.time_to_first_token();
        if total > limit {
            return Err(busy(total));
        }
        let patience = limit
            .saturating_sub(predicted.prefill)
            .saturating_sub(arrived.elapsed());
        let late = |_| busy(arrived.elapsed() + predicted.prefill);
        timeout(patience, entered.slot()).await.map_err(late)
    }

    fn run(self: Arc<Self>, job: Job, entered: Entered, slot: Slot) -> Generation {
        let (sender, events) = relay::channel(job.max_tokens);
        // The task ends with the receiver, so nothing has to hold or abort it.
        tokio::spawn(self.pump(job, (entered, slot), sender));
        Box::pin(Relay::new(events, ()))
    }

    async fn pump(
        self: Arc<Self>,
        job: Job,
        (entered, slot): (Entered, Slot),
        sender: mpsc::Sender<Event>,
    ) {
        let mut course = Course::beginning();
        self.outlook.lock().began(entered.arrival.id);
        let mut inner = self.engine.generate(job);
        let last = loop {
            let event = tokio::select! {
                () = sender.closed() => break None,
                event = inner.next() => event,
            };
            match event {
                Some(event) if !event.is_terminal() => {
                    course.note(&event);
                    if sender.send(event).await.is_err() {
                        break None;
                    }
                }
                ended => break ended,
            }
        };
        drop(inner);
        self.outlook.lock().learn(&entered.arrival, course);
        // The slot first: whoever reads the end may come back with the next job at once.
        drop((entered, slot));
        if let Some(event) = last {
            // The reader may be gone, and then nobody misses the end.
            let _ = sender.send(event).await;
        }
    }
}

fn busy(predicted: Duration) -> EngineError {
    EngineError::Busy { predicted }
}

#[cfg(test)]
#[cfg(feature = "stopped-clock")]
mod tests;
