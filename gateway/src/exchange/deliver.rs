//! Getting a decided answer to the client, whole or as a stream, and settling the account.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response};
use tokio::time::timeout;

use super::Exchange;
use super::decide::{Content, Decided, Told};
use super::leaves::Leaves;
use super::relay::{self, Stage};
use crate::egress::PinnedBy;
use crate::fault::{Fault, FaultKind};
use crate::learning::Said;
use crate::ledger::{Account, Settlement};
use crate::openai::completion_of;
use crate::server::{Body, full};

/// A decision on its way, holding the exchange until it is made.
pub(super) type Deciding = BoxFuture<'static, (Exchange, Result<Decided, Fault>)>;

/// Answers a request that wants one JSON object.
///
/// # Errors
/// The fault, booked.
pub(super) async fn whole(exchange: Exchange) -> Result<Response<Body>, Fault> {
    let decided = match exchange.decide().await {
        Ok(decided) => decided,
        Err(fault) => return Err(exchange.fail(fault).await),
    };
    let (bytes, said) = match decided.content {
        Content::Draft(answer) => (completion_of(&answer).to_string().into(), None),
        Content::Stored(stored) => (Bytes::from(stored.body.to_string()), None),
        Content::Whole(reply) => (reply.bytes.clone(), decided.leaves.read(&reply)),
        // Only what is streamed is committed before its end.
        Content::Committed(_) | Content::Stream(..) => {
            let fault = Fault::new(FaultKind::UpstreamBroken, "a stream that nobody asked for");
            return Err(exchange.fail(fault).await);
        }
    };
    let mut response = Response::new(full(bytes));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    exchange.tell(response.headers_mut(), Some(&decided.told));
    exchange
        .complete(&decided.told, None, decided.leaves, said)
        .await;
    Ok(response)
}

/// Answers a request that wants server-sent events.
///
/// The headers wait for the decision, so that they can tell it, but not longer than the keep-alive interval: then
/// they go out saying `held`, comments follow as sign of life, and the decision is told in a comment.
///
/// # Errors
/// The fault, booked, if it happens before the headers are out.
pub(super) async fn streamed(exchange: Exchange) -> Result<Response<Body>, Fault> {
    let keep_alive = exchange.snapshot.config().limits.keep_alive;
    let mut headers = HeaderMap::new();
    exchange.tell(&mut headers, None);
    let mut deciding: Deciding = Box::pin(async move {
        let decided = exchange.decide().await;
        (exchange, decided)
    });
    let stage = match timeout(keep_alive, &mut deciding).await {
        Err(_) => Stage::Held {
            deciding,
            keep_alive,
        },
        Ok((exchange, Err(fault))) => return Err(exchange.fail(fault).await),
        Ok((exchange, Ok(decided))) => {
            exchange.tell(&mut headers, Some(&decided.told));
            relay::begin(exchange, decided)
        }
    };
    let mut response = Response::new(relay::body(stage));
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    *response.headers_mut() = headers;
    Ok(response)
}

impl Exchange {
    /// Says in headers who answers and why; `None` while that is open.
    fn tell(&self, headers: &mut HeaderMap, told: Option<&Told>) {
        let mut put = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        put("x-smallfirst-route", &self.route.id());
        put(
            "x-smallfirst-source",
            told.map_or("held", |t| t.source.as_str()),
        );
        if let Some(by) = self.clearance.pinned() {
            put("x-smallfirst-pinned", &by.word());
        }
        if let Some(told) = told {
            put("x-smallfirst-reason", told.reason);
            if let Some(confidence) = told.confidence {
                put("x-smallfirst-confidence", &format!("{confidence:.4}"));
            }
        }
    }

    /// Books a complete answer, logs it, and hands over what can be learnt from it; `said` is what the upstream said.
    pub(super) async fn complete(
        self,
        told: &Told,
        first_byte: Option<Duration>,
        leaves: Leaves,
        said: Option<Said>,
    ) {
        let settlement = told.settlement(Settlement::completed(told.source, 200));
        let settlement = Settlement {
            first_byte,
            ..settlement
        };
        let (id, route) = (self.id, self.route.id().into_owned());
        let pinned = self.clearance.pinned().map(PinnedBy::word);
        let (account, rest) = self.part();
        let receipt = account.settle(settlement).await;
        let latency_ms = u64::try_from(receipt.latency.as_millis()).unwrap_or(u64::MAX);
        let (source, reason) = (told.source.as_str(), told.reason);
        let pinned = pinned.as_deref();
        tracing::info!(request_id = %id, route, source, reason, pinned, latency_ms, "answered");
        leaves.hand_over(rest, receipt, said);
    }

    /// Books a failure before any byte was sent; the server logs and renders the fault.
    async fn fail(self, fault: Fault) -> Fault {
        failed(self.account, fault).await
    }
}

/// Books a failure of an exchange that has no more than its account.
pub(super) async fn failed(account: Account, fault: Fault) -> Fault {
    let status = fault.kind().status().as_u16();
    account
        .settle(Settlement::failed(status, fault.kind().code()))
        .await;
    fault
}
