//! What an answer must be.

use std::fmt;
use std::sync::Arc;

use jsonschema::Validator;
use regex::Regex;
use serde_json::Value;

/// What an answer must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Any text that is not blank.
    Text,
    /// A JSON object or array and nothing else.
    Json,
    /// Exactly one of these texts: at least one, none blank, none twice.
    OneOf(Arc<[String]>),
    /// A text that this describes from its first to its last character.
    Regex(Pattern),
    /// JSON that this allows, with at most white space around it.
    JsonSchema(Schema),
}

/// A compiled regular expression. Matching takes time linear in the text, whatever the expression.
#[derive(Clone)]
pub struct Pattern {
    text: Arc<str>,
    whole: Regex,
}

impl Pattern {
    /// Compiles an expression in the syntax of the `regex` crate.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn new(text: &str) -> Result<Self, String> {
        // On its own first: put between the anchors, `a)(b` would pass.
        Regex::new(text)
            .and_then(|_| Regex::new(&format!(r"\A(?:{text})\z")))
            .map(|whole| Self {
                text: text.into(),
                whole,
            })
            .map_err(|error| last_line(&error.to_string()))
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The expression as it was written, to share.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Whether the expression describes the whole of `text`.
    pub fn matches(&self, text: &str) -> bool {
        self.whole.is_match(text)
    }
}

/// The errors of `regex` repeat the expression over several lines; the last one says what is wrong.
fn last_line(error: &str) -> String {
    let last = error.lines().next_back().unwrap_or(error);
    last.trim_start_matches("error: ").to_owned()
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.text).finish()
    }
}

/// A compiled JSON schema: draft 2020-12 unless it names another. It stands on its own; references to other documents
/// are refused when it is compiled.
#[derive(Clone)]
pub struct Schema {
    document: Arc<Value>,
    text: Arc<str>,
    validator: Arc<Validator>,
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn new(document: &Value) -> Result<Self, String> {
        if !document.is_object() {
            return Err("it is not an object".to_owned());
        }
        // The plain engine, whose matching takes linear time: the texts come from a model.
        jsonschema::options()
            .with_pattern_options(jsonschema::PatternOptions::regex())
            .build(document)
            .map(|validator| Self {
                document: Arc::new(document.clone()),
                text: document.to_string().into(),
                validator: Arc::new(validator),
            })
            .map_err(|error| match error.instance_path().as_str() {
                "" => error.to_string(),
                at => format!("at `{at}`: {error}"),
            })
    }

    /// The schema as it was written.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The schema as JSON text, its keys in the order in which they were written.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Whether the schema allows `value`.
    pub fn allows(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.document == other.document
    }
}

impl Eq for Schema {}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Schema").field(&self.document).finish()
    }
}
