//! A streamed answer of an upstream: events with a bound on silence.

use std::time::Duration;

use reqwest::Response;
use tokio::time::timeout;

use crate::fault::{Fault, FaultKind, Retry};
use crate::openai::{Event, SseDecoder};

/// Longest single event, in bytes.
const EVENT_LIMIT: usize = 16 << 20;

/// Events of a streamed answer. Dropping it closes the connection, which stops the upstream's work.
#[derive(Debug)]
pub struct UpstreamStream {
    name: String,
    response: Response,
    decoder: SseDecoder,
    idle: Duration,
}

impl UpstreamStream {
    pub(super) fn new(name: &str, response: Response, idle: Duration) -> Self {
        Self {
            name: name.to_owned(),
            response,
            decoder: SseDecoder::new(EVENT_LIMIT),
            idle,
        }
    }

    /// The next event; `None` at the end of the body.
    ///
    /// # Errors
    /// [`FaultKind::UpstreamTimeout`] after too long a silence, [`FaultKind::UpstreamBroken`] when it breaks off.
    pub async fn next_event(&mut self) -> Result<Option<Event>, Fault> {
        loop {
            let event = self
                .decoder
                .next_event()
                .map_err(|e| self.broken(&e.to_string()))?;
            if event.is_some() {
                return Ok(event);
            }
            match timeout(self.idle, self.response.chunk()).await {
                Err(_) => return Err(self.silent()),
                Ok(Err(e)) if e.is_timeout() => return Err(self.silent()),
                Ok(Err(_)) => return Err(self.broken("the connection broke off")),
                Ok(Ok(None)) => return Ok(None),
                Ok(Ok(Some(bytes))) => self.decoder.feed(&bytes),
            }
        }
    }

    /// The fault of a stream that ended without its closing event.
    #[must_use]
    pub fn cut_off(&self) -> Fault {
        self.broken("it ended without `[DONE]`")
    }

    fn silent(&self) -> Fault {
        let text = format!("the stream of the upstream `{}` fell silent", self.name);
        Fault::new(FaultKind::UpstreamTimeout, text).retry(Retry::Now)
    }

    fn broken(&self, why: &str) -> Fault {
        let text = format!("the stream of the upstream `{}` broke: {why}", self.name);
        Fault::new(FaultKind::UpstreamBroken, text)
    }
}
