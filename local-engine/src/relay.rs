//! The consumer's end of a running generation, shared by every engine that computes elsewhere.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::mpsc;

use crate::engine::{Event, Generation};
use crate::error::EngineError;

/// Room beside the tokens: the prefill, the terminal event, and one in hand.
const BESIDE_TOKENS: usize = 8;

/// Events of one generation; adds the terminal event when the producer vanishes without one.
///
/// The guard is dropped at the terminal event or together with the stream, whichever is first.
#[derive(Debug)]
pub(crate) struct Relay<G> {
    events: mpsc::Receiver<Event>,
    guard: Option<G>,
    ended: bool,
}

impl<G: Unpin> Relay<G> {
    pub(crate) fn new(events: mpsc::Receiver<Event>, guard: G) -> Self {
        Self {
            events,
            guard: Some(guard),
            ended: false,
        }
    }
}

impl<G: Unpin> Stream for Relay<G> {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let Poll::Ready(event) = self.events.poll_recv(context) else {
            return Poll::Pending;
        };
        let event = event.unwrap_or_else(|| {
            Event::Failed(EngineError::Died("it ended without a word".to_owned()))
        });
        if event.is_terminal() {
            self.ended = true;
            self.guard = None;
        }
        Poll::Ready(Some(event))
    }
}

/// A channel that holds the whole answer, so that a slow reader never stalls the engine.
pub(crate) fn channel(max_tokens: u32) -> (mpsc::Sender<Event>, mpsc::Receiver<Event>) {
    let tokens = usize::try_from(max_tokens).unwrap_or(usize::MAX);
    // tokio allocates the buffer as it fills; the cap only keeps the number within its limit.
    mpsc::channel(tokens.min(1 << 20) + BESIDE_TOKENS)
}

/// A generation that fails at once.
pub(crate) fn failed(error: EngineError) -> Generation {
    Box::pin(futures_util::stream::iter([Event::Failed(error)]))
}
