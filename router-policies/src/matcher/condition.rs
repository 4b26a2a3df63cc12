//! Single conditions on a request.

use super::facts::View;
use super::language::Language;
use super::text::Text;
use super::{Glob, Matcher};
use crate::document::{Api, Modality, ResponseFormat};

/// A condition on a request. The order is that of what they cost to check.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    /// One of these APIs is asked.
    Api(Vec<Api>),
    /// A name that the request has is one of these; a request without it fails.
    Name(Field, Vec<Glob>),
    /// A number lies within bounds.
    Number(Quantity, Range),
    /// The answer is asked for in one of these forms; closed lists stand beside schemas wherever those do.
    ResponseFormat(Vec<ResponseFormat>),
    /// A condition on the tools offered.
    Tools(Tools),
    /// The messages hold one of these.
    Modality(Vec<Modality>),
    /// A condition on the system prompt.
    System(Text),
    /// A condition on the user's last message; fails without one.
    UserMessage(Text),
    /// The user's last message is surely in one of these languages.
    Language(Vec<Language>),
    /// All of these hold.
    All(Vec<Matcher>),
    /// One of these holds.
    Any(Vec<Matcher>),
    /// This does not hold.
    Not(Box<Matcher>),
}

/// A name that a request can have, of which routes can list those they take.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Field {
    Model,
    Path,
    Key,
    Team,
    Tag(String),
    /// Lower case.
    Header(String),
}

/// A number that a request has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantity {
    Turns,
    PromptTokens,
}

/// Numbers from `min` to `max`, both included; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) min: u64,
    pub(crate) max: u64,
}

/// A condition on the tools that a request offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tools {
    Present,
    Absent,
    /// A tool fits one of these.
    AnyOf(Vec<Glob>),
    /// Each of these fits a tool.
    AllOf(Vec<Glob>),
    /// There are tools and each fits one of these.
    Only(Vec<Glob>),
}

impl Condition {
    /// Whether the request satisfies it.
    pub(crate) fn holds(&self, view: &View<'_>) -> bool {
        match self {
            Self::Api(apis) => apis.contains(&view.api()),
            Self::Name(field, names) => view
                .name(field)
                .is_some_and(|actual| names.iter().any(|name| name.matches(actual))),
            Self::Number(quantity, range) => range.contains(quantity.of(view)),
            Self::ResponseFormat(formats) => formats.contains(&view.response_format()),
            Self::Tools(tools) => tools.holds(view.tools()),
            Self::Modality(wanted) => {
                let mut present = view.modalities().iter();
                present.any(|modality| wanted.contains(modality))
            }
            Self::System(text) => text.holds(view.system()),
            Self::UserMessage(text) => view.user_message().is_some_and(|said| text.holds(said)),
            Self::Language(languages) => view
                .language()
                .is_some_and(|language| languages.contains(&language)),
            Self::All(matchers) => matchers.iter().all(|matcher| matcher.holds(view)),
            Self::Any(matchers) => matchers.iter().any(|matcher| matcher.holds(view)),
            Self::Not(matcher) => !matcher.holds(view),
        }
    }

    /// How much there is to do, from little to much.
    pub(super) const fn cost(&self) -> u8 {
        match self {
            Self::Api(_) => 0,
            Self::Name(..) => 1,
            Self::Number(Quantity::Turns, _) | Self::ResponseFormat(_) => 2,
            Self::Tools(_) | Self::Modality(_) => 3,
            Self::Number(Quantity::PromptTokens, _) => 4,
            Self::System(_) => 5,
            Self::All(_) | Self::Any(_) | Self::Not(_) => 6,
            Self::UserMessage(_) => 7,
            Self::Language(_) => 8,
        }
    }
}

impl Quantity {
    pub(super) fn of(self, view: &View<'_>) -> u64 {
        match self {
            Self::Turns => view.turns(),
            Self::PromptTokens => view.prompt_tokens(),
        }
    }
}

impl Range {
    pub(crate) const fn contains(&self, number: u64) -> bool {
        self.min <= number && number <= self.max
    }
}

impl Tools {
    pub(super) fn holds(&self, offered: &[&str]) -> bool {
        let fits = |names: &[Glob], tool: &str| names.iter().any(|name| name.matches(tool));
        match self {
            Self::Present => !offered.is_empty(),
            Self::Absent => offered.is_empty(),
            Self::AnyOf(names) => offered.iter().any(|tool| fits(names, tool)),
            Self::AllOf(names) => names
                .iter()
                .all(|name| offered.iter().any(|tool| name.matches(tool))),
            Self::Only(names) => {
                !offered.is_empty() && offered.iter().all(|tool| fits(names, tool))
            }
        }
    }
}
