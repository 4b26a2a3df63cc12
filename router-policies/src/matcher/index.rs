//! Finds the first route that takes a request without asking them all.
//!
//! Each route is filed under names that a request must have to be taken by it, such as its model or its team: exact
//! names in a table, names with a `*` under the letters before it. A request looks up what it has and checks only what
//! it finds, and the few routes that ask for no name at all. Of several conditions a route is filed under the rarest,
//! so a thousand routes for one model and as many teams are told apart by team.

mod prefixes;

use std::collections::HashMap;

use super::condition::{Condition, Field};
use super::facts::View;
use super::{Glob, Matcher};
use prefixes::Prefixes;

/// Positions of routes.
type Positions = Vec<u32>;

/// The routes of a policy by the names that they ask for.
#[derive(Debug, Default)]
pub(crate) struct Index {
    fields: Vec<(Field, Names)>,
    /// Those filed under no name.
    rest: Positions,
}

#[derive(Debug, Default)]
struct Names {
    exact: HashMap<Box<str>, Positions>,
    prefixes: Prefixes,
}

/// A name that a route can be filed under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Label<'a> {
    field: &'a Field,
    text: &'a str,
    /// Whether the text is only how the name starts.
    starts: bool,
}

/// How many routes ask for a name.
type Frequency<'a> = HashMap<Label<'a>, u64>;

impl Index {
    /// Files `matchers`.
    pub(crate) fn new<'a>(matchers: impl Iterator<Item = &'a Matcher> + Clone) -> Self {
        let mut frequency = Frequency::new();
        for matcher in matchers.clone() {
            count(matcher, &mut frequency);
        }
        let mut builder = Builder::default();
        for (position, matcher) in (0..).zip(matchers) {
            builder.file(
                position,
                rarest(matcher, &frequency).map(|(_, labels)| labels),
            );
        }
        builder.finish()
    }

    /// The first route for which `takes` says yes, of those that may take a request with this view.
    pub(crate) fn first(&self, view: &View<'_>, takes: impl Fn(usize) -> bool) -> Option<usize> {
        let mut found = First {
            best: u32::MAX,
            takes,
        };
        for (field, names) in &self.fields {
            let Some(name) = view.name(field) else {
                continue;
            };
            found.look(names.exact.get(name));
            names
                .prefixes
                .of(name)
                .for_each(|some| found.look(Some(some)));
        }
        found.look(Some(&self.rest));
        usize::try_from(found.best)
            .ok()
            .filter(|_| found.best != u32::MAX)
    }

    /// The first of the routes before `position` for which `covers` says yes, of those that [`Matcher::covers`] may find
    /// to cover `matcher`.
    pub(crate) fn first_covering(
        &self,
        matcher: &Matcher,
        position: usize,
        covers: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let end = u32::try_from(position).unwrap_or(u32::MAX);
        let mut found = First {
            best: end,
            takes: covers,
        };
        for (field, names) in witnesses(matcher) {
            let Some((_, filed)) = self.fields.iter().find(|(known, _)| known == field) else {
                continue;
            };
            // Who covers a list covers its first name, exactly or by how it starts.
            let Some(name) = names.first() else { continue };
            if let Some(literal) = name.literal() {
                found.look(filed.exact.get(literal));
            }
            let prefixes = filed.prefixes.of(name.start());
            prefixes.for_each(|some| found.look(Some(some)));
        }
        found.look(Some(&self.rest));
        usize::try_from(found.best)
            .ok()
            .filter(|_| found.best != end)
    }
}

/// The first route so far.
struct First<F> {
    best: u32,
    takes: F,
}

impl<F: Fn(usize) -> bool> First<F> {
    /// Looks through positions in rising order.
    fn look(&mut self, positions: Option<&Positions>) {
        let before = positions.into_iter().flatten();
        for position in before.take_while(|position| **position < self.best) {
            if usize::try_from(*position).is_ok_and(&self.takes) {
                self.best = *position;
                return;
            }
        }
    }
}

