//! A model that comes into memory when it is asked for, and may leave it when it is not.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{Stream, stream};
use local_engine::{
    EngineError, Estimate, Event, Generation, Health, Job, LocalEngine, Message, ModelInfo, Stays,
    Vitals,
};

use super::keeper::{Keeper, Lease, Shared};
use super::room::{Id, Place};

/// A model's place with its [`Keeper`]. Dropping it has the model unloaded once nothing runs there.
pub(super) struct Kept {
    id: Id,
    shared: Arc<Shared>,
    /// Works as long as somebody can ask.
    _keeper: Arc<Keeper>,
}

impl Kept {
    pub(super) const fn new(id: Id, shared: Arc<Shared>, keeper: Arc<Keeper>) -> Self {
        Self {
            id,
            shared,
            _keeper: keeper,
        }
    }

    pub(super) const fn id(&self) -> Id {
        self.id
    }

    fn place(&self) -> Place {
        let state = self.shared.state.lock();
        state
            .room
            .occupant(self.id)
            .map_or(Place::Out, |one| one.place)
    }

    /// The engine as it is, for a look that keeps nothing in memory.
    fn engine(&self) -> Option<Arc<dyn LocalEngine>> {
        let state = self.shared.state.lock();
        state.slots.get(&self.id)?.engine.clone()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.shared.retire(self.id);
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl LocalEngine for Kept {
    fn info(&self) -> Option<Arc<ModelInfo>> {
        let now = self.engine().and_then(|engine| engine.info());
        now.or_else(|| {
            let state = self.shared.state.lock();
            state.slots.get(&self.id)?.info.clone()
        })
    }

    fn health(&self) -> Health {
        if let Some(engine) = self.engine() {
            // Looked at before the engine, so that whoever is told that it is ready can use it.
            let comes = matches!(self.place(), Place::Loading { asked: true });
            let health = engine.health();
            return if comes && health == Health::Ready {
                Health::Loading
            } else {
                health
            };
        }
        let now = self.shared.now();
        let state = self.shared.state.lock();
        let trouble = (state.slots.get(&self.id)).and_then(|slot| slot.trouble(now));
        match trouble {
            Some(why) => Health::Down(why.to_owned()),
            None => Health::Unloaded,
        }
    }

    fn at_hand(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        let mut news = self.shared.news();
        Box::pin(async move {
            // The sender lives as long as `self`, so waiting does not fail.
            while !self.shared.want(self.id)? && news.changed().await.is_ok() {}
            Ok(())
        })
    }

    fn progress(&self) -> Option<String> {
        match self.place() {
            Place::Waiting => Some("it waits for room in the memory budget".to_owned()),
            Place::Going(cause) => Some(format!("it ends its last jobs ({})", cause.as_str())),
            _ => self.engine()?.progress(),
        }
    }

    fn count_tokens(&self, messages: Vec<Message>) -> BoxFuture<'_, Result<u32, EngineError>> {
        Box::pin(async move {
            let (_lease, engine) = self.shared.enter(self.id)?;
            engine.count_tokens(messages).await
        })
    }

    fn unread_tokens(&self, job: &Job) -> BoxFuture<'_, Result<u32, EngineError>> {
        let job = job.clone();
        Box::pin(async move {
            let (_lease, engine) = self.shared.enter(self.id)?;
            engine.unread_tokens(&job).await
        })
    }

    fn estimate(&self, prompt_tokens: u32) -> Estimate {
        self.engine()
            .map_or_else(Estimate::default, |engine| engine.estimate(prompt_tokens))
    }

    fn decode_time(&self, tokens: u32) -> Duration {
        self.engine()
            .map_or(Duration::ZERO, |engine| engine.decode_time(tokens))
    }

    fn vitals(&self) -> Vitals {
        let state = self.shared.state.lock();
        let (Some(slot), Some(one)) = (state.slots.get(&self.id), state.room.occupant(self.id))
        else {
            return Vitals::default();
        };
        Vitals {
            stays: Some(Stays {
                resident: one.resident,
                held: one.held(),
                expected: one.expected,
                ..slot.stays.clone()
            }),
            ..slot.vitals()
        }
    }

    fn generate(&self, job: Job) -> Generation {
        match self.shared.enter(self.id) {
            Ok((lease, engine)) => Box::pin(Leased {
                events: engine.generate(job),
                _lease: lease,
            }),
            Err(error) => Box::pin(stream::iter([Event::Failed(error)])),
        }
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Result<Vec<Vec<f32>>, EngineError>> {
        Box::pin(async move {
            let (_lease, engine) = self.shared.enter(self.id)?;
            engine.embed(texts).await
        })
    }
}

/// A generation whose model stays until its end.
struct Leased {
    events: Generation,
    /// After the generation, so that nothing runs there when it is gone.
    _lease: Lease,
}

impl Stream for Leased {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.events.as_mut().poll_next(context)
    }
}
