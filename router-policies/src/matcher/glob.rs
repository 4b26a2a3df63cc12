//! Names with `*`.

use std::fmt;

/// A pattern in which `*` stands for any run of characters, none included. Case counts; there is no escape.
///
/// Matching is linear in the text: taking the leftmost place for each piece between stars is never worse than
/// any other, so nothing is ever tried twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    shape: Shape,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    Literal(String),
    /// `start*middle*middle*end`; the middles are not empty, so that equal patterns are equal values.
    Starred {
        start: String,
        middles: Vec<String>,
        end: String,
    },
}

impl Glob {
    /// Compiles a pattern. Every text is one.
    pub fn new(pattern: &str) -> Self {
        let pieces: Vec<&str> = pattern.split('*').collect();
        let shape = match pieces.as_slice() {
            [start, middles @ .., end] => Shape::Starred {
                start: (*start).to_owned(),
                middles: middles
                    .iter()
                    .filter(|m| !m.is_empty())
                    .map(ToString::to_string)
                    .collect(),
                end: (*end).to_owned(),
            },
            _ => Shape::Literal(pattern.to_owned()),
        };
        Self { shape }
    }

    /// Whether `text` as a whole fits the pattern.
    pub fn matches(&self, text: &str) -> bool {
        match &self.shape {
            Shape::Literal(literal) => text == literal,
            Shape::Starred {
                start,
                middles,
                end,
            } => {
                let inner = text.strip_prefix(start.as_str());
                let Some(mut rest) = inner.and_then(|rest| rest.strip_suffix(end.as_str())) else {
                    return false;
                };
                middles
                    .iter()
                    .all(|middle| match rest.split_once(middle.as_str()) {
                        Some((_, after)) => {
                            rest = after;
                            true
                        }
                        None => false,
                    })
            }
        }
    }

    /// The only text that matches, for a pattern without `*`.
    pub fn literal(&self) -> Option<&str> {
        match &self.shape {
            Shape::Literal(literal) => Some(literal),
            Shape::Starred { .. } => None,
        }
    }

    /// Whether every text matches.
    pub fn matches_all(&self) -> bool {
        match &self.shape {
            Shape::Literal(_) => false,
            Shape::Starred {
                start,
                middles,
                end,
            } => start.is_empty() && middles.is_empty() && end.is_empty(),
        }
    }

    /// What every text that matches starts with.
    pub(crate) fn start(&self) -> &str {
        match &self.shape {
            Shape::Literal(start) | Shape::Starred { start, .. } => start,
        }
    }

    fn end(&self) -> &str {
        match &self.shape {
            Shape::Literal(end) | Shape::Starred { end, .. } => end,
        }
    }

    /// Whether every text that fits `other` fits this too. `false` may also mean "not known".
    pub(crate) fn covers(&self, other: &Self) -> bool {
        if let Some(literal) = other.literal() {
            return self.matches(literal);
        }
        let Shape::Starred {
            start,
            middles,
            end,
        } = &self.shape
        else {
            return false;
        };
        self == other
            || (middles.is_empty()
                && other.start().starts_with(start)
                && other.end().ends_with(end))
    }

    /// Whether no text fits both. `false` may also mean "not known".
    pub(crate) fn excludes(&self, other: &Self) -> bool {
        if let Some(literal) = self.literal() {
            return !other.matches(literal);
        }
        if let Some(literal) = other.literal() {
            return !self.matches(literal);
        }
        let (start, theirs) = (self.start(), other.start());
        let starts_differ = !start.starts_with(theirs) && !theirs.starts_with(start);
        let (end, theirs) = (self.end(), other.end());
        starts_differ || (!end.ends_with(theirs) && !theirs.ends_with(end))
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shape {
            Shape::Literal(literal) => f.write_str(literal),
            Shape::Starred {
                start,
                middles,
                end,
            } => {
                write!(f, "{start}*")?;
                for middle in middles {
                    write!(f, "{middle}*")?;
                }
                f.write_str(end)
            }
        }
    }
}
