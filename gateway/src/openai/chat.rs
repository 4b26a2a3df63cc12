//! A chat request: the fields the gateway acts on are typed, everything else stays as it came.

use local_engine::Message;
use router_policies::{Detectors, Finding};
use serde_json::{Map, Value, json};

use crate::fault::{Fault, FaultKind};

/// A decoded `POST /v1/chat/completions`.
#[derive(Debug, Clone)]
pub struct ChatRequest {
    /// Model name that the client asked for.
    pub model: String,
    /// Whether the answer is wanted as server-sent events.
    pub stream: bool,
    /// Whether a stream must end with a usage chunk.
    pub include_usage: bool,
    /// Most tokens of the answer, if the client set a limit.
    pub max_tokens: Option<u32>,
    /// Strings that end the answer.
    pub stop: Vec<String>,
    /// Whether the client insists on JSON.
    pub wants_json: bool,
    /// Length of the body.
    pub bytes: usize,
    /// The whole body, unknown fields included.
    body: Map<String, Value>,
}

/// Why a request cannot be answered by a local text model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// Tools or functions are offered.
    Tools,
    /// A message has parts that are not text.
    Modality,
    /// A field asks for something only an upstream can do; its name.
    Field(&'static str),
}

/// Fields that change the answer in a way a local draft would not respect.
const UPSTREAM_ONLY_FIELDS: [&str; 6] = [
    "logprobs",
    "audio",
    "prediction",
    "web_search_options",
    "logit_bias",
    "reasoning_effort",
];

impl ChatRequest {
    /// Decodes a request body.
    ///
    /// # Errors
    /// [`FaultKind::InvalidRequest`] naming the place.
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let body: Value = serde_json::from_slice(bytes).map_err(|e| not_json(&e))?;
        let Value::Object(body) = body else {
            return Err(invalid("the body must be a JSON object"));
        };
        let model = match body.get("model") {
            Some(Value::String(model)) if !model.is_empty() => model.clone(),
            _ => return Err(invalid("`model` must be a non-empty string").at("model")),
        };
        check_messages(body.get("messages"))?;
        Ok(Self {
            model,
            stream: flag(&body, "stream")?,
            include_usage: include_usage(&body),
            max_tokens: token_limit(&body)?,
            stop: stop_strings(body.get("stop"))?,
            bytes: bytes.len(),
            wants_json: response_format(&body) == Some("json_object"),
            body,
        })
    }

    /// Text of all system and developer messages, joined by a newline.
    #[must_use]
    pub fn system(&self) -> String {
        let texts: Vec<String> = self
            .raw_messages()
            .filter(|m| is_system(role_of(m)))
            .filter_map(|m| text_of(m.get("content")))
            .collect();
        texts.join("\n")
    }

    /// The end user, as the client names one.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.body.get("user").and_then(Value::as_str)
    }

    /// What the detectors find in the body, which is what leaves if the request does, or that they cannot read it.
    #[must_use]
    pub fn inspect(&self, detectors: &Detectors) -> Option<Finding> {
        let unreadable = || {
            let readable = self.raw_messages().all(has_only_text);
            (!readable).then_some(Finding::Unreadable)
        };
        detectors.find_in_fields(&self.body).or_else(unreadable)
    }

    /// What keeps a local text model from answering, if anything.
    #[must_use]
    pub fn obstacle(&self) -> Option<Obstacle> {
        let present = |key: &str| self.body.get(key).is_some_and(|v| !is_empty(v));
        if present("tools") || present("functions") {
            return Some(Obstacle::Tools);
        }
        if self
            .body
            .get("n")
            .and_then(Value::as_u64)
            .is_some_and(|n| n != 1)
        {
            return Some(Obstacle::Field("n"));
        }
        if response_format(&self.body) == Some("json_schema") {
            return Some(Obstacle::Field("response_format"));
        }
        if let Some(field) = UPSTREAM_ONLY_FIELDS.into_iter().find(|key| present(key)) {
            return Some(Obstacle::Field(field));
        }
        self.raw_messages()
            .any(|m| !is_plain(m))
            .then_some(Obstacle::Modality)
    }

    /// The conversation as a local model reads it. Call only when there is no [`obstacle`](Self::obstacle).
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.raw_messages()
            .map(|m| Message {
                role: if is_system(role_of(m)) {
                    "system"
                } else {
                    role_of(m)
                }
                .to_owned(),
                content: text_of(m.get("content")).unwrap_or_default(),
            })
            .collect()
    }

    /// The body for an upstream: its model name in place of the client's, usage always asked for.
    #[must_use]
    pub fn for_upstream(&self, model: &str) -> Value {
        let mut body = self.body.clone();
        body.insert("model".to_owned(), json!(model));
        if self.stream {
            let options = body.entry("stream_options").or_insert_with(|| json!({}));
            if let Value::Object(options) = options {
                options.insert("include_usage".to_owned(), json!(true));
            } else {
                *options = json!({ "include_usage": true });
            }
        }
        Value::Object(body)
    }

    /// The same without a stream, for a question that no client waits for.
    #[must_use]
    pub fn whole_for_upstream(&self, model: &str) -> Value {
        let mut body = self.body.clone();
        body.insert("model".to_owned(), json!(model));
        for key in ["stream", "stream_options"] {
            body.shift_remove(key);
        }
        Value::Object(body)
    }

    /// The parts of the body that decide the answer, for a cache key: everything but how it is delivered.
    #[must_use]
    pub fn essence(&self) -> Value {
        const DELIVERY: [&str; 5] = ["stream", "stream_options", "metadata", "user", "store"];
        let kept = self
            .body
            .iter()
            .filter(|(key, _)| !DELIVERY.contains(&key.as_str()));
        let mut fields: Vec<_> = kept.map(|(k, v)| (k.clone(), v.clone())).collect();
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        Value::Object(fields.into_iter().collect())
    }

    fn raw_messages(&self) -> impl Iterator<Item = &Value> {
        self.body
            .get("messages")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    }
}

