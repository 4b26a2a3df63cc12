//! How a request stands to conditions, in words. Of the request only names, numbers and lengths are told, never a text
//! and never the value of a header or tag, which may be personal.

use super::condition::{Condition, Field, Quantity, Range, Tools};
use super::facts::View;
use super::{Glob, Matcher};

/// Most names that are told of a list.
const MOST_NAMES: usize = 8;

/// One condition and how a request stands to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Where the condition stands: `routes[2].match.any[0].team`.
    pub place: String,
    /// What it wants.
    pub wanted: String,
    /// What the request has of the kind; empty for conditions that are made of others.
    pub had: String,
    /// Whether it holds.
    pub holds: bool,
    /// The conditions that it is made of.
    pub within: Vec<Self>,
}

impl Matcher {
    /// How a request stands to each condition, all of them looked at; `place` is where the conditions stand.
    pub(crate) fn findings(&self, place: &str, view: &View<'_>) -> Vec<Checked> {
        let conditions = self.conditions.iter();
        conditions
            .map(|condition| condition.finding(place, view))
            .collect()
    }
}

impl Condition {
    fn finding(&self, place: &str, view: &View<'_>) -> Checked {
        let place = format!("{place}.{}", self.key());
        let parts = |parts: &[Matcher]| {
            let parts = parts.iter().enumerate();
            parts
                .map(|(index, part)| {
                    let place = format!("{place}[{index}]");
                    Checked {
                        wanted: "each of these".to_owned(),
                        had: String::new(),
                        holds: part.holds(view),
                        within: part.findings(&place, view),
                        place,
                    }
                })
                .collect()
        };
        let within = match self {
            Self::All(list) | Self::Any(list) => parts(list),
            Self::Not(part) => part.findings(&place, view),
            _ => Vec::new(),
        };
        Checked {
            wanted: self.wanted(),
            had: self.had(view),
            holds: self.holds(view),
            within,
            place,
        }
    }

    /// The key that writes it.
    fn key(&self) -> String {
        match self {
            Self::Api(_) => "api".to_owned(),
            Self::Name(field, _) => match field {
                Field::Model => "model".to_owned(),
                Field::Path => "path".to_owned(),
                Field::Key => "key".to_owned(),
                Field::Team => "team".to_owned(),
                Field::Tag(name) => format!("tags.{name}"),
                Field::Header(name) => format!("headers.{name}"),
            },
            Self::Number(Quantity::Turns, _) => "turns".to_owned(),
            Self::Number(Quantity::PromptTokens, _) => "prompt_tokens".to_owned(),
            Self::ResponseFormat(_) => "response_format".to_owned(),
            Self::Tools(_) => "tools".to_owned(),
            Self::Modality(_) => "modality".to_owned(),
            Self::System(_) => "system".to_owned(),
            Self::UserMessage(_) => "user_message".to_owned(),
            Self::Language(_) => "language".to_owned(),
            Self::All(_) => "all".to_owned(),
            Self::Any(_) => "any".to_owned(),
            Self::Not(_) => "not".to_owned(),
        }
    }

    fn wanted(&self) -> String {
        match self {
            Self::Api(apis) => either(apis.iter().map(|api| api.as_str())),
            Self::Name(_, names) => globs(names),
            Self::Number(_, range) => range.words(),
            Self::ResponseFormat(formats) => either(formats.iter().map(|format| format.as_str())),
            Self::Tools(tools) => tools.words(),
            Self::Modality(wanted) => either(wanted.iter().map(|modality| modality.as_str())),
            Self::System(text) | Self::UserMessage(text) => text.to_string(),
            Self::Language(languages) => either(languages.iter().map(|language| language.code())),
            Self::All(_) => "each of these".to_owned(),
            Self::Any(_) => "one of these".to_owned(),
            Self::Not(_) => "not all of these".to_owned(),
        }
    }

    fn had(&self, view: &View<'_>) -> String {
        match self {
            Self::Api(_) => view.api().as_str().to_owned(),
            Self::Name(field, _) => match (field, view.name(field)) {
                (_, None) => "none".to_owned(),
                (Field::Tag(_) | Field::Header(_), Some(value)) => {
                    format!("a value of {}", characters(value))
                }
                (_, Some(name)) => name.to_owned(),
            },
            Self::Number(quantity, _) => quantity.of(view).to_string(),
            Self::ResponseFormat(_) => view.response_format().as_str().to_owned(),
            Self::Tools(_) => match view.tools() {
                [] => "none".to_owned(),
                tools => and(tools),
            },
            Self::Modality(_) => {
                let names: Vec<&str> = view.modalities().iter().map(|m| m.as_str()).collect();
                and(&names)
            }
            Self::System(_) => characters(view.system()),
            Self::UserMessage(_) => view
                .user_message()
                .map_or_else(|| "none".to_owned(), characters),
            Self::Language(_) => view
                .language()
                .map_or("in doubt", |language| language.code())
                .to_owned(),
            Self::All(_) | Self::Any(_) | Self::Not(_) => String::new(),
        }
    }
}

impl Range {
    fn words(self) -> String {
        match (self.min, self.max) {
            (min, u64::MAX) => format!("at least {min}"),
            (0, max) => format!("at most {max}"),
            (min, max) => format!("{min} to {max}"),
        }
    }
}

impl Tools {
    fn words(&self) -> String {
        match self {
            Self::Present => "some".to_owned(),
            Self::Absent => "none".to_owned(),
            Self::AnyOf(names) => format!("one called {}", globs(names)),
            Self::AllOf(names) => format!("one for each of {}", globs(names)),
            Self::Only(names) => format!("only such as {}", globs(names)),
        }
    }
}

fn globs(names: &[Glob]) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    either(names.iter().map(String::as_str))
}

fn either<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(" or ")
}

fn and(names: &[&str]) -> String {
    let told = names.iter().take(MOST_NAMES).copied();
    let mut text = told.collect::<Vec<_>>().join(", ");
    if let Some(more) = names.len().checked_sub(MOST_NAMES).filter(|more| *more > 0) {
        text += &format!(" and {more} more");
    }
    text
}

fn characters(text: &str) -> String {
    match text.chars().count() {
        1 => "1 character".to_owned(),
        count => format!("{count} characters"),
    }
}
