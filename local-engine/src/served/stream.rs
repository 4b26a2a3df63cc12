//! What a server streams: lines, events, and what an event says.

use bytes::BytesMut;
use serde_json::Value;
use tokio_util::codec::{Decoder, LinesCodec};

use super::dialect::Dialect;
use super::entry::Entry;
use crate::engine::FinishReason;
use crate::error::EngineError;

/// Longest single line: twenty rivals for each of a few hundred tokens in one event.
const LINE_LIMIT: usize = 4 << 20;

/// Splits the bytes of an event stream (WHATWG HTML §9.2) into the data of its events. Chat servers write each
/// event's data in one line.
#[derive(Debug)]
pub(super) struct Lines {
    codec: LinesCodec,
    buffer: BytesMut,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self {
            codec: LinesCodec::new_with_max_length(LINE_LIMIT),
            buffer: BytesMut::new(),
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The data of the next complete event.
    ///
    /// # Errors
    /// A line that is too long or is not UTF-8.
    pub(super) fn next_data(&mut self) -> Result<Option<String>, EngineError> {
        loop {
            let line = self.codec.decode(&mut self.buffer);
            let line = line.map_err(|_| broken("something that is no event stream"))?;
            let Some(line) = line else { return Ok(None) };
            if let Some(data) = line.strip_prefix("data:") {
                return Ok(Some(data.trim().to_owned()));
            }
        }
    }
}

/// What one event says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Delta {
    pub(super) text: String,
    pub(super) entries: Vec<Entry>,
    pub(super) finish: Option<FinishReason>,
    pub(super) prompt_tokens: Option<u32>,
    pub(super) completion_tokens: Option<u32>,
}

impl Delta {
    /// Reads one event's data.
    ///
    /// # Errors
    /// Where it is no chunk of a chat answer, or one that cannot be used.
    pub(super) fn read(data: &str, dialect: Dialect) -> Result<Self, EngineError> {
        let value: Value =
            serde_json::from_str(data).map_err(|_| broken("an event that is not JSON"))?;
        if value.get("error").is_some_and(|error| !error.is_null()) {
            return Err(broken("an error in the middle of its answer"));
        }
        let usage = |key: &str| {
            let count = value.get("usage")?.get(key)?.as_u64()?;
            u32::try_from(count).ok()
        };
        let mut delta = Self {
            prompt_tokens: usage("prompt_tokens"),
            completion_tokens: usage("completion_tokens"),
            ..Self::default()
        };
        if let Some(choice) = value.get("choices").and_then(|choices| choices.get(0)) {
            delta.take(choice, dialect)?;
        }
        Ok(delta)
    }

    /// Whether it brings a part of the answer.
    pub(super) fn says_something(&self) -> bool {
        !self.text.is_empty() || !self.entries.is_empty()
    }

    fn take(&mut self, choice: &Value, dialect: Dialect) -> Result<(), EngineError> {
        let said = choice.get("delta");
        let part = |key: &str| said?.get(key)?.as_str().filter(|text| !text.is_empty());
        if part("reasoning_content")
            .or_else(|| part("reasoning"))
            .is_some()
        {
            let text =
                "it thinks aloud before it answers; turn its thinking off, or its reasoning parser";
            return Err(EngineError::Unsupported(text.to_owned()));
        }
        part("content")
            .unwrap_or_default()
            .clone_into(&mut self.text);
        let entries = choice
            .pointer("/logprobs/content")
            .and_then(Value::as_array);
        let entries = entries.into_iter().flatten();
        self.entries = entries
            .filter_map(|entry| Entry::read(entry, dialect))
            .collect();
        self.finish = match choice.get("finish_reason").and_then(Value::as_str) {
            None | Some("") => None,
            Some("stop") => Some(FinishReason::Stop),
            Some("length") => Some(FinishReason::Length),
            Some(_) => return Err(broken("an end that is none of a text")),
        };
        Ok(())
    }
}

/// The server did not keep to the API; the words are ours, because its own may quote the prompt.
pub(super) fn broken(what: &str) -> EngineError {
    EngineError::Died(format!("the server sent {what}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(data: &str) -> Result<Delta, EngineError> {
        Delta::read(data, Dialect::Openai)
    }

    #[test]
    fn a_chunk_gives_text_tokens_and_the_end() {
        let delta = read(
            r#"{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"length","logprobs":
               {"content":[{"token":"H","logprob":-0.1},{"token":"i","logprob":-0.2}]}}],
               "usage":{"prompt_tokens":7,"completion_tokens":2}}"#,
        )
        .unwrap();
        assert_eq!((delta.text.as_str(), delta.entries.len()), ("Hi", 2));
        assert_eq!(delta.finish, Some(FinishReason::Length));
        assert_eq!(
            (delta.prompt_tokens, delta.completion_tokens),
            (Some(7), Some(2))
        );
    }

    #[test]
    fn usage_comes_alone_at_the_end() {
        let delta =
            read(r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#).unwrap();
        assert_eq!(delta.prompt_tokens, Some(3));
        assert!(delta.text.is_empty());
    }

    #[test]
    fn errors_and_thoughts_are_no_answers_and_quote_nothing() {
        for data in [
            r#"{"error":{"message":"secret"}}"#,
            r#"{"choices":[{"delta":{"reasoning_content":"secret"}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"tool_calls secret"}]}"#,
            "secret",
        ] {
            let error = read(data).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut lines = Lines::new();
        lines.feed(&vec![b'x'; LINE_LIMIT + 1]);
        assert!(lines.next_data().is_err());
    }

    proptest! {
        #[test]
        fn events_survive_any_cut(cut in 0_usize..60) {
            let wire = ": hello\r\n\r\ndata: {\"a\":\"\u{e9}\"}\n\nevent: x\ndata: [DONE]\n\n".as_bytes();
            let (head, tail) = wire.split_at(cut.min(wire.len()));
            let mut lines = Lines::new();
            let mut found = Vec::new();
            for part in [head, tail] {
                lines.feed(part);
                while let Some(data) = lines.next_data().unwrap() {
                    found.push(data);
                }
            }
            prop_assert_eq!(found, ["{\"a\":\"\u{e9}\"}", "[DONE]"]);
        }

        #[test]
        fn nothing_that_a_server_sends_panics(data in ".{0,200}") {
            let _ = read(&data);
        }
    }
}
