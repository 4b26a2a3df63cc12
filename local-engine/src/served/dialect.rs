//! How the servers differ, as far as it matters here.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::EngineError;
use crate::job::Constraint;

/// Which server answers: they share the API's shape and differ beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// vLLM 0.12 or newer.
    Vllm,
    /// The server of llama.cpp.
    LlamaServer,
    /// Ollama 0.12.11 or newer, the first one with log-probabilities.
    Ollama,
    /// `SGLang`.
    Sglang,
    /// The server of mistral.rs; its logarithms have base 10.
    MistralRs,
    /// Nothing beyond what the API's own documents say.
    #[default]
    Openai,
}

impl Dialect {
    /// What a logarithm of this server is multiplied by to become a natural one.
    pub(super) fn to_natural(self) -> f64 {
        match self {
            Self::MistralRs => std::f64::consts::LN_10,
            _ => 1.0,
        }
    }

    /// Adds to a request what holds the answer to `constraint`.
    ///
    /// # Errors
    /// [`EngineError::Unsupported`] where the server has no means for it.
    pub(super) fn constrain(
        self,
        body: &mut Map<String, Value>,
        constraint: &Constraint,
    ) -> Result<(), EngineError> {
        let (key, value) = match constraint {
            Constraint::OneOf(labels) if labels.is_empty() => {
                return Err(unsupported("a closed list without answers"));
            }
            Constraint::OneOf(labels) => self.one_of(labels)?,
            Constraint::Regex(pattern) => self.regex(pattern)?,
            Constraint::Json => ("response_format", json!({"type": "json_object"})),
            Constraint::JsonSchema(schema) => ("response_format", response_schema(schema)?),
        };
        body.insert(key.to_owned(), value);
        Ok(())
    }

    fn one_of(self, labels: &[String]) -> Result<(&'static str, Value), EngineError> {
        match self {
            Self::Vllm => Ok(("structured_outputs", json!({"choice": labels}))),
            Self::Sglang => Ok(("regex", alternatives(labels).into())),
            Self::LlamaServer => Ok(("grammar", grammar(labels).into())),
            Self::Ollama | Self::MistralRs | Self::Openai => Err(unsupported(
                "this kind of server cannot be held to a closed list; take vllm, llama-server or sglang, or ask for a \
                 JSON schema",
            )),
        }
    }

    fn regex(self, pattern: &str) -> Result<(&'static str, Value), EngineError> {
        match self {
            Self::Vllm => Ok(("structured_outputs", json!({"regex": pattern}))),
            Self::Sglang => Ok(("regex", pattern.into())),
            Self::LlamaServer | Self::Ollama | Self::MistralRs | Self::Openai => Err(unsupported(
                "this kind of server cannot be held to a regular expression; take vllm or sglang",
            )),
        }
    }

    /// Adds what keeps a model that can think aloud from doing it: thoughts are no answer, and they cost time.
    pub(super) fn without_thinking(self, body: &mut Map<String, Value>) {
        match self {
            Self::Vllm | Self::LlamaServer | Self::Sglang => {
                let off = json!({"enable_thinking": false});
                body.insert("chat_template_kwargs".to_owned(), off);
            }
            Self::Ollama => {
                body.insert("reasoning_effort".to_owned(), "none".into());
            }
            Self::MistralRs => {
                body.insert("enable_thinking".to_owned(), false.into());
            }
            Self::Openai => {}
        }
    }
}

fn unsupported(text: &str) -> EngineError {
    EngineError::Unsupported(text.to_owned())
}

fn response_schema(schema: &str) -> Result<Value, EngineError> {
    let schema: Value = serde_json::from_str(schema)
        .map_err(|_| unsupported("the JSON schema of the answer is not JSON"))?;
    Ok(
        json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": true}}),
    )
}

/// A regular expression of exactly `labels`.
fn alternatives(labels: &[String]) -> String {
    let mut pattern = String::from("(");
    for (index, label) in labels.iter().enumerate() {
        if index > 0 {
            pattern.push('|');
        }
        for letter in label.chars() {
            if letter.is_ascii_punctuation() {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
    }
    pattern.push(')');
    pattern
}

/// A grammar of exactly `labels`, in the form of llama.cpp (GBNF, `grammars/README.md` there).
fn grammar(labels: &[String]) -> String {
    let mut rule = String::from("root ::= ");
    for (index, label) in labels.iter().enumerate() {
        rule.push_str(if index == 0 { "\"" } else { " | \"" });
        for letter in label.chars() {
            match letter {
                '"' => rule.push_str("\\\""),
                '\\' => rule.push_str("\\\\"),
                '\n' => rule.push_str("\\n"),
                '\r' => rule.push_str("\\r"),
                '\t' => rule.push_str("\\t"),
                letter => rule.push(letter),
            }
        }
        rule.push('"');
    }
    rule
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Constraint {
        Constraint::OneOf(["a.b".to_owned(), "say \"no\"\n".to_owned()].into())
    }

    fn held(dialect: Dialect, constraint: &Constraint) -> Result<Value, EngineError> {
        let mut body = Map::new();
        dialect.constrain(&mut body, constraint)?;
        Ok(body.into())
    }

    #[test]
    fn closed_lists_are_said_in_each_tongue() {
        assert_eq!(
            held(Dialect::Vllm, &labels()).unwrap(),
            json!({"structured_outputs": {"choice": ["a.b", "say \"no\"\n"]}})
        );
        assert_eq!(
            held(Dialect::Sglang, &labels()).unwrap(),
            json!({"regex": "(a\\.b|say \\\"no\\\"\n)"})
        );
        assert_eq!(
            held(Dialect::LlamaServer, &labels()).unwrap(),
            json!({"grammar": "root ::= \"a.b\" | \"say \\\"no\\\"\\n\""})
        );
    }

    #[test]
    fn what_a_server_cannot_do_is_refused_before_it_is_asked() {
        for dialect in [Dialect::Ollama, Dialect::Openai, Dialect::MistralRs] {
            assert!(matches!(
                held(dialect, &labels()),
                Err(EngineError::Unsupported(_))
            ));
        }
        let pattern = Constraint::Regex("[a-z]+".into());
        assert!(held(Dialect::LlamaServer, &pattern).is_err());
        let nothing = Constraint::OneOf([].into());
        assert!(held(Dialect::Vllm, &nothing).is_err());
    }

    #[test]
    fn a_schema_is_said_as_the_api_says_it() {
        let schema = Constraint::JsonSchema(r#"{"type":"object"}"#.into());
        let body = held(Dialect::Ollama, &schema).unwrap();
        assert_eq!(
            body["response_format"]["json_schema"]["schema"],
            json!({"type": "object"})
        );
    }
}
