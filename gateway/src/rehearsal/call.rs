//! A request that was written down.

use std::collections::BTreeMap;
use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::fault::Fault;
use crate::openai::ChatRequest;

/// A request as files hold it.
#[derive(Clone, Copy)]
pub(crate) struct Written<'a> {
    /// The body.
    pub(crate) body: &'a Value,
    /// Name of the client key; none asks without one.
    pub(crate) key: Option<&'a str>,
    /// Headers by name.
    pub(crate) headers: &'a BTreeMap<String, String>,
}

/// A request that can be rehearsed.
pub(crate) struct Call {
    /// What the body says, or why the gateway would refuse it.
    pub(super) request: Result<ChatRequest, Fault>,
    pub(super) system: String,
    pub(super) key: Option<String>,
    pub(super) headers: HeaderMap,
}

// Prompts stay out of logs.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Call {
    /// Reads a request.
    ///
    /// # Errors
    /// The name of a header that cannot be one, or whose value cannot be sent.
    pub(crate) fn read(written: Written<'_>) -> Result<Self, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in written.headers {
            let pair = name
                .parse::<HeaderName>()
                .ok()
                .zip(HeaderValue::from_str(value).ok());
            let (known, value) = pair.ok_or_else(|| name.clone())?;
            headers.append(known, value);
        }
        let request = ChatRequest::decode(written.body.to_string().as_bytes());
        Ok(Self {
            system: request
                .as_ref()
                .map(ChatRequest::system)
                .unwrap_or_default(),
            request,
            key: written.key.map(str::to_owned),
            headers,
        })
    }
}
