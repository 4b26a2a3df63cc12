//! What an answer said, whoever gave it.

use serde_json::Value;

/// Longest answer that is kept for a comparison, in bytes.
const LONGEST: usize = 256 << 10;

/// The content of one answer. Its `Debug` output tells lengths, never the content.
#[derive(Clone, Default, PartialEq)]
pub struct Said {
    /// The text.
    pub text: String,
    /// The tools it calls.
    pub calls: Vec<Called>,
}

/// One call of a tool.
#[derive(Clone, Default, PartialEq)]
pub struct Called {
    /// The tool.
    pub name: String,
    /// Its arguments, JSON as text.
    pub arguments: String,
}

impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (bytes, calls) = (self.text.len(), self.calls.len());
        write!(f, "Said({bytes} bytes, {calls} calls)")
    }
}

impl std::fmt::Debug for Called {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Called({} bytes)", self.arguments.len())
    }
}

impl Said {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            calls: Vec::new(),
        }
    }

    /// The first choice of a chat completion; `None` if it did not come to its end (cut by a limit or a filter), so
    /// that it is no measure for another answer.
    #[must_use]
    pub fn of_completion(body: &Value) -> Option<Self> {
        let choice = body.pointer("/choices/0")?;
        let mut collected = Collected::default();
        collected.take(choice, "/message");
        collected.finish()
    }
}

/// A streamed answer as it is passed on.
#[derive(Debug, Default)]
pub struct Collected {
    said: Said,
    finish: Option<String>,
    too_long: bool,
}

impl Collected {
    /// Takes in a chunk of a streamed chat completion. Only the first choice counts.
    pub fn push(&mut self, chunk: &Value) {
        let choices = chunk.get("choices").and_then(Value::as_array);
        let first = |choice: &&Value| choice.get("index").and_then(Value::as_u64).unwrap_or(0) == 0;
        for choice in choices.into_iter().flatten().filter(first) {
            self.take(choice, "/delta");
        }
    }

    fn take(&mut self, choice: &Value, at: &str) {
        if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str) {
            self.finish = Some(reason.to_owned());
        }
        let Some(message) = choice.pointer(at) else {
            return;
        };
        for field in ["content", "refusal"] {
            if let Some(text) = message.get(field).and_then(Value::as_str) {
                self.add(text.len(), |said| said.text.push_str(text));
            }
        }
        let calls = message.get("tool_calls").and_then(Value::as_array);
        for (position, call) in calls.into_iter().flatten().enumerate() {
            let index = call.get("index").and_then(Value::as_u64);
            let index = index.map_or(position, |index| {
                usize::try_from(index).unwrap_or(usize::MAX)
            });
            self.call(index, call);
        }
    }

    /// Most calls of one answer; a stream that names a higher number is not compared.
    const MOST_CALLS: usize = 128;

    fn call(&mut self, index: usize, call: &Value) {
        if index >= Self::MOST_CALLS {
            self.too_long = true;
            return;
        }
        let part = |pointer: &str| call.pointer(pointer).and_then(Value::as_str).unwrap_or("");
        let (name, arguments) = (part("/function/name"), part("/function/arguments"));
        self.add(name.len() + arguments.len(), |said| {
            if said.calls.len() <= index {
                said.calls.resize(index + 1, Called::default());
            }
            if let Some(called) = said.calls.get_mut(index) {
                called.name.push_str(name);
                called.arguments.push_str(arguments);
            }
        });
    }

    fn add(&mut self, bytes: usize, add: impl FnOnce(&mut Said)) {
        let calls = self.said.calls.iter();
        let held = self.said.text.len() + calls.map(|c| c.arguments.len()).sum::<usize>();
        if self.too_long || held + bytes > LONGEST {
            // Half an answer is no measure: let go of all of it.
            self.too_long = true;
            self.said = Said::default();
        } else {
            add(&mut self.said);
        }
    }

    /// The answer; `None` if it was too long to keep or did not come to its end.
    #[must_use]
    pub fn finish(self) -> Option<Said> {
        let ended = !matches!(self.finish.as_deref(), Some("length" | "content_filter"));
        (ended && !self.too_long).then_some(self.said)
    }
}
