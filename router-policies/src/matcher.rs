//! Which requests a route takes.

mod condition;
mod cover;
mod explain;
mod facts;
mod glob;
mod index;
mod language;
mod partial;
mod text;

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use tests::sample;

pub use explain::Checked;
pub use facts::{Facts, HeaderLookup};
pub use glob::Glob;
pub use partial::Partial;

pub(crate) use condition::{Condition, Field, Quantity, Range, Tools};
pub(crate) use cover::Effort;
pub(crate) use facts::View;
pub(crate) use index::Index;
pub(crate) use language::{Language, codes as language_codes};
pub(crate) use text::{Expression, Text};

/// Compiled conditions; all of them must hold, without any everything matches. Cost is linear in the length of the
/// request's texts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matcher {
    /// The cheapest first.
    conditions: Vec<Condition>,
}

impl Matcher {
    /// A matcher of these conditions.
    pub(crate) fn new(mut conditions: Vec<Condition>) -> Self {
        conditions.sort_by_key(Condition::cost);
        Self { conditions }
    }

    /// Whether a request with these facts takes the route, its model taken as the client wrote it.
    pub fn matches(&self, facts: &dyn Facts) -> bool {
        self.holds(&View::new(facts, facts.model()))
    }

    pub(crate) fn holds(&self, view: &View<'_>) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.holds(view))
    }

    /// Whether it surely takes every request.
    pub(crate) fn takes_everything(&self) -> bool {
        self.covers(&Self::default(), &mut Effort::for_one_question())
    }

    /// The patterns of model names that it takes, in the order written, those of alternatives included.
    pub(crate) fn models(&self) -> Vec<&Glob> {
        let mut models = Vec::new();
        for condition in &self.conditions {
            match condition {
                Condition::Name(Field::Model, names) => models.extend(names),
                Condition::All(parts) | Condition::Any(parts) => {
                    models.extend(parts.iter().flat_map(Self::models));
                }
                _ => {}
            }
        }
        models
    }
}