/// What a pattern is filed under; nothing if it says nothing about how a name starts.
fn label<'a>(field: &'a Field, name: &'a Glob) -> Option<Label<'a>> {
    let text = name.start();
    let starts = name.literal().is_none();
    (!starts || !text.is_empty()).then_some(Label {
        field,
        text,
        starts,
    })
}

fn count<'a>(matcher: &'a Matcher, frequency: &mut Frequency<'a>) {
    for condition in &matcher.conditions {
        match condition {
            Condition::Name(field, names) => {
                for label in names.iter().filter_map(|name| label(field, name)) {
                    *frequency.entry(label).or_default() += 1;
                }
            }
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().for_each(|part| count(part, frequency));
            }
            _ => {}
        }
    }
}

/// Labels of which every request that `matcher` takes has one: those that the fewest routes share, and how many do.
fn rarest<'a>(matcher: &'a Matcher, frequency: &Frequency<'a>) -> Option<(u64, Vec<Label<'a>>)> {
    let of_condition = |condition: &'a Condition| match condition {
        Condition::Name(field, names) => {
            let labels = names.iter().map(|name| label(field, name));
            let labels = labels.collect::<Option<Vec<_>>>()?;
            let shared = labels.iter().filter_map(|label| frequency.get(label)).sum();
            Some((shared, labels))
        }
        Condition::All(parts) => least(parts.iter().filter_map(|part| rarest(part, frequency))),
        Condition::Any(parts) => {
            let mut sum = (0, Vec::new());
            for part in parts {
                let (shared, labels) = rarest(part, frequency)?;
                sum.0 += shared;
                sum.1.extend(labels);
            }
            Some(sum)
        }
        _ => None,
    };
    least(matcher.conditions.iter().filter_map(of_condition))
}

fn least<'a>(some: impl Iterator<Item = (u64, Vec<Label<'a>>)>) -> Option<(u64, Vec<Label<'a>>)> {
    some.min_by_key(|(shared, _)| *shared)
}

/// Lists of names of which `matcher` asks for one each; of alternatives only what the first one asks for.
fn witnesses(matcher: &Matcher) -> Vec<(&Field, &[Glob])> {
    let mut found = Vec::new();
    for condition in &matcher.conditions {
        match condition {
            Condition::Name(field, names) => found.push((field, names.as_slice())),
            Condition::All(parts) => found.extend(parts.iter().flat_map(witnesses)),
            Condition::Any(parts) => found.extend(parts.first().into_iter().flat_map(witnesses)),
            _ => {}
        }
    }
    found
}

#[derive(Default)]
struct Builder<'a> {
    fields: HashMap<&'a Field, Filed<'a>>,
    rest: Positions,
}

#[derive(Default)]
struct Filed<'a> {
    exact: HashMap<&'a str, Positions>,
    prefixes: HashMap<&'a str, Positions>,
}

impl<'a> Builder<'a> {
    /// Positions come in rising order.
    fn file(&mut self, position: u32, labels: Option<Vec<Label<'a>>>) {
        let Some(labels) = labels else {
            self.rest.push(position);
            return;
        };
        for label in labels {
            let filed = self.fields.entry(label.field).or_default();
            let table = if label.starts {
                &mut filed.prefixes
            } else {
                &mut filed.exact
            };
            let positions = table.entry(label.text).or_default();
            if positions.last() != Some(&position) {
                positions.push(position);
            }
        }
    }

    fn finish(self) -> Index {
        let mut fields: Vec<(Field, Names)> = self
            .fields
            .into_iter()
            .map(|(field, filed)| {
                let exact = filed.exact.into_iter();
                let names = Names {
                    exact: exact.map(|(name, some)| (name.into(), some)).collect(),
                    prefixes: Prefixes::new(filed.prefixes.into_iter()),
                };
                (field.clone(), names)
            })
            .collect();
        fields.sort_by(|(a, _), (b, _)| a.cmp(b));
        Index {
            fields,
            rest: self.rest,
        }
    }
}
