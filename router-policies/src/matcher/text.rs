//! Conditions on texts.

use std::fmt;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

/// A compiled condition on a text; case counts. Takes time linear in the text, whatever the expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Text {
    /// The whole text.
    Equals(String),
    /// How the text starts.
    Prefix(String),
    /// What occurs somewhere in the text.
    Contains(String),
    /// What fits somewhere in the text.
    Regex(Expression),
}

/// A regular expression. Clones share the memory in which it is matched, so routes with the same one take no more.
///
/// Each is matched by itself rather than all of a policy as one set: the index leaves few routes whose expression is
/// asked for at all, a set would have to run them all to the end, and single ones skip ahead to the letters that they
/// begin with.
#[derive(Clone)]
pub(crate) struct Expression(Arc<Regex>);

/// Most memory that a compiled expression may take, in bytes.
const LARGEST: usize = 1 << 20;

impl Expression {
    /// Compiles an expression in the syntax of the `regex` crate.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        RegexBuilder::new(text)
            .size_limit(LARGEST)
            .dfa_size_limit(LARGEST)
            .build()
            .map(|regex| Self(Arc::new(regex)))
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => {
                    "it takes more memory than 1 MiB; repeat less in it".to_owned()
                }
                error => {
                    let text = error.to_string();
                    // The error repeats the expression over several lines; the last one says what is wrong.
                    let last = text.lines().next_back().unwrap_or_default();
                    last.trim_start_matches("error: ").to_owned()
                }
            })
    }
}

impl Text {
    /// Whether the condition holds for `text`.
    pub(crate) fn holds(&self, text: &str) -> bool {
        match self {
            Self::Equals(whole) => text == whole,
            Self::Prefix(start) => text.starts_with(start),
            Self::Contains(part) => text.contains(part),
            Self::Regex(expression) => expression.0.is_match(text),
        }
    }

    /// Whether every text for which `other` holds satisfies this too. `false` may also mean "not known".
    pub(crate) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Equals(text)) => self.holds(text),
            (Self::Prefix(_), Self::Prefix(part)) => self.holds(part),
            (Self::Contains(_), Self::Prefix(part) | Self::Contains(part)) => self.holds(part),
            (Self::Regex(ours), Self::Regex(theirs)) => ours == theirs,
            _ => false,
        }
    }

    /// Whether no text satisfies both. `false` may also mean "not known".
    pub(crate) fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Equals(text), condition) | (condition, Self::Equals(text)) => {
                !condition.holds(text)
            }
            (Self::Prefix(a), Self::Prefix(b)) => !a.starts_with(b) && !b.starts_with(a),
            _ => false,
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equals(text) if text.is_empty() => f.write_str("empty"),
            Self::Equals(text) => write!(f, "equals {text:?}"),
            Self::Prefix(text) => write!(f, "starts with {text:?}"),
            Self::Contains(text) => write!(f, "contains {text:?}"),
            Self::Regex(expression) => write!(f, "fits /{}/", expression.0),
        }
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Expression {}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.0.as_str()).finish()
    }
}