fn not_json(error: &serde_json::Error) -> Fault {
    // The parser's own text may quote the input; the position is enough to find the place.
    invalid(format!(
        "the body is not valid JSON: error at line {}, column {}",
        error.line(),
        error.column()
    ))
}

fn invalid(text: impl Into<String>) -> Fault {
    Fault::new(FaultKind::InvalidRequest, text)
}

fn check_messages(messages: Option<&Value>) -> Result<(), Fault> {
    let Some(messages) = messages.and_then(Value::as_array).filter(|m| !m.is_empty()) else {
        return Err(invalid("`messages` must be a non-empty array").at("messages"));
    };
    for (index, message) in messages.iter().enumerate() {
        if message.get("role").and_then(Value::as_str).is_none() {
            let place = format!("messages[{index}].role");
            return Err(invalid(format!("`{place}` must be a string")).at(place));
        }
    }
    Ok(())
}

fn flag(body: &Map<String, Value>, key: &'static str) -> Result<bool, Fault> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(_) => Err(invalid(format!("`{key}` must be true or false")).at(key)),
    }
}

fn include_usage(body: &Map<String, Value>) -> bool {
    let options = body.get("stream_options");
    options
        .and_then(|o| o.get("include_usage"))
        .and_then(Value::as_bool)
        .unwrap_or(false)
}

/// `max_completion_tokens`, or its older name.
fn token_limit(body: &Map<String, Value>) -> Result<Option<u32>, Fault> {
    for key in ["max_completion_tokens", "max_tokens"] {
        match body.get(key) {
            None | Some(Value::Null) => {}
            Some(value) => {
                let limit = value
                    .as_u64()
                    .and_then(|n| u32::try_from(n).ok())
                    .filter(|n| *n > 0);
                return limit.map(Some).ok_or_else(|| {
                    invalid(format!("`{key}` must be a whole number above 0")).at(key)
                });
            }
        }
    }
    Ok(None)
}

fn stop_strings(stop: Option<&Value>) -> Result<Vec<String>, Fault> {
    let wrong = || invalid("`stop` must be a string or an array of strings").at("stop");
    match stop {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong))
            .collect(),
        Some(_) => Err(wrong()),
    }
}

fn response_format(body: &Map<String, Value>) -> Option<&str> {
    body.get("response_format")?.get("type")?.as_str()
}

fn role_of(message: &Value) -> &str {
    message
        .get("role")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// `developer` is the newer name of `system`.
fn is_system(role: &str) -> bool {
    role == "system" || role == "developer"
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

fn is_plain(message: &Value) -> bool {
    let role = role_of(message);
    (is_system(role) || role == "user" || role == "assistant")
        && message.get("tool_calls").is_none_or(is_empty)
        && text_of(message.get("content")).is_some()
}

/// Whether detectors can read all of a message: parts of kinds that are not known count as unreadable.
fn has_only_text(message: &Value) -> bool {
    let readable = |part: &Value| {
        let kind = part.get("type").and_then(Value::as_str);
        part.is_string() || matches!(kind, Some("text" | "refusal"))
    };
    match message.get("content") {
        None | Some(Value::Null | Value::String(_)) => true,
        Some(Value::Array(parts)) => parts.iter().all(readable),
        Some(_) => false,
    }
}

/// The text of a content, which is a string or an array of text parts; `None` for anything else.
fn text_of(content: Option<&Value>) -> Option<String> {
    match content? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts: Option<Vec<&str>> = parts
                .iter()
                .map(|part| match part.get("type").and_then(Value::as_str) {
                    Some("text") => part.get("text").and_then(Value::as_str),
                    _ => None,
                })
                .collect();
            texts.map(|t| t.concat())
        }
        _ => None,
    }
}

#[path = "chat/facts.rs"]
mod facts;

#[cfg(test)]
#[path = "chat/tests.rs"]
mod tests;
