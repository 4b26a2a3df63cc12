//! What the scripted upstream answers, step by step.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

/// One reply.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(super) hold: Hold,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) steps: Vec<Step>,
}

/// What happens before the status line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    No,
    UntilReleased,
    Forever,
    Drop,
}

/// One step of a body.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends these bytes.
    Send(Bytes),
    /// Waits for [`ScriptedUpstream::release`](super::ScriptedUpstream::release).
    Await,
    /// Sends nothing more, and keeps the connection.
    Hang,
    /// Breaks the connection in the middle of the body.
    Break,
}

impl Step {
    /// One server-sent event.
    #[must_use]
    pub fn event(data: &Value) -> Self {
        Self::text(&format!("data: {data}\n\n"))
    }

    /// The event that ends a stream.
    #[must_use]
    pub fn done() -> Self {
        Self::text("data: [DONE]\n\n")
    }

    /// Text as it is.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Send(Bytes::copy_from_slice(text.as_bytes()))
    }

    /// A chunk with this text, as OpenAI sends it when usage was asked for.
    #[must_use]
    pub fn delta(text: &str) -> Self {
        Self::event(&json!({
            "id": "up-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "gpt-large-0001",
            "choices": [{ "index": 0, "delta": { "content": text }, "logprobs": null, "finish_reason": null }],
            "usage": null,
        }))
    }

    /// The chunk that carries usage and nothing else.
    #[must_use]
    pub fn usage(prompt: u64, completion: u64) -> Self {
        Self::event(&json!({
            "id": "up-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "gpt-large-0001",
            "choices": [], "usage": usage(prompt, completion),
        }))
    }
}

impl Reply {
    fn new(status: StatusCode, kind: &'static str, steps: Vec<Step>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
        Self {
            hold: Hold::No,
            status,
            headers,
            steps,
        }
    }

    /// A whole answer: `text`, 1000 prompt tokens and 100 answer tokens.
    #[must_use]
    pub fn completion(text: &str) -> Self {
        Self::json(
            200,
            &json!({
                "id": "up-1", "object": "chat.completion", "created": 1_700_000_000, "model": "gpt-large-0001",
                "choices": [{
                    "index": 0,
                    "message": { "role": "assistant", "content": text, "refusal": null },
                    "logprobs": null,
                    "finish_reason": "stop",
                }],
                "usage": usage(1000, 100),
                "service_tier": "default",
            }),
        )
    }

    /// A whole body of JSON.
    ///
    /// # Panics
    /// If `status` is none.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        let status = StatusCode::from_u16(status).expect("a status");
        Self::new(
            status,
            "application/json",
            vec![Step::text(&body.to_string())],
        )
    }

    /// A refusal with an error object.
    #[must_use]
    pub fn error(status: u16, message: &str) -> Self {
        Self::json(
            status,
            &json!({ "error": {
                "message": message, "type": "upstream_says", "param": "temperature", "code": "upstream_code",
            }}),
        )
    }

    /// A status without a body that means anything.
    #[must_use]
    pub fn text(status: u16, text: &str) -> Self {
        let mut reply = Self::json(status, &Value::Null);
        reply.headers.insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("text/html"),
        );
        reply.steps = vec![Step::text(text)];
        reply
    }

    /// Server-sent events.
    #[must_use]
    pub fn stream(steps: impl IntoIterator<Item = Step>) -> Self {
        Self::new(
            StatusCode::OK,
            "text/event-stream",
            steps.into_iter().collect(),
        )
    }

    /// A whole stream: the pieces of text, usage (1000 and 100) and the end.
    #[must_use]
    pub fn streamed(pieces: &[&str]) -> Self {
        let deltas = pieces.iter().map(|piece| Step::delta(piece));
        Self::stream(deltas.chain([Step::usage(1000, 100), Step::done()]))
    }

    /// A body of these steps in place of its own.
    #[must_use]
    pub fn with_steps(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.steps = steps.into_iter().collect();
        self
    }

    /// With this header.
    ///
    /// # Panics
    /// If the value cannot be one.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a header value");
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    /// Waits for [`ScriptedUpstream::release`](super::ScriptedUpstream::release) before the status line.
    #[must_use]
    pub fn held(self) -> Self {
        Self {
            hold: Hold::UntilReleased,
            ..self
        }
    }

    /// Takes the request and never answers.
    #[must_use]
    pub fn never() -> Self {
        Self {
            hold: Hold::Forever,
            ..Self::completion("")
        }
    }

    /// Takes the request and closes the connection.
    #[must_use]
    pub fn dropped() -> Self {
        Self {
            hold: Hold::Drop,
            ..Self::completion("")
        }
    }
}

fn usage(prompt: u64, completion: u64) -> Value {
    json!({
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
        "prompt_tokens_details": { "cached_tokens": 0 },
    })
}
