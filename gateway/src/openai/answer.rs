//! Answers of the gateway's own making: local drafts and cached answers, whole or as chunks.

use serde_json::{Value, json};

use super::sse::{DONE, encode};
use bytes::Bytes;

/// A complete text answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Identifier of the completion.
    pub id: String,
    /// Creation time, seconds since 1970.
    pub created: i64,
    /// Model name shown to the client.
    pub model: String,
    /// The text, in the pieces in which a stream delivers it.
    pub pieces: Vec<String>,
    /// `stop` or `length`.
    pub finish_reason: &'static str,
    /// Token counts.
    pub usage: AnswerUsage,
}

/// Token counts as OpenAI clients read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AnswerUsage {
    /// Tokens of the prompt.
    pub prompt_tokens: u64,
    /// Tokens of the answer.
    pub completion_tokens: u64,
}

impl AnswerUsage {
    fn json(self) -> Value {
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        })
    }
}

/// The answer as a `chat.completion` object.
#[must_use]
pub fn completion_of(answer: &Answer) -> Value {
    json!({
        "id": answer.id,
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.model,
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": answer.pieces.concat(), "refusal": null },
            "logprobs": null,
            "finish_reason": answer.finish_reason,
        }],
        "usage": answer.usage.json(),
    })
}

/// The events of a streamed answer, encoded, `[DONE]` included.
pub type Chunks = std::vec::IntoIter<Bytes>;

/// The answer as `chat.completion.chunk` events.
#[must_use]
pub fn chunks_of(answer: &Answer, include_usage: bool) -> Chunks {
    let mut events = vec![opening_chunk(answer, include_usage)];
    let pieces = answer.pieces.iter();
    events.extend(pieces.map(|piece| piece_chunk(answer, include_usage, piece)));
    events.extend(closing_chunks(answer, include_usage));
    events.into_iter()
}

/// The first event of an answer.
#[must_use]
pub fn opening_chunk(answer: &Answer, include_usage: bool) -> Bytes {
    let role = json!({ "role": "assistant", "content": "" });
    event(answer, include_usage, &role, None)
}

/// The event of one piece of text.
#[must_use]
pub fn piece_chunk(answer: &Answer, include_usage: bool, piece: &str) -> Bytes {
    let content = json!({ "content": piece });
    event(answer, include_usage, &content, None)
}

/// The events after the text, `[DONE]` included.
#[must_use]
pub fn closing_chunks(answer: &Answer, include_usage: bool) -> Vec<Bytes> {
    let finish = Some(answer.finish_reason);
    let mut events = vec![event(answer, include_usage, &json!({}), finish)];
    if include_usage {
        let mut last = envelope(answer);
        last["choices"] = json!([]);
        last["usage"] = answer.usage.json();
        events.push(encode(&last.to_string()));
    }
    events.push(encode(DONE));
    events
}

fn event(answer: &Answer, include_usage: bool, delta: &Value, finish: Option<&str>) -> Bytes {
    let mut chunk = envelope(answer);
    chunk["choices"] = json!([{
        "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish,
    }]);
    if include_usage {
        // The API's contract: every chunk but the last carries a null usage when usage was asked for.
        chunk["usage"] = Value::Null;
    }
    encode(&chunk.to_string())
}

fn envelope(answer: &Answer) -> Value {
    json!({
        "id": answer.id,
        "object": "chat.completion.chunk",
        "created": answer.created,
        "model": answer.model,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        Answer {
            id: "chatcmpl-1".into(),
            created: 1_700_000_000,
            model: "small".into(),
            pieces: vec!["trans".into(), "fer".into()],
            finish_reason: "stop",
            usage: AnswerUsage {
                prompt_tokens: 9,
                completion_tokens: 3,
            },
        }
    }

    #[test]
    fn whole_answer() {
        insta::assert_snapshot!(completion_of(&answer()), @r#"{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"small","choices":[{"index":0,"message":{"role":"assistant","content":"transfer","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}"#);
    }

    #[test]
    fn streamed_answer_with_usage() {
        let text: Vec<u8> = chunks_of(&answer(), true).flatten().collect();
        insta::assert_snapshot!(String::from_utf8(text).unwrap(), @r#"
        data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"small","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null}

        data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"small","choices":[{"index":0,"delta":{"content":"trans"},"logprobs":null,"finish_reason":null}],"usage":null}

        data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"small","choices":[{"index":0,"delta":{"content":"fer"},"logprobs":null,"finish_reason":null}],"usage":null}

        data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"small","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}

        data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"small","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}

        data: [DONE]
        "#);
    }

    #[test]
    fn no_usage_key_unless_asked() {
        let text: Vec<u8> = chunks_of(&answer(), false).flatten().collect();
        assert!(!String::from_utf8(text).unwrap().contains("usage"));
    }
}
