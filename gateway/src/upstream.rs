//! The external large-model API: one connection pool per upstream, every wait bounded.

mod reply;
mod stream;
mod usage;

pub use reply::{Reply, WholeReply};
pub use stream::UpstreamStream;
pub use usage::{usage_of, with_usage_hidden};

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::time::timeout;

use crate::fault::{Fault, FaultKind, Retry};

/// Bounds on every wait for an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest wait for response headers.
    pub headers: Duration,
    /// Longest silence within a body.
    pub idle: Duration,
    /// Longest whole answer.
    pub total: Duration,
    /// Further tries after a failed one; each is booked.
    pub retries: u32,
}

/// What the configuration says about one upstream.
#[derive(Debug, Clone)]
pub struct UpstreamSettings {
    /// Base of the API, up to and including `/v1`.
    pub base_url: reqwest::Url,
    /// Bearer key, if it wants one.
    pub key: Option<SecretString>,
    /// Bounds on waiting.
    pub patience: Patience,
}

impl PartialEq for UpstreamSettings {
    fn eq(&self, other: &Self) -> bool {
        let key = |settings: &Self| {
            settings
                .key
                .as_ref()
                .map(|key| key.expose_secret().to_owned())
        };
        self.base_url == other.base_url
            && self.patience == other.patience
            && key(self) == key(other)
    }
}

/// One external API.
#[derive(Debug)]
pub struct Upstream {
    name: String,
    client: Client,
    chat_url: reqwest::Url,
    authorization: Option<HeaderValue>,
    patience: Patience,
}

/// Largest upstream answer that is read, in bytes.
const REPLY_LIMIT: usize = 64 << 20;

impl Upstream {
    /// Builds the connection pool.
    ///
    /// # Errors
    /// A text for the operator when the URL or the key cannot be used.
    pub fn new(name: &str, settings: &UpstreamSettings) -> Result<Self, String> {
        let client = Client::builder()
            .connect_timeout(settings.patience.connect)
            // A redirect would carry the prompt to a host that no policy names.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("smallfirst/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| format!("upstream `{name}`: no HTTP client: {e}"))?;
        let mut chat_url = settings.base_url.clone();
        chat_url
            .path_segments_mut()
            .map_err(|()| format!("upstream `{name}`: `base_url` cannot be extended by a path"))?
            .pop_if_empty()
            .extend(["chat", "completions"]);
        let authorization = settings
            .key
            .as_ref()
            .map(|key| bearer(name, key))
            .transpose()?;
        Ok(Self {
            name: name.to_owned(),
            client,
            chat_url,
            authorization,
            patience: settings.patience,
        })
    }

    /// Name in the configuration.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Host that requests go to.
    #[must_use]
    pub fn host(&self) -> &str {
        self.chat_url.host_str().unwrap_or_default()
    }

    /// Further tries after a failed one.
    #[must_use]
    pub const fn retries(&self) -> u32 {
        self.patience.retries
    }

    /// Sends one chat request, once.
    ///
    /// # Errors
    /// A [`Fault`] that says whether another try makes sense.
    pub async fn send(&self, body: &Value, request_id: &str) -> Result<Reply, Fault> {
        let streamed = body.get("stream").and_then(Value::as_bool).unwrap_or(false);
        let mut request = self
            .client
            .post(self.chat_url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(
                ACCEPT,
                if streamed {
                    "text/event-stream"
                } else {
                    "application/json"
                },
            )
            .header("x-request-id", request_id)
            .timeout(self.patience.total)
            .body(body.to_string());
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let response = timeout(self.patience.headers, request.send())
            .await
            .map_err(|_| self.too_slow())?
            .map_err(|e| self.unreachable(&e))?;
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        self.accept(response, streamed).await
    }

    async fn accept(&self, response: Response, streamed: bool) -> Result<Reply, Fault> {
        if streamed && is_event_stream(&response) {
            return Ok(Reply::Stream(UpstreamStream::new(
                &self.name,
                response,
                self.patience.idle,
            )));
        }
        let bytes = self.read_body(response).await?;
        let broken = |what| {
            let text = format!("the upstream `{}` answered with {what}", self.name);
            Fault::new(FaultKind::UpstreamBroken, text)
        };
        let reply = WholeReply::parse(bytes).ok_or_else(|| broken("something that is not JSON"))?;
        // Some APIs send errors with a status of 200; such a body must not be booked, or stored, as an answer.
        if reply.body.get("choices").is_some_and(Value::is_array) {
            return Ok(Reply::Whole(reply));
        }
        let fault = broken("something that is no chat completion");
        Err(
            match reply.body.get("error").filter(|error| error.is_object()) {
                Some(error) => fault.passing_on(error.clone()),
                None => fault,
            },
        )
    }

    async fn read_body(&self, mut response: Response) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        loop {
            let chunk = timeout(self.patience.idle, response.chunk())
                .await
                .map_err(|_| self.too_slow())?
                .map_err(|e| self.broke_off(&e))?;
            let Some(chunk) = chunk else { return Ok(bytes) };
            if bytes.len() + chunk.len() > REPLY_LIMIT {
                let text = format!(
                    "the upstream `{}` answered with more than 64 MiB",
                    self.name
                );
                return Err(Fault::new(FaultKind::UpstreamBroken, text).retry(Retry::Never));
            }
            bytes.extend_from_slice(&chunk);
        }
    }

