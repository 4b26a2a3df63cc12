//! Bodies in and out.

use std::convert::Infallible;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use crate::fault::{Fault, FaultKind};

/// A response body.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A complete body.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed_unsync()
}

/// Bytes of an oversized body that are read and thrown away before the refusal. A client that is still writing when
/// the connection closes sees a reset instead of the answer.
const DISCARD_LIMIT: usize = 64 << 20;

/// Reads a request body of at most `limit` bytes within `patience`.
///
/// # Errors
/// [`FaultKind::BodyTooLarge`], [`FaultKind::BodyTimeout`], or [`FaultKind::InvalidRequest`] when it breaks off.
pub(crate) async fn read_limited(
    headers: &HeaderMap,
    mut body: Incoming,
    limit: usize,
    patience: Duration,
) -> Result<Bytes, Fault> {
    let deadline = Instant::now() + patience;
    let mut bytes = BytesMut::with_capacity(announced(headers).unwrap_or(0).min(limit));
    let mut seen = 0_usize;
    loop {
        let frame = timeout_at(deadline, body.frame())
            .await
            .map_err(|_| too_slow(seen, limit))?;
        let Some(frame) = frame else { break };
        let frame = frame
            .map_err(|_| Fault::new(FaultKind::InvalidRequest, "the request body broke off"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        seen = seen.saturating_add(data.len());
        if seen <= limit {
            bytes.extend_from_slice(&data);
        } else if seen > DISCARD_LIMIT {
            break;
        }
    }
    if seen > limit {
        Err(too_large(limit))
    } else {
        Ok(bytes.freeze())
    }
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(limit: usize) -> Fault {
    let limit = crate::config::ByteSize(limit);
    Fault::new(
        FaultKind::BodyTooLarge,
        format!("the request body is larger than {limit}"),
    )
}

fn too_slow(seen: usize, limit: usize) -> Fault {
    if seen > limit {
        return too_large(limit);
    }
    Fault::new(
        FaultKind::BodyTimeout,
        "the request body did not arrive in time",
    )
}
