//! Labelled requests: JSON Lines of conversations with a known good answer.

use std::path::Path;

use local_engine::Message;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One labelled request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelledRequest {
    /// The conversation, oldest first.
    pub messages: Vec<Message>,
    /// The answer that is right; null when only the large model could give it.
    pub gold: Value,
}

impl LabelledRequest {
    /// The system prompt; empty without one.
    #[must_use]
    pub fn system(&self) -> String {
        let texts = self
            .messages
            .iter()
            .filter(|m| m.role == "system")
            .map(|m| m.content.as_str());
        texts.collect::<Vec<_>>().join("\n")
    }
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LabelledError {
    /// It cannot be read.
    #[error("{file}: cannot be read: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not a labelled request.
    #[error(
        "{file}:{line}:{column}: not a labelled request; write one object a line: \
         {{\"messages\": [{{\"role\": \"user\", \"content\": \"...\"}}], \"gold\": \"...\"}}"
    )]
    Line {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
}

/// Reads a file of labelled requests; blank lines are skipped.
///
/// # Errors
/// [`LabelledError`] with the place; the line itself is not repeated, it may be private.
pub fn read_labelled(path: &Path) -> Result<Vec<LabelledRequest>, LabelledError> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| LabelledError::Unreadable {
        file: file.clone(),
        source,
    })?;
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|e| LabelledError::Line {
                file: file.clone(),
                line: index + 1,
                column: e.column(),
            })
        })
        .collect()
}
