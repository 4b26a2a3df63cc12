//! One server: its addresses, its outstanding work, and what is known of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::dialect::Dialect;
use super::identity::Told;
use crate::engine::ModelInfo;

/// Longest wait for a word about itself.
const LOOK: Duration = Duration::from_secs(5);

/// Largest word about itself that is read, in bytes: Ollama sends the tokenizer along.
const LARGEST: usize = 64 << 20;

/// What is known of a server.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum State {
    /// Nothing yet, or it says that it is loading.
    Loading,
    /// It answers, and this is what it serves.
    Up(Arc<ModelInfo>),
    /// It does not answer, or not as it should; the text says how.
    Down(String),
}

/// One server.
#[derive(Debug)]
pub(super) struct Endpoint {
    client: Client,
    base: Url,
    authorization: Option<HeaderValue>,
    outstanding: AtomicU32,
    state: Mutex<State>,
}

/// A place at a server, counted while it is held.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) endpoint: Arc<Endpoint>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.endpoint.outstanding.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Endpoint {
    pub(super) fn new(
        client: Client,
        base: Url,
        key: Option<&SecretString>,
    ) -> Result<Self, String> {
        if base.cannot_be_a_base() {
            return Err(format!("`{base}` cannot be extended by a path"));
        }
        Ok(Self {
            client,
            base,
            authorization: key.map(bearer).transpose()?,
            outstanding: AtomicU32::new(0),
            state: Mutex::new(State::Loading),
        })
    }

    /// Host and port, for people.
    pub(super) fn place(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        let port = self.base.port_or_known_default().unwrap_or_default();
        format!("{host}:{port}")
    }

    pub(super) fn state(&self) -> State {
        self.state.lock().clone()
    }

    pub(super) fn set_state(&self, state: State) {
        *self.state.lock() = state;
    }

    pub(super) fn outstanding(&self) -> u32 {
        self.outstanding.load(Ordering::Acquire)
    }

    pub(super) fn sit(self: &Arc<Self>) -> Seat {
        self.outstanding.fetch_add(1, Ordering::AcqRel);
        Seat {
            endpoint: Arc::clone(self),
        }
    }

    /// Sends a chat request.
    pub(super) async fn chat(&self, body: String) -> reqwest::Result<Response> {
        let request = self.client.post(self.url(&["chat", "completions"], false));
        let request = request
            .header("content-type", "application/json")
            .body(body);
        self.signed(request).send().await
    }

    /// Asks the server what it serves. A server that loads says so with a status of 503.
    ///
    /// # Errors
    /// The state that its silence or its refusal stands for.
    pub(super) async fn ask(&self, dialect: Dialect, model: &str) -> Result<Told, State> {
        let models = self
            .read(self.client.get(self.url(&["models"], false)))
            .await?;
        let details = match dialect {
            Dialect::LlamaServer => self.client.get(self.url(&["props"], true)),
            Dialect::Sglang => self.client.get(self.url(&["get_model_info"], true)),
            Dialect::Ollama => {
                let request = self.client.post(self.url(&["api", "show"], true));
                request.json(&json!({"model": model}))
            }
            Dialect::Vllm | Dialect::MistralRs | Dialect::Openai => {
                let details = Value::Null;
                return Ok(Told { models, details });
            }
        };
        // Behind a proxy only the API itself may be reachable.
        let details = self.read(details).await.unwrap_or_default();
        Ok(Told { models, details })
    }

    async fn read(&self, request: RequestBuilder) -> Result<Value, State> {
        let down = |text: &str| State::Down(format!("{} {text}", self.place()));
        let read = async {
            let mut response = self
                .signed(request)
                .send()
                .await
                .map_err(|_| down("cannot be reached"))?;
            match response.status() {
                StatusCode::SERVICE_UNAVAILABLE => return Err(State::Loading),
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    return Err(down("refuses the key"));
                }
                status if !status.is_success() => {
                    return Err(down(&format!("answers with status {}", status.as_u16())));
                }
                _ => {}
            }
            let mut bytes = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|_| down("breaks off"))? {
                bytes.extend_from_slice(&chunk);
                if bytes.len() > LARGEST {
                    return Err(down("sends more about itself than can be read"));
                }
            }
            serde_json::from_slice(&bytes).map_err(|_| down("does not answer in JSON"))
        };
        match timeout(LOOK, read).await {
            Ok(read) => read,
            Err(_) => Err(down("does not answer in time")),
        }
    }

    fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.authorization {
            Some(key) => request.header(AUTHORIZATION, key.clone()),
            None => request,
        }
    }

    /// An address of the API, or one beside it: without the last part of the base.
    fn url(&self, parts: &[&str], beside: bool) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty();
            if beside {
                path.pop();
            }
            path.extend(parts);
        }
        url
    }
}

fn bearer(key: &SecretString) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))
        .map_err(|_| "the key has characters that no HTTP header can carry".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}
