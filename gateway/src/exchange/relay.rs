//! The body of a streamed answer: `Held → Sending` (local or stored), `Held → Drafting → Sending` (local, committed before its
//! end) or `Held → Relaying` (upstream).
//!
//! Nothing of a draft is sent before it is accepted, and after the first event the source does not change. A stream
//! that breaks ends with an error event and without `[DONE]`. Dropping the body at any stage settles the account.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::Value;
use tokio::time::timeout;

use super::Exchange;
use super::committed::Drafting;
use super::decide::{Content, Decided, Told};
use super::deliver::Deciding;
use super::leaves::Leaves;
use crate::fault::{Fault, FaultKind};
use crate::learning::{Collected, Said};
use crate::ledger::{AttemptEnd, AttemptGuard, AttemptOutcome, Settlement, Usage};
use crate::openai::{Chunks, DONE, chunks_of, comment, encode, error_body, replayed};
use crate::server::Body;
use crate::upstream::{UpstreamStream, usage_of, with_usage_hidden};

/// Where a streamed answer stands.
pub(super) enum Stage {
    /// Nobody answers yet.
    Held {
        deciding: Deciding,
        keep_alive: Duration,
    },
    /// Events of the gateway's own making.
    Sending {
        exchange: Box<Exchange>,
        told: Told,
        chunks: Chunks,
        first_byte: Duration,
        leaves: Leaves,
        said: Option<Said>,
    },
    /// Events of a draft that is being made.
    Drafting(Box<Drafting>),
    /// Events of an upstream.
    Relaying(Box<Relay>),
    /// One last event, then the end.
    Last(Bytes),
    /// The end.
    Over,
}

/// An upstream's stream on its way to the client.
pub(super) struct Relay {
    exchange: Exchange,
    told: Told,
    stream: Box<UpstreamStream>,
    attempt: AttemptGuard,
    usage: Option<Usage>,
    first_byte: Option<Duration>,
    /// Bytes of prompt and of answer text passed on, to estimate usage if the upstream never tells it.
    prompt_bytes: u64,
    text_bytes: u64,
    leaves: Leaves,
    /// The answer so far, where something can be learnt from it.
    collected: Option<Collected>,
}

/// The stage after a decision.
pub(super) fn begin(exchange: Exchange, decided: Decided) -> Stage {
    let Decided {
        told,
        content,
        leaves,
    } = decided;
    let include_usage = exchange.request.include_usage;
    let mut said = None;
    let chunks = match content {
        Content::Draft(answer) => chunks_of(&answer, include_usage),
        Content::Committed(committed) => {
            return Stage::Drafting(Box::new(Drafting::new(exchange, told, *committed)));
        }
        Content::Stored(stored) => replayed(&stored.body, include_usage),
        // An upstream that ignores `stream` still gives a stream to a client that asked for one.
        Content::Whole(reply) => {
            said = leaves.read(&reply);
            replayed(&reply.body, include_usage)
        }
        Content::Stream(stream, attempt) => {
            let relay = Relay::new(exchange, told, stream, attempt);
            return Stage::Relaying(Box::new(relay.leaving(leaves)));
        }
    };
    let first_byte = exchange.account.elapsed();
    Stage::Sending {
        exchange: Box::new(exchange),
        told,
        chunks,
        first_byte,
        leaves,
        said,
    }
}

/// The response body that plays the stages.
pub(super) fn body(stage: Stage) -> Body {
    let frames = stream::unfold(stage, |stage| async move {
        let (bytes, next) = step(stage).await?;
        Some((Ok::<_, Infallible>(Frame::data(bytes)), next))
    });
    StreamBody::new(frames).boxed_unsync()
}

async fn step(stage: Stage) -> Option<(Bytes, Stage)> {
    match stage {
        Stage::Held {
            deciding,
            keep_alive,
        } => Some(hold(deciding, keep_alive).await),
        Stage::Sending {
            exchange,
            told,
            mut chunks,
            first_byte,
            leaves,
            said,
        } => {
            let bytes = chunks.next()?;
            if chunks.len() == 0 {
                exchange
                    .complete(&told, Some(first_byte), leaves, said)
                    .await;
                return Some((bytes, Stage::Over));
            }
            Some((
                bytes,
                Stage::Sending {
                    exchange,
                    told,
                    chunks,
                    first_byte,
                    leaves,
                    said,
                },
            ))
        }
        Stage::Drafting(drafting) => Some(drafting.next().await),
        Stage::Relaying(relay) => Some(relay.next().await),
        Stage::Last(bytes) => Some((bytes, Stage::Over)),
        Stage::Over => None,
    }
}

async fn hold(mut deciding: Deciding, keep_alive: Duration) -> (Bytes, Stage) {
    match timeout(keep_alive, &mut deciding).await {
        Err(_) => (
            comment("waiting"),
            Stage::Held {
                deciding,
                keep_alive,
            },
        ),
        Ok((exchange, Ok(decided))) => {
            // The headers went out undecided, so the decision is told here.
            let told = &decided.told;
            let line = format!("smallfirst source={} reason={}", told.source, told.reason);
            (comment(&line), begin(exchange, decided))
        }
        Ok((exchange, Err(fault))) => {
            exchange.break_off(&fault).await;
            (error_event(&fault), Stage::Over)
        }
    }
}

