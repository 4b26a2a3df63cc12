//! What is wrong with a configuration file, said so that it can be mended.

mod excerpt;
mod report;
mod secrets;

use std::fmt::{self, Display};

use super::tree::{Place, Tree};
use excerpt::Excerpt;

pub use report::ConfigError;
pub(crate) use report::Source;

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    place: Option<Place>,
    /// Path of the key, such as `routes[2].local.model`; empty if it is not about a key.
    key: String,
    what: String,
    help: Option<String>,
    note: Option<Box<Note>>,
    excerpt: Option<Box<Excerpt>>,
}

/// A second place that has to do with a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Note {
    text: String,
    target: Target,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Place(Place),
    Key(String),
}

/// Longest text from a file that a message repeats, in characters.
const MOST: usize = 400;

impl Problem {
    /// A problem. What follows the first `; ` in the text is the mend.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        let text = presentable(text.as_ref());
        let (what, help) = match mend_start(&text) {
            Some((end, start)) => (
                text.get(..end).unwrap_or_default(),
                text.get(start..).map(str::to_owned),
            ),
            None => (text.as_str(), None),
        };
        Self {
            place: None,
            key: String::new(),
            what: what.to_owned(),
            help,
            note: None,
            excerpt: None,
        }
    }

    /// A problem with the value of `key`, a path such as `upstreams.openai.base_url`.
    pub(crate) fn with_key(key: impl Into<String>, text: impl AsRef<str>) -> Self {
        Self {
            key: key.into(),
            ..Self::new(text)
        }
    }

    /// The same problem, with the value of `key`.
    pub(crate) fn of_key(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    pub(crate) fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    pub(crate) fn with_help(mut self, help: impl AsRef<str>) -> Self {
        self.help = Some(presentable(help.as_ref()));
        self
    }

    /// Adds where else to look.
    pub(super) fn with_note(mut self, text: &str, place: Place) -> Self {
        self.note = Some(Box::new(Note {
            text: text.to_owned(),
            target: Target::Place(place),
        }));
        self
    }

    /// As [`with_note`](Self::with_note), at the place of a key.
    pub(super) fn with_note_at_key(mut self, text: &str, key: impl Into<String>) -> Self {
        self.note = Some(Box::new(Note {
            text: text.to_owned(),
            target: Target::Key(key.into()),
        }));
        self
    }

    /// Finds the places of keys.
    fn locate(&mut self, tree: &Tree) {
        if self.place.is_none() {
            self.place = Some(tree.locate(&self.key));
        }
        if let Some(note) = &mut self.note
            && let Target::Key(key) = &note.target
        {
            note.target = Target::Place(tree.locate(key));
        }
    }

    /// Path of the key it is about, such as `routes[2].local.model`; empty if it is about none.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The keys it names: the one it is about and that of the note.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        let noted = self.note.iter().filter_map(|note| match &note.target {
            Target::Key(key) => Some(key.as_str()),
            Target::Place(_) => None,
        });
        noted.chain([self.key()])
    }

    /// What is wrong.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What to write instead.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Line and column, from 1; none if the file could not be read at all.
    #[must_use]
    pub fn position(&self) -> Option<(usize, usize)> {
        self.place.map(|place| (place.line, place.column))
    }
}

/// In one line, without its place.
impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{}: ", presentable(&self.key))?;
        }
        f.write_str(&self.what)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// End of what is wrong and start of the mend. A `; ` within backticks belongs to a name.
fn mend_start(text: &str) -> Option<(usize, usize)> {
    let mut quoted = false;
    for (index, letter) in text.char_indices() {
        match letter {
            '`' => quoted = !quoted,
            ';' if !quoted && text.get(index + 1..)?.starts_with(' ') => {
                return Some((index, index + 2));
            }
            _ => {}
        }
    }
    None
}

/// A text with names from a file in it, safe to print: in one line, without what steers a terminal, not endless.
fn presentable(text: &str) -> String {
    let mut shown: String = text.chars().take(MOST).map(visible).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

/// Stands in for characters that move the cursor, change colours or turn the direction of writing.
fn visible(letter: char) -> char {
    match letter {
        '\t' => ' ',
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        letter if letter.is_control() => '\u{fffd}',
        letter => letter,
    }
}

#[cfg(test)]
mod tests;
