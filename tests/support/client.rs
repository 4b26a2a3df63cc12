//! The client's side: requests, whole answers, and streams read event by event.

use std::collections::VecDeque;

use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::wait::guarded;

/// A chat request for `model` with one user message.
#[must_use]
pub fn chat(model: &str, text: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": text }] })
}

/// [`chat`] with further fields.
///
/// # Panics
/// If `fields` is no object.
#[must_use]
pub fn chat_with(model: &str, text: &str, fields: &Value) -> Value {
    let mut body = chat(model, text);
    for (key, value) in fields.as_object().expect("an object of further fields") {
        body[key] = value.clone();
    }
    body
}

/// A whole response.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body as it came.
    pub text: String,
}

impl Answer {
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = guarded("the end of a response", response.text())
            .await
            .expect("a whole body");
        Self {
            status,
            headers,
            text,
        }
    }

    /// Value of a header; empty without it.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        header(&self.headers, name)
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// Text of the first choice.
    #[must_use]
    pub fn content(&self) -> String {
        self.json()["choices"][0]["message"]["content"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// `source reason`, from the headers.
    #[must_use]
    pub fn told(&self) -> String {
        format!(
            "{} {}",
            self.header("x-smallfirst-source"),
            self.header("x-smallfirst-reason")
        )
    }

    /// `status code` of an error, after checking that its body has the one shape that clients understand.
    ///
    /// # Panics
    /// If it has not.
    #[must_use]
    pub fn error(&self) -> String {
        assert_eq!(self.header("content-type"), "application/json");
        assert!(!self.header("x-request-id").is_empty(), "no x-request-id");
        let body = self.json();
        assert_eq!(keys(&body), ["error"], "{body}");
        assert_eq!(
            keys(&body["error"]),
            ["message", "type", "param", "code"],
            "{body}"
        );
        assert!(body["error"]["message"].is_string(), "{body}");
        format!(
            "{} {}",
            self.status.as_u16(),
            body["error"]["code"].as_str().unwrap_or("null")
        )
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect()
}

/// `value` with everything that differs from run to run replaced, for snapshots.
#[must_use]
pub fn stable(mut value: Value) -> Value {
    if value["id"]
        .as_str()
        .is_some_and(|id| id.starts_with("chatcmpl-"))
    {
        value["id"] = json!("[id]");
    }
    if value["created"]
        .as_i64()
        .is_some_and(|created| created > 1_700_000_000)
    {
        value["created"] = json!("[created]");
    }
    value
}

/// One thing that a server-sent stream says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SseEvent {
    /// A comment, which clients ignore.
    Comment(String),
    /// An event's data.
    Data(String),
    /// The connection broke before the body's end.
    Broken,
}

impl SseEvent {
    /// The data as JSON; null for anything else.
    #[must_use]
    pub fn json(&self) -> Value {
        match self {
            Self::Data(data) => serde_json::from_str(data).unwrap_or(Value::Null),
            Self::Comment(_) | Self::Broken => Value::Null,
        }
    }

    /// Whether this is `[DONE]`.
    #[must_use]
    pub fn is_done(&self) -> bool {
        *self == Self::Data("[DONE]".to_owned())
    }
}

/// A streamed response, read as it comes.
#[derive(Debug)]
pub struct EventStream {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    response: reqwest::Response,
    raw: String,
    parsed: usize,
    ready: VecDeque<SseEvent>,
}

impl EventStream {
    pub(crate) fn new(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self {
            status,
            headers,
            response,
            raw: String::new(),
            parsed: 0,
            ready: VecDeque::new(),
        }
    }

    /// Value of a header; empty without it.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        header(&self.headers, name)
    }

    /// `source reason`, from the headers.
    #[must_use]
    pub fn told(&self) -> String {
        format!(
            "{} {}",
            self.header("x-smallfirst-source"),
            self.header("x-smallfirst-reason")
        )
    }

    /// The next event or comment; `None` at the end of the body.
    pub async fn next(&mut self) -> Option<SseEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            match guarded("the next event", self.response.chunk()).await {
                Ok(Some(bytes)) => {
                    self.raw.push_str(&String::from_utf8_lossy(&bytes));
                    self.parse();
                }
                Ok(None) => return None,
                Err(_) => return Some(SseEvent::Broken),
            }
        }
    }

    /// Everything up to the end; a broken connection is the last entry.
    pub async fn rest(&mut self) -> Vec<SseEvent> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            let broken = event == SseEvent::Broken;
            events.push(event);
            if broken {
                break;
            }
        }
        events
    }

    /// The bytes so far, as text.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.raw
    }

    fn parse(&mut self) {
        while let Some(length) = self.raw[self.parsed..].find("\n\n") {
            let block = &self.raw[self.parsed..self.parsed + length];
            self.parsed += length + 2;
            let comment = block
                .strip_prefix(": ")
                .map(|text| SseEvent::Comment(text.to_owned()));
            let data = block
                .strip_prefix("data: ")
                .map(|text| SseEvent::Data(text.to_owned()));
            self.ready.push_back(
                comment
                    .or(data)
                    .unwrap_or_else(|| panic!("neither comment nor data: {block}")),
            );
        }
    }
}
