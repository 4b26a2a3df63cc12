//! What an upstream answered.

use bytes::Bytes;
use serde_json::Value;

use super::stream::UpstreamStream;
use super::usage::usage_of;
use crate::ledger::Usage;

/// An upstream's answer to one request.
#[derive(Debug)]
pub enum Reply {
    /// Complete JSON.
    Whole(WholeReply),
    /// Server-sent events, still arriving.
    Stream(UpstreamStream),
}

/// A complete answer, kept byte for byte.
#[derive(Debug, Clone)]
pub struct WholeReply {
    /// Body as it came.
    pub bytes: Bytes,
    /// What it says it consumed; `None` when it does not say.
    pub usage: Option<Usage>,
    /// The parsed body.
    pub body: Value,
}

impl WholeReply {
    /// Reads a body; `None` when it is not a JSON object.
    #[must_use]
    pub fn parse(bytes: Vec<u8>) -> Option<Self> {
        let body: Value = serde_json::from_slice(&bytes).ok()?;
        body.is_object().then(|| Self {
            usage: usage_of(&body),
            bytes: bytes.into(),
            body,
        })
    }
}
