//! What follows from conditions: which requests they let through for sure, and which for sure not. Both questions have
//! an answer that is never wrong, and "not known" where an answer would take long.

use super::condition::{Condition, Field, Tools};
use super::{Glob, Matcher};
use crate::document::Modality;

/// How far a question is thought through. Nested lists on both sides can be compared in very many ways.
#[derive(Debug)]
pub(crate) struct Effort {
    left: u64,
    spent: u64,
}

impl Effort {
    /// Enough for anything that people write.
    pub(crate) const fn for_one_question() -> Self {
        Self {
            left: 10_000,
            spent: 0,
        }
    }

    /// The same, but at most so many steps.
    pub(crate) fn within(self, most: u64) -> Self {
        Self {
            left: self.left.min(most),
            ..self
        }
    }

    /// Steps taken so far.
    pub(crate) const fn spent(&self) -> u64 {
        self.spent
    }

    /// Takes a step, if there is one left.
    const fn spend(&mut self) -> bool {
        let any = self.left > 0;
        if any {
            self.left -= 1;
            self.spent += 1;
        }
        any
    }
}

impl Matcher {
    /// Whether everything that `other` matches is matched here too. `false` may also mean "not known".
    pub(crate) fn covers(&self, other: &Self, effort: &mut Effort) -> bool {
        let mut conditions = self.conditions.iter();
        conditions.all(|condition| condition.follows_from(other, effort))
    }

    /// Whether nothing is matched by both. `false` may also mean "not known".
    pub(crate) fn excludes(&self, other: &Self, effort: &mut Effort) -> bool {
        let mut conditions = self.conditions.iter();
        conditions.any(|condition| condition.excludes(other, effort))
    }
}

impl Condition {
    /// Whether it holds for everything that `given` matches.
    fn follows_from(&self, given: &Matcher, effort: &mut Effort) -> bool {
        if !effort.spend() {
            return false;
        }
        let at_once = match self {
            Self::All(parts) => parts.iter().all(|part| part.covers(given, effort)),
            Self::Any(parts) => parts.iter().any(|part| part.covers(given, effort)),
            Self::Not(part) => part.excludes(given, effort),
            // Every request has these.
            Self::Name(Field::Model | Field::Path | Field::Key, names) => {
                names.iter().any(Glob::matches_all)
            }
            _ => false,
        };
        let mut conditions = given.conditions.iter();
        at_once || conditions.any(|condition| condition.implies(self, effort))
    }

    /// Whether `other` holds wherever this does.
    fn implies(&self, other: &Self, effort: &mut Effort) -> bool {
        match (self, other) {
            (Self::All(parts), _) => parts.iter().any(|part| other.follows_from(part, effort)),
            (Self::Any(parts), _) => parts.iter().all(|part| other.follows_from(part, effort)),
            (Self::Not(ours), Self::Not(theirs)) => ours.covers(theirs, effort),
            _ => other.covers_plain(self),
        }
    }

    /// Whether it never holds for what `given` matches.
    pub(crate) fn excludes(&self, given: &Matcher, effort: &mut Effort) -> bool {
        if !effort.spend() {
            return false;
        }
        let at_once = match self {
            Self::All(parts) => parts.iter().any(|part| part.excludes(given, effort)),
            Self::Any(parts) => parts.iter().all(|part| part.excludes(given, effort)),
            Self::Not(part) => part.covers(given, effort),
            _ => false,
        };
        let mut conditions = given.conditions.iter();
        at_once || conditions.any(|condition| condition.rules_out(self, effort))
    }

    /// Whether `other` never holds where this does.
    fn rules_out(&self, other: &Self, effort: &mut Effort) -> bool {
        match self {
            Self::All(parts) => parts.iter().any(|part| other.excludes(part, effort)),
            Self::Any(parts) => parts.iter().all(|part| other.excludes(part, effort)),
            Self::Not(part) => {
                let mut conditions = part.conditions.iter();
                effort.spend() && conditions.all(|condition| other.implies(condition, effort))
            }
            _ => self.excludes_plain(other),
        }
    }

