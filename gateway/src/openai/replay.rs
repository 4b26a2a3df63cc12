//! A complete answer, of an upstream or from memory, played as a stream: nothing of it is lost, tool calls included.

use serde_json::{Map, Value, json};

use super::answer::Chunks;
use super::sse::{DONE, encode};

/// A `chat.completion` object as `chat.completion.chunk` events, encoded, `[DONE]` included: one with the message and
/// one with the finish reason for each choice.
#[must_use]
pub fn replayed(completion: &Value, include_usage: bool) -> Chunks {
    let envelope = envelope(completion);
    let event = |choices: Value, usage: Option<&Value>| {
        let mut chunk = envelope.clone();
        chunk.insert("choices".to_owned(), choices);
        if include_usage {
            chunk.insert("usage".to_owned(), usage.cloned().unwrap_or_default());
        }
        encode(&Value::Object(chunk).to_string())
    };
    let mut events = Vec::new();
    for choice in completion
        .get("choices")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let field = |name: &str| choice.get(name).cloned().unwrap_or_default();
        let (index, logprobs, finish) = (field("index"), field("logprobs"), field("finish_reason"));
        let said = json!({ "index": index, "delta": delta(choice), "logprobs": logprobs, "finish_reason": null });
        let ended =
            json!({ "index": index, "delta": {}, "logprobs": null, "finish_reason": finish });
        events.extend([event(json!([said]), None), event(json!([ended]), None)]);
    }
    if include_usage {
        events.push(event(json!([]), completion.get("usage")));
    }
    events.push(encode(DONE));
    events.into_iter()
}

/// What all chunks of the answer share.
fn envelope(completion: &Value) -> Map<String, Value> {
    let fields = completion.as_object().into_iter().flatten();
    let mut shared: Map<String, Value> = fields
        .filter(|(key, _)| !matches!(key.as_str(), "choices" | "usage"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    shared.insert("object".to_owned(), json!("chat.completion.chunk"));
    shared
}

/// The whole message at once. In a stream, tool calls are numbered.
fn delta(choice: &Value) -> Value {
    let mut message = choice.get("message").cloned().unwrap_or_default();
    let calls = message.get_mut("tool_calls").and_then(Value::as_array_mut);
    for (index, call) in calls.into_iter().flatten().enumerate() {
        if let Value::Object(call) = call {
            call.insert("index".to_owned(), json!(index));
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost() {
        let completion = json!({
            "id": "c", "object": "chat.completion", "created": 1, "model": "m", "system_fingerprint": "f",
            "choices": [
                { "index": 0, "message": { "role": "assistant", "content": "a" }, "finish_reason": "length" },
                { "index": 1, "message": { "role": "assistant", "content": null, "tool_calls": [{ "id": "t" }] },
                  "finish_reason": "tool_calls" },
            ],
            "usage": { "total_tokens": 3 },
        });
        let text: Vec<u8> = replayed(&completion, true).flatten().collect();
        insta::assert_snapshot!(String::from_utf8(text).unwrap().replace("\n\n", "\n"), @r#"
        data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","system_fingerprint":"f","choices":[{"index":0,"delta":{"role":"assistant","content":"a"},"logprobs":null,"finish_reason":null}],"usage":null}
        data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","system_fingerprint":"f","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}],"usage":null}
        data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","system_fingerprint":"f","choices":[{"index":1,"delta":{"role":"assistant","content":null,"tool_calls":[{"id":"t","index":0}]},"logprobs":null,"finish_reason":null}],"usage":null}
        data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","system_fingerprint":"f","choices":[{"index":1,"delta":{},"logprobs":null,"finish_reason":"tool_calls"}],"usage":null}
        data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","system_fingerprint":"f","choices":[],"usage":{"total_tokens":3}}
        data: [DONE]
        "#);
    }
}