impl Relay {
    fn new(
        exchange: Exchange,
        told: Told,
        stream: Box<UpstreamStream>,
        attempt: AttemptGuard,
    ) -> Self {
        let prompt: usize = exchange
            .request
            .messages()
            .iter()
            .map(|m| m.content.len())
            .sum();
        Self {
            exchange,
            told,
            stream,
            attempt,
            usage: None,
            first_byte: None,
            prompt_bytes: u64::try_from(prompt).unwrap_or(u64::MAX),
            text_bytes: 0,
            leaves: Leaves::Nothing,
            collected: None,
        }
    }

    fn leaving(self, leaves: Leaves) -> Self {
        Self {
            collected: leaves.collector(),
            leaves,
            ..self
        }
    }

    /// The next event for the client.
    async fn next(mut self: Box<Self>) -> (Bytes, Stage) {
        loop {
            match self.stream.next_event().await {
                Err(fault) => return self.cut(&fault).await,
                Ok(None) => {
                    let fault = self.stream.cut_off();
                    return self.cut(&fault).await;
                }
                Ok(Some(event)) if event.data == DONE => return self.done().await,
                Ok(Some(event)) => {
                    let Ok(chunk) = serde_json::from_str::<Value>(&event.data) else {
                        let text = "the upstream streamed something that is not JSON";
                        return self.cut(&Fault::new(FaultKind::UpstreamBroken, text)).await;
                    };
                    if let Some(error) = chunk.get("error").filter(|e| e.is_object()) {
                        let text = "the upstream ended its stream with an error";
                        let fault =
                            Fault::new(FaultKind::UpstreamBroken, text).passing_on(error.clone());
                        return self.cut(&fault).await;
                    }
                    if let Some(bytes) = self.pass(chunk, &event.data) {
                        return (bytes, Stage::Relaying(self));
                    }
                }
            }
        }
    }

    /// What the client sees of a chunk; `None` for the usage chunk it did not ask for.
    fn pass(&mut self, chunk: Value, raw: &str) -> Option<Bytes> {
        if let Some(usage) = usage_of(&chunk) {
            self.usage = Some(usage);
        }
        self.text_bytes += delta_bytes(&chunk);
        if let Some(collected) = &mut self.collected {
            collected.push(&chunk);
        }
        self.attempt
            .observe(self.usage.unwrap_or_else(|| self.estimated()));
        if self.first_byte.is_none() {
            self.first_byte = Some(self.exchange.account.elapsed());
        }
        if self.exchange.request.include_usage {
            return Some(encode(raw));
        }
        with_usage_hidden(chunk).map(|chunk| encode(&chunk.to_string()))
    }

    async fn done(self: Box<Self>) -> (Bytes, Stage) {
        let end = self.attempt_end(AttemptOutcome::Answered, None);
        let Self {
            exchange,
            told,
            attempt,
            first_byte,
            leaves,
            collected,
            ..
        } = *self;
        attempt.finish(end).await;
        let said = collected.and_then(Collected::finish);
        exchange.complete(&told, first_byte, leaves, said).await;
        (encode(DONE), Stage::Over)
    }

    async fn cut(self: Box<Self>, fault: &Fault) -> (Bytes, Stage) {
        let end = self.attempt_end(AttemptOutcome::Failed, Some(fault.kind().code()));
        let Self {
            exchange, attempt, ..
        } = *self;
        attempt.finish(end).await;
        exchange.break_off(fault).await;
        // An empty line first: what came before may have broken off within an event.
        (comment("cut"), Stage::Last(error_event(fault)))
    }

    fn attempt_end(&self, outcome: AttemptOutcome, error_kind: Option<&'static str>) -> AttemptEnd {
        AttemptEnd {
            outcome,
            usage: self.usage.unwrap_or_else(|| self.estimated()),
            usage_complete: self.usage.is_some(),
            busy: Duration::ZERO,
            error_kind,
        }
    }

    /// Four bytes a token is the usual ratio for English; rows that rest on it say that they are incomplete.
    fn estimated(&self) -> Usage {
        let (input, output) = (self.prompt_bytes.div_ceil(4), self.text_bytes.div_ceil(4));
        Usage {
            input,
            output,
            ..Usage::default()
        }
    }
}

impl Exchange {
    /// Books and logs an answer that broke after the status was out.
    pub(super) async fn break_off(self, fault: &Fault) {
        let (id, code) = (self.id, fault.kind().code());
        tracing::warn!(request_id = %id, code, blame = fault.kind().blame().as_str(), "stream broke off");
        self.account.settle(Settlement::failed(200, code)).await;
    }
}

pub(super) fn error_event(fault: &Fault) -> Bytes {
    encode(&error_body(fault).to_string())
}

fn delta_bytes(chunk: &Value) -> u64 {
    let choices = chunk
        .get("choices")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let text = choices.filter_map(|c| c.pointer("/delta/content")?.as_str());
    text.map(|t| u64::try_from(t.len()).unwrap_or(0)).sum()
}
