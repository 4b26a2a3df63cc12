//! What routes can go by in a chat request.

use std::borrow::Cow;

use router_policies::{Modality, ResponseFormat};
use serde_json::{Map, Value};

use super::{ChatRequest, is_empty, response_format, role_of};

/// Bytes of text that are taken for one token. Usual tokenizers need 3 to 5 for English and most of Europe's languages.
const BYTES_PER_TOKEN: usize = 4;

/// Tokens that are added for each message, for its role and its borders.
const TOKENS_PER_MESSAGE: usize = 4;

impl ChatRequest {
    /// Messages of the user.
    #[must_use]
    pub fn turns(&self) -> u64 {
        let users = self.raw_messages().filter(|m| role_of(m) == "user");
        u64::try_from(users.count()).unwrap_or(u64::MAX)
    }

    /// The text of the user's last message, without what else it may hold.
    #[must_use]
    pub fn user_message(&self) -> Option<Cow<'_, str>> {
        let messages = self.body.get("messages")?.as_array()?;
        let last = messages.iter().rev().find(|m| role_of(m) == "user")?;
        match last.get("content") {
            Some(Value::String(text)) => Some(Cow::Borrowed(text)),
            Some(Value::Array(parts)) => Some(parts.iter().filter_map(text_of_part).collect()),
            _ => Some(Cow::Borrowed("")),
        }
    }

    /// Names of the tools and functions that are offered; a tool of a kind that has no name goes by its kind.
    #[must_use]
    pub fn tools(&self) -> Vec<&str> {
        let listed = |key| self.body.get(key).and_then(Value::as_array);
        let tools = listed("tools").into_iter().flatten().filter_map(|tool| {
            let kind = tool.get("type").and_then(Value::as_str);
            let named = kind.and_then(|kind| tool.get(kind)).unwrap_or(tool);
            named.get("name").and_then(Value::as_str).or(kind)
        });
        let functions = listed("functions").into_iter().flatten();
        let functions = functions.filter_map(|function| function.get("name")?.as_str());
        tools.chain(functions).collect()
    }

    /// The form of answer that is asked for.
    #[must_use]
    pub fn answer_format(&self) -> ResponseFormat {
        match response_format(&self.body) {
            Some("json_object") => ResponseFormat::JsonObject,
            Some("json_schema") if is_closed_list(&self.body) => ResponseFormat::Enum,
            Some("json_schema") => ResponseFormat::JsonSchema,
            _ => ResponseFormat::Text,
        }
    }

    /// What the messages hold besides text, in no order and maybe several times.
    #[must_use]
    pub fn modalities(&self) -> Vec<Modality> {
        let parts = self
            .raw_messages()
            .filter_map(|message| message.get("content")?.as_array())
            .flatten();
        let mut found: Vec<Modality> = parts.map(modality_of_part).collect();
        let wanted = self.body.get("modalities").and_then(Value::as_array);
        if wanted.is_some_and(|wanted| wanted.iter().any(|kind| kind == "audio")) {
            found.push(Modality::Audio);
        }
        found
    }

    /// About how many tokens the prompt has: a quarter of the bytes of its texts and of the tools, and four for each
    /// message. Pictures and sound are not counted.
    #[must_use]
    pub fn prompt_tokens(&self) -> u64 {
        let messages = self.raw_messages().map(|message| {
            let content = match message.get("content") {
                Some(Value::String(text)) => text.len(),
                Some(Value::Array(parts)) => {
                    parts.iter().filter_map(text_of_part).map(str::len).sum()
                }
                _ => 0,
            };
            content + message.get("tool_calls").map_or(0, length)
        });
        let (count, bytes) = messages.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes));
        let tools = ["tools", "functions"].map(|key| self.body.get(key).map_or(0, length));
        let bytes: usize = bytes + tools.iter().sum::<usize>();
        let tokens = bytes.div_ceil(BYTES_PER_TOKEN) + count * TOKENS_PER_MESSAGE;
        u64::try_from(tokens).unwrap_or(u64::MAX)
    }

    /// A value of the request's `metadata`.
    #[must_use]
    pub fn metadata(&self, name: &str) -> Option<&str> {
        self.body.get("metadata")?.get(name)?.as_str()
    }
}

fn kind_of_part(part: &Value) -> &str {
    part.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn text_of_part(part: &Value) -> Option<&str> {
    match kind_of_part(part) {
        "text" => part.get("text")?.as_str(),
        "refusal" => part.get("refusal")?.as_str(),
        _ => None,
    }
}

fn modality_of_part(part: &Value) -> Modality {
    match kind_of_part(part) {
        "text" | "refusal" => Modality::Text,
        "image_url" => Modality::Image,
        "input_audio" => Modality::Audio,
        _ => Modality::File,
    }
}

/// Whether a schema allows only listed values: as a whole, or as the only property of an object, as providers that want
/// an object have it written.
fn is_closed_list(body: &Map<String, Value>) -> bool {
    let format = body.get("response_format");
    let schema = format.and_then(|f| f.get("json_schema")?.get("schema"));
    let is_list = |schema: &Value| schema.get("enum").is_some_and(|list| !is_empty(list));
    let only_property = |schema: &Value| {
        let properties = schema.get("properties").and_then(Value::as_object);
        properties.is_some_and(|all| all.len() == 1 && all.values().all(is_list))
    };
    schema.is_some_and(|schema| is_list(schema) || only_property(schema))
}

/// Bytes of the texts in a value, names of fields included.
fn length(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(entries) => entries.iter().map(length).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| name.len() + length(value))
            .sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 4,
    }
}
