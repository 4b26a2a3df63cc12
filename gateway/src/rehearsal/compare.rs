//! Two configurations side by side: which requests would be routed differently, and what routes mean that they did not.

mod booked;
mod meaning;
mod recorded;

use std::collections::BTreeMap;

use super::Call;
use super::course::{Way, course};
use crate::config::Declared;
use crate::egress::PinnedBy;

pub(crate) use meaning::{Change, changes};
pub(crate) use recorded::each_recorded;

/// Requests under two configurations.
#[derive(Debug)]
pub(crate) struct Comparison<'c> {
    old: &'c Declared,
    new: &'c Declared,
    /// Requests that were looked at.
    pub(crate) read: u64,
    /// Requests that would go another way, by their way before and after.
    pub(crate) moved: BTreeMap<(String, String), Group>,
    /// How many keep their way, by it.
    pub(crate) kept: BTreeMap<String, u64>,
    /// Requests of which it cannot be said, by their way before and what they may do after.
    pub(crate) undecided: BTreeMap<(String, String), Group>,
}

/// Requests with something in common.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) count: u64,
    /// Ids of the first of them.
    pub(crate) examples: Vec<String>,
}

/// Most ids that a group shows.
const EXAMPLES: usize = 3;

impl Group {
    fn add(&mut self, id: &str) {
        self.add_several(id, 1);
    }

    /// Adds requests of which one has this id.
    fn add_several(&mut self, id: &str, count: u64) {
        self.count += count;
        if self.examples.len() < EXAMPLES {
            self.examples.push(id.to_owned());
        }
    }
}

impl<'c> Comparison<'c> {
    pub(crate) const fn new(old: &'c Declared, new: &'c Declared) -> Self {
        Self {
            old,
            new,
            read: 0,
            moved: BTreeMap::new(),
            kept: BTreeMap::new(),
            undecided: BTreeMap::new(),
        }
    }

    /// Looks at a request of which everything is known.
    pub(crate) fn add(&mut self, id: &str, call: &Call) {
        let before = way(self.old, call);
        let after = way(self.new, call);
        self.note(id, before, after);
    }

    fn note(&mut self, id: &str, before: String, after: String) {
        self.read += 1;
        if before == after {
            *self.kept.entry(after).or_default() += 1;
        } else {
            self.moved.entry((before, after)).or_default().add(id);
        }
    }
}

/// The route or variant that a request takes, and what in the request keeps it here; all it may be where chance
/// decides; or the error that it gets.
fn way(declared: &Declared, call: &Call) -> String {
    let said = |way: &Way<'_>| {
        let id = way.route.id();
        match &way.pinned {
            // Of the others the route itself says it.
            Some(by @ (PinnedBy::Detector(_) | PinnedBy::Unreadable)) => {
                format!("{id}, kept here by {}", by.word())
            }
            _ => id.into_owned(),
        }
    };
    match course(declared, call) {
        Ok(course) => course.told(said).join(" or "),
        Err(fault) => format!("error {}", fault.kind().code()),
    }
}
