//! Which requests a route takes.

mod glob;

#[cfg(test)]
mod tests;

pub use glob::Glob;

use std::fmt;

use crate::document::TextMatch;

/// Looks up the value of a request header by its lower-case name.
pub type HeaderLookup<'a> = dyn Fn(&str) -> Option<&'a str> + 'a;

/// What a matcher may know of a request.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The `model` field, as the client wrote it.
    pub model: &'a str,
    /// The system prompt; empty without one.
    pub system: &'a str,
    /// Header lookup by lower-case name.
    pub header: &'a HeaderLookup<'a>,
}

impl fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the system prompt, which may be private and long.
        f.debug_struct("Facts")
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// Compiled conditions; all of them must hold. Cost is linear in the length of the request's texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matcher {
    pub(crate) models: Vec<Glob>,
    pub(crate) system: Option<TextMatch>,
    /// Lower-case names, each once.
    pub(crate) headers: Vec<(String, Glob)>,
}

impl Matcher {
    /// Whether a request with these facts takes the route.
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        self.models.iter().any(|model| model.matches(facts.model))
            && self
                .system
                .as_ref()
                .is_none_or(|condition| condition.holds(facts.system))
            && self.headers.iter().all(|(name, value)| {
                (facts.header)(name).is_some_and(|actual| value.matches(actual))
            })
    }

    /// The model names that are matched literally, in the order written.
    pub fn literal_models(&self) -> impl Iterator<Item = &str> {
        self.models.iter().filter_map(Glob::literal)
    }

    /// Whether everything that `other` matches is matched here too. `false` may also mean "not known".
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let model = |theirs: &Glob| self.models.iter().any(|ours| ours.covers(theirs));
        let header = |(name, ours): &(String, Glob)| {
            other
                .headers
                .iter()
                .any(|(theirs, value)| theirs == name && ours.covers(value))
        };
        other.models.iter().all(model)
            && self.headers.iter().all(header)
            && match (&self.system, &other.system) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(ours), Some(theirs)) => ours.covers(theirs),
            }
    }
}

impl TextMatch {
    /// Whether the condition holds for `text`.
    pub fn holds(&self, text: &str) -> bool {
        match self {
            Self::Equals(whole) => text == whole,
            Self::Prefix(start) => text.starts_with(start),
            Self::Contains(part) => text.contains(part),
        }
    }

    /// Whether every text for which `other` holds satisfies this too.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Equals(text)) => self.holds(text),
            (Self::Equals(_), _) | (Self::Prefix(_), Self::Contains(_)) => false,
            (Self::Prefix(_), Self::Prefix(part)) => self.holds(part),
            (Self::Contains(_), Self::Prefix(part) | Self::Contains(part)) => self.holds(part),
        }
    }
}
