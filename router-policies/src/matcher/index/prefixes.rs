//! Starts of names, sorted, so that all the starts that a name has are found by one search.

use super::Positions;

/// Routes by how a name starts.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    /// In the order of their texts.
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    text: Box<str>,
    positions: Positions,
    /// The longest other entry that this text starts with.
    shorter: Option<usize>,
}

impl Prefixes {
    pub(super) fn new<'a>(entries: impl Iterator<Item = (&'a str, Positions)>) -> Self {
        let mut all: Vec<(&str, Positions)> = entries.collect();
        all.sort_unstable_by_key(|(text, _)| *text);
        let mut prefixes = Self::default();
        for (text, positions) in all {
            let shorter = prefixes.longest(prefixes.entries.len(), text);
            prefixes.entries.push(Entry {
                text: text.into(),
                positions,
                shorter,
            });
        }
        prefixes
    }

    /// The routes of all the starts that `name` has, the longest start first.
    pub(super) fn of(&self, name: &str) -> impl Iterator<Item = &Positions> {
        let after = self.entries.partition_point(|entry| *entry.text <= *name);
        let longest = self.longest(after, name);
        std::iter::successors(longest, |at| self.entries.get(*at)?.shorter)
            .filter_map(|at| Some(&self.entries.get(at)?.positions))
    }

    /// The longest of the entries before `after` that `name` starts with, when no entry from there on sorts before it.
    ///
    /// Whatever sorts between a start of `name` and `name` itself has that start too, so the way leads from the last
    /// entry before `name` to ever shorter starts of that entry.
    fn longest(&self, after: usize, name: &str) -> Option<usize> {
        let mut at = after.checked_sub(1);
        while let Some(here) = at {
            let entry = self.entries.get(here)?;
            if name.starts_with(&*entry.text) {
                return Some(here);
            }
            at = entry.shorter;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Prefixes;

    proptest! {
        #[test]
        fn all_starts_are_found_the_longest_first(
            texts in prop::collection::btree_set("[abé]{0,4}", 0..12),
            name in "[abcé]{0,5}",
        ) {
            let entries = texts.iter().map(String::as_str).zip((0..).map(|n| vec![n]));
            let prefixes = Prefixes::new(entries);
            let mut expected: Vec<(usize, u32)> = texts
                .iter()
                .zip(0..)
                .filter(|(text, _)| name.starts_with(text.as_str()))
                .map(|(text, n)| (text.len(), n))
                .collect();
            expected.sort_unstable();
            let expected: Vec<u32> = expected.into_iter().rev().map(|(_, n)| n).collect();
            let found: Vec<u32> = prefixes.of(&name).flatten().copied().collect();
            prop_assert_eq!(found, expected);
        }
    }
}
