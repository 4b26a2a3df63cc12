//! How a model on the hub is named.

use std::fmt::{self, Display};
use std::str::FromStr;

/// A repository with what is wanted of it: `org/name`, `org/name:FILE` or `org/name:QUANTIZATION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubModel {
    /// Organisation and name.
    pub repository: String,
    /// A file, or a quantization such as `Q8_0`.
    pub selection: Option<String>,
    /// Branch, tag or commit.
    pub revision: String,
}

/// The prefix of such a name where a path may stand as well.
const PREFIX: &str = "hf:";

impl HubModel {
    /// The model of a `path` that names the hub; `None` where it is a path on this machine.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Result<Self, String>> {
        path.strip_prefix(PREFIX).map(str::parse)
    }

    /// The same of another revision.
    #[must_use]
    pub fn at(self, revision: &str) -> Self {
        Self {
            revision: revision.to_owned(),
            ..self
        }
    }
}

impl FromStr for HubModel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix(PREFIX).unwrap_or(text);
        let (repository, selection) = match text.split_once(':') {
            Some((repository, selection)) => (repository, Some(selection)),
            None => (text, None),
        };
        let parts: Vec<&str> = repository.split('/').collect();
        let named = parts.len() == 2 && parts.iter().all(|part| is_name(part));
        let chosen = selection.is_none_or(|selection| selection.split('/').all(is_name));
        if !named || !chosen {
            return Err(format!(
                "`{text}` is no model of the hub; write `org/name`, `org/name:Q8_0` or `org/name:file.gguf`"
            ));
        }
        Ok(Self {
            repository: repository.to_owned(),
            selection: selection.map(str::to_owned),
            revision: "main".to_owned(),
        })
    }
}

/// Letters that the hub allows in names, and nothing that means something in a path.
pub(super) fn is_name(part: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    !part.is_empty() && !part.starts_with('.') && !part.contains("..") && part.chars().all(allowed)
}

impl Display for HubModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        if let Some(selection) = &self.selection {
            write!(f, ":{selection}")?;
        }
        if self.revision != "main" {
            write!(f, " at {}", self.revision)?;
        }
        Ok(())
    }
}
