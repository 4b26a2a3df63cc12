//! From the path of a key, as problems name it, to its place.

use super::{Content, Id, Place, Tree};

impl Tree {
    /// The place of what `path` names, such as `routes[2].local.model`; where it does not exist, that of the nearest
    /// thing around it that does.
    pub(crate) fn locate(&self, path: &str) -> Place {
        let mut id = self.root();
        let mut place = self.place_of(None, id);
        let mut rest = path;
        while let Some((key, value, left)) = self.step(id, rest) {
            id = value;
            place = self.place_of(key, id);
            rest = left;
        }
        place
    }

    /// The child that `rest` starts with: its key, itself, and what is left.
    fn step<'p>(&self, id: Id, rest: &'p str) -> Option<(Option<Id>, Id, &'p str)> {
        match &self.get(id).content {
            Content::Scalar { .. } => None,
            Content::List(entries) => {
                let (index, left) = rest.strip_prefix('[')?.split_once(']')?;
                let entry = entries.get(index.parse::<usize>().ok()?)?;
                Some((None, *entry, left))
            }
            Content::Map(entries) => {
                let rest = rest.strip_prefix('.').unwrap_or(rest);
                // Names may contain dots (`gpt-4.1`): the longest one that fits is meant.
                let fits = |name: &str| {
                    let left = rest.strip_prefix(name)?;
                    (left.is_empty() || left.starts_with(['.', '['])).then_some(left)
                };
                let found = entries
                    .iter()
                    .filter_map(|entry| Some((entry, fits(self.text(entry.key))?)))
                    .min_by_key(|(_, left)| left.len());
                found.map(|(entry, left)| (Some(entry.key), entry.value, left))
            }
        }
    }

    /// Where a value is shown: itself if it is a text, its key if it is more than that or nothing.
    pub(crate) fn place_of(&self, key: Option<Id>, id: Id) -> Place {
        let value = self.get(id);
        match (&value.content, key) {
            (Content::Scalar { .. }, _) if !value.content.is_null() => value.place,
            (_, Some(key)) => self.get(key).place,
            // An entry of a list starts with its first key, which says more than one character.
            (Content::Map(entries), None) => entries
                .iter()
                .map(|entry| self.get(entry.key).place)
                .find(|first| (first.line, first.column) == (value.place.line, value.place.column))
                .unwrap_or(value.place),
            _ => value.place,
        }
    }
}