    /// Whether it holds wherever `other` does, of conditions without others in them.
    fn covers_plain(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Api(ours), Self::Api(theirs)) => includes(ours, theirs),
            (Self::Name(ours, names), Self::Name(field, theirs)) => {
                ours == field && all_cover(names, theirs)
            }
            (Self::Number(ours, range), Self::Number(quantity, theirs)) => {
                ours == quantity && range.min <= theirs.min && theirs.max <= range.max
            }
            (Self::ResponseFormat(ours), Self::ResponseFormat(theirs)) => includes(ours, theirs),
            (Self::Tools(ours), Self::Tools(theirs)) => ours.covers(theirs),
            (Self::Modality(ours), Self::Modality(theirs)) => includes(ours, theirs),
            (Self::System(ours), Self::System(theirs))
            | (Self::UserMessage(ours), Self::UserMessage(theirs)) => ours.covers(theirs),
            (Self::Language(ours), Self::Language(theirs)) => includes(ours, theirs),
            _ => false,
        }
    }

    /// Whether the two never hold together, of conditions without others in them.
    fn excludes_plain(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Api(ours), Self::Api(theirs)) => !overlaps(ours, theirs),
            (Self::Name(ours, names), Self::Name(field, theirs)) => {
                ours == field && all_exclude(names, theirs)
            }
            (Self::Number(ours, range), Self::Number(quantity, theirs)) => {
                ours == quantity && (range.max < theirs.min || theirs.max < range.min)
            }
            (Self::ResponseFormat(ours), Self::ResponseFormat(theirs)) => !overlaps(ours, theirs),
            (Self::Tools(ours), Self::Tools(theirs)) => ours.excludes(theirs),
            // Only a request of text alone cannot hold something else besides.
            (Self::Modality(ours), Self::Modality(theirs)) => {
                let text_alone = |some: &[Modality]| some.iter().all(|m| *m == Modality::Text);
                !overlaps(ours, theirs) && (text_alone(ours) || text_alone(theirs))
            }
            (Self::System(ours), Self::System(theirs))
            | (Self::UserMessage(ours), Self::UserMessage(theirs)) => ours.excludes(theirs),
            (Self::Language(ours), Self::Language(theirs)) => !overlaps(ours, theirs),
            _ => false,
        }
    }
}

impl Tools {
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Present, theirs) => *theirs != Self::Absent,
            (Self::AnyOf(ours), Self::AnyOf(theirs) | Self::Only(theirs))
            | (Self::Only(ours), Self::Only(theirs)) => all_cover(ours, theirs),
            (Self::AnyOf(ours), Self::AllOf(theirs)) => theirs
                .iter()
                .any(|theirs| ours.iter().any(|ours| ours.covers(theirs))),
            (Self::AllOf(ours), Self::AllOf(theirs)) => ours
                .iter()
                .all(|ours| theirs.iter().any(|theirs| ours.covers(theirs))),
            _ => self == other,
        }
    }

    fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Absent, other) | (other, Self::Absent) => *other != Self::Absent,
            (Self::Only(only), Self::AnyOf(names) | Self::Only(names))
            | (Self::AnyOf(names), Self::Only(only)) => all_exclude(only, names),
            (Self::Only(only), Self::AllOf(names)) | (Self::AllOf(names), Self::Only(only)) => {
                names
                    .iter()
                    .any(|name| only.iter().all(|only| only.excludes(name)))
            }
            _ => false,
        }
    }
}

/// Whether each of `theirs` is covered by one of `ours`.
fn all_cover(ours: &[Glob], theirs: &[Glob]) -> bool {
    theirs
        .iter()
        .all(|theirs| ours.iter().any(|ours| ours.covers(theirs)))
}

/// Whether nothing fits one of `ours` and one of `theirs`.
fn all_exclude(ours: &[Glob], theirs: &[Glob]) -> bool {
    theirs
        .iter()
        .all(|theirs| ours.iter().all(|ours| ours.excludes(theirs)))
}

fn includes<T: PartialEq>(ours: &[T], theirs: &[T]) -> bool {
    theirs.iter().all(|theirs| ours.contains(theirs))
}

fn overlaps<T: PartialEq>(ours: &[T], theirs: &[T]) -> bool {
    theirs.iter().any(|theirs| ours.contains(theirs))
}