    async fn refused(&self, response: Response) -> Fault {
        let status = response.status();
        let after = retry_after(&response);
        let name = &self.name;
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Fault::new(
                FaultKind::UpstreamAuth,
                format!(
                    "the upstream `{name}` refused the gateway's key; check `upstreams.{name}.key`"
                ),
            )
            .retry(Retry::Never),
            StatusCode::REQUEST_TIMEOUT => self.too_slow(),
            _ if status.is_client_error() => self.rejected(response, status, after).await,
            _ => Fault::new(
                FaultKind::UpstreamUnavailable,
                format!(
                    "the upstream `{name}` answered with status {}",
                    status.as_u16()
                ),
            )
            .retry(after.map_or(Retry::Now, Retry::After)),
        }
    }

    async fn rejected(
        &self,
        response: Response,
        status: StatusCode,
        after: Option<Duration>,
    ) -> Fault {
        let body = self.read_body(response).await.unwrap_or_default();
        let error = serde_json::from_slice::<Value>(&body).ok();
        let error = error
            .as_ref()
            .and_then(|b| b.get("error"))
            .filter(|e| e.is_object());
        let text = format!(
            "the upstream `{}` rejected the request with status {}",
            self.name,
            status.as_u16()
        );
        let fault = Fault::new(FaultKind::UpstreamRejected(status), text);
        let fault = match (status, after) {
            (StatusCode::TOO_MANY_REQUESTS, Some(after)) => fault.retry(Retry::After(after)),
            (StatusCode::TOO_MANY_REQUESTS, None) => fault.retry(Retry::Now),
            _ => fault,
        };
        match error {
            Some(error) => fault.passing_on(error.clone()),
            None => fault,
        }
    }

    fn too_slow(&self) -> Fault {
        Fault::new(
            FaultKind::UpstreamTimeout,
            format!("the upstream `{}` did not answer in time", self.name),
        )
    }

    fn unreachable(&self, error: &reqwest::Error) -> Fault {
        if error.is_timeout() && !error.is_connect() {
            return self.too_slow();
        }
        Fault::new(
            FaultKind::UpstreamUnavailable,
            format!("the upstream `{}` cannot be reached", self.name),
        )
    }

    fn broke_off(&self, error: &reqwest::Error) -> Fault {
        if error.is_timeout() {
            return self.too_slow();
        }
        Fault::new(
            FaultKind::UpstreamBroken,
            format!("the answer of the upstream `{}` broke off", self.name),
        )
    }
}

fn bearer(name: &str, key: &SecretString) -> Result<HeaderValue, String> {
    let mut value =
        HeaderValue::from_str(&format!("Bearer {}", key.expose_secret())).map_err(|_| {
            format!("upstream `{name}`: the key has characters that no HTTP header can carry")
        })?;
    value.set_sensitive(true);
    Ok(value)
}

fn is_event_stream(response: &Response) -> bool {
    let kind = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|v| v.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
}

/// Seconds form of `Retry-After` (RFC 9110 §10.2.3); the date form is rare in this field and ignored.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response
        .headers()
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}
