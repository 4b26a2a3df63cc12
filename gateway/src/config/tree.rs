//! The file as a tree in which every key and every value knows its place. It exists for error messages and for
//! looking at a file as a whole; the values the gateway works with are read by serde, from the same text.

mod build;
mod limits;
mod path;

pub(super) use limits::{MAX_ALIASED, MAX_DEPTH, MAX_FILE, MAX_VALUES};

use super::problem::Problem;

/// Where something starts, and how much of that line it takes. All in characters; lines and columns count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// At least 1.
    pub(crate) width: usize,
}

impl Place {
    /// Where a file begins.
    pub(crate) const START: Self = Self {
        line: 1,
        column: 1,
        width: 1,
    };

    /// One character.
    pub(crate) const fn point(line: usize, column: usize) -> Self {
        Self {
            line,
            column,
            width: 1,
        }
    }
}

/// The lines of a text as YAML counts them: a carriage return by itself ends one, too.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text).filter(|text| !text.is_empty());
    std::iter::from_fn(move || {
        let text = rest?;
        let (line, left) = match text.split_once(['\n', '\r']) {
            None => (text, ""),
            // Both together end one line.
            Some((line, left)) if text.get(line.len()..)?.starts_with("\r\n") => {
                (line, left.strip_prefix('\n')?)
            }
            Some(split) => split,
        };
        rest = Some(left).filter(|left| !left.is_empty());
        Some(line)
    })
}

/// Index of a value in its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id(usize);

/// A parsed file. An alias is the value it names, so values may be shared; they are never circular.
#[derive(Debug)]
pub(crate) struct Tree {
    values: Vec<Value>,
    root: Id,
}

/// A value and where it stands.
#[derive(Debug)]
pub(crate) struct Value {
    pub(crate) place: Place,
    pub(crate) content: Content,
}

/// What a value is.
#[derive(Debug)]
pub(crate) enum Content {
    /// A text; `plain` without quotes, so that it may also be a number, a truth value or null.
    Scalar {
        text: Box<str>,
        plain: bool,
    },
    List(Vec<Id>),
    /// With merges (`<<`) carried out. Keys are scalars and differ.
    Map(Vec<Entry>),
}

/// One key of a map and what it stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) key: Id,
    pub(crate) value: Id,
}

/// Shown for an id of another tree; there are none.
static NOTHING: Value = Value {
    place: Place::START,
    content: Content::List(Vec::new()),
};

impl Tree {
    /// Reads a text. Beside the tree: every key that is written twice, of which the tree has the first.
    ///
    /// # Errors
    /// What keeps it from being a tree: an error of syntax, a limit passed; and the keys that are repeated before it.
    pub(crate) fn parse(text: &str) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        build::build(text, MAX_VALUES)
    }

    pub(crate) const fn root(&self) -> Id {
        self.root
    }

    pub(crate) fn get(&self, id: Id) -> &Value {
        self.values.get(id.0).unwrap_or(&NOTHING)
    }

    /// All values, in no order that matters.
    pub(crate) fn values(&self) -> &[Value] {
        &self.values
    }

    /// The text of a scalar; nothing for lists and maps.
    pub(crate) fn text(&self, id: Id) -> &str {
        match &self.get(id).content {
            Content::Scalar { text, .. } => text,
            Content::List(_) | Content::Map(_) => "",
        }
    }

    /// The entries of a map; none for anything else.
    pub(crate) fn entries(&self, id: Id) -> &[Entry] {
        match &self.get(id).content {
            Content::Map(entries) => entries,
            Content::Scalar { .. } | Content::List(_) => &[],
        }
    }
}

impl Content {
    /// Whether serde takes the value for null: no text, `~` or `null`, without quotes.
    pub(crate) fn is_null(&self) -> bool {
        let Self::Scalar { text, plain: true } = self else {
            return false;
        };
        matches!(&**text, "" | "~" | "null" | "Null" | "NULL")
    }
}

#[cfg(test)]
mod tests;
