//! What an import has to say about a place of the file that it read.

use std::cmp::Ordering;

use super::node::Node;

/// A remark about one key of the file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) kind: FindingKind,
    /// From 1.
    pub(crate) line: usize,
    /// From 1.
    pub(crate) column: usize,
    /// Path of the key, such as `router_settings.num_retries`.
    pub(crate) key: String,
    /// Why, or what to do.
    pub(crate) text: String,
}

/// What sort of remark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FindingKind {
    /// Not carried over.
    NoCounterpart,
    /// Carried over, with another meaning in some detail.
    Different,
    /// For the user to do.
    ToDo,
}

impl FindingKind {
    /// For people.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NoCounterpart => "no counterpart",
            Self::Different => "different here",
            Self::ToDo => "to do",
        }
    }

    /// For programs.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::NoCounterpart => "no_counterpart",
            Self::Different => "different",
            Self::ToDo => "to_do",
        }
    }
}

impl Finding {
    pub(super) fn new(kind: FindingKind, node: &Node<'_>, text: impl Into<String>) -> Self {
        let place = node.place();
        Self {
            kind,
            line: place.line,
            column: place.column,
            key: node.path().to_owned(),
            text: text.into(),
        }
    }

    /// In one line; `file` is what the user calls the file.
    pub(crate) fn in_line(&self, file: &str) -> String {
        let Self {
            kind,
            line,
            column,
            key,
            text,
        } = self;
        format!("{file}:{line}:{column}: {}: {key}: {text}", kind.as_str())
    }
}

impl PartialOrd for Finding {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Finding {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |finding: &Self| (finding.line, finding.column, finding.kind);
        rank(self)
            .cmp(&rank(other))
            .then_with(|| self.key.cmp(&other.key))
            .then_with(|| self.text.cmp(&other.text))
    }
}
