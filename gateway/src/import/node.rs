//! A value of a file, with the path that leads to it.

use std::str::FromStr;

use rust_decimal::Decimal;

use crate::config::tree::{Content, Id, Place, Tree};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node<'t> {
    tree: &'t Tree,
    key: Option<Id>,
    id: Id,
    path: String,
}

impl<'t> Node<'t> {
    pub(super) const fn root(tree: &'t Tree) -> Self {
        Self {
            tree,
            key: None,
            id: tree.root(),
            path: String::new(),
        }
    }

    /// The key of the value in its map; nothing for entries of lists.
    pub(super) fn name(&self) -> &'t str {
        self.key.map_or("", |key| self.tree.text(key))
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn place(&self) -> Place {
        self.tree.place_of(self.key, self.id)
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.content(), Content::Map(_))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.content(), Content::List(_))
    }

    /// The entries of a map that are not null; none for anything else.
    pub(super) fn entries(&self) -> Vec<Self> {
        let entries = self.tree.entries(self.id).iter().map(|entry| {
            let name = self.tree.text(entry.key);
            let dot = if self.path.is_empty() { "" } else { "." };
            Self {
                tree: self.tree,
                key: Some(entry.key),
                id: entry.value,
                path: format!("{}{dot}{name}", self.path),
            }
        });
        entries.filter(|node| !node.content().is_null()).collect()
    }

    /// The entries of a list; none for anything else.
    pub(super) fn items(&self) -> Vec<Self> {
        let Content::List(items) = self.content() else {
            return Vec::new();
        };
        let items = items.iter().enumerate().map(|(index, id)| Self {
            tree: self.tree,
            key: None,
            id: *id,
            path: format!("{}[{index}]", self.path),
        });
        items.collect()
    }

    /// The value under `name`, unless it is null.
    pub(super) fn child(&self, name: &str) -> Option<Self> {
        self.entries().into_iter().find(|node| node.name() == name)
    }

    /// The text of a scalar; none for lists, maps and null.
    pub(super) fn text(&self) -> Option<&'t str> {
        match self.content() {
            Content::Scalar { text, .. } if !self.content().is_null() => Some(text),
            _ => None,
        }
    }

    /// Whether it is a plain `true`.
    pub(super) fn is_true(&self) -> bool {
        matches!(self.content(), Content::Scalar { text, plain: true } if text.eq_ignore_ascii_case("true"))
    }

    /// The exact value of a number, `2e-6` included.
    pub(super) fn number(&self) -> Option<Decimal> {
        let text = self.text()?.trim().replace('_', "");
        Decimal::from_str_exact(&text)
            .or_else(|_| Decimal::from_scientific(&text))
            .ok()
    }

    /// A whole number.
    pub(super) fn whole<T: FromStr>(&self) -> Option<T> {
        self.text()?.trim().parse().ok()
    }

    fn content(&self) -> &'t Content {
        &self.tree.get(self.id).content
    }
}
