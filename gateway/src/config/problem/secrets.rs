//! Keys that somebody wrote into the file by mistake. An excerpt must not show them: it ends up in logs and tickets.

use std::collections::HashMap;

use crate::config::tree::{Content, Id, Tree};

/// Where in the file secrets stand.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    /// By line: start and width in characters.
    places: HashMap<usize, Vec<(usize, usize)>>,
}

/// How references to secrets start; they may be shown.
const REFERENCES: [&str; 3] = ["env:", "file:", "sha256:"];

impl Secrets {
    /// Every text under a key that sounds like a secret and is no reference to one.
    pub(super) fn of(tree: &Tree) -> Self {
        let mut secrets = Self::default();
        for value in tree.values() {
            let Content::Map(entries) = &value.content else {
                continue;
            };
            for entry in entries {
                if is_secret_name(tree.text(entry.key)) {
                    secrets.hide(tree, entry.value);
                }
            }
        }
        secrets
    }

    fn hide(&mut self, tree: &Tree, id: Id) {
        let value = tree.get(id);
        match &value.content {
            Content::Scalar { text, .. } => {
                if !is_reference(text) {
                    let places = self.places.entry(value.place.line).or_default();
                    places.push((value.place.column - 1, value.place.width));
                }
            }
            Content::List(entries) => {
                for entry in entries {
                    // Only texts: what is nested deeper has keys of its own.
                    if let Content::Scalar { .. } = tree.get(*entry).content {
                        self.hide(tree, *entry);
                    }
                }
            }
            Content::Map(_) => {}
        }
    }

    pub(super) fn in_line(&self, line: usize) -> &[(usize, usize)] {
        self.places.get(&line).map_or(&[], Vec::as_slice)
    }
}

/// The characters of a line, secrets as stars: those at known places, and what looks like one. The latter is for
/// files that are not even YAML.
pub(super) fn masked(line: &str, known: &[(usize, usize)]) -> Vec<char> {
    let mut letters: Vec<char> = line.chars().collect();
    for (start, width) in known {
        cover(&mut letters, *start, start.saturating_add(*width));
    }
    let mut from = 0;
    while let Some(start) = letters
        .iter()
        .skip(from)
        .position(|c| *c == ':')
        .map(|i| from + i + 1)
    {
        if is_secret_name(&name_before(&letters, start - 1)) {
            cover_value(&mut letters, start);
        }
        from = start;
    }
    for start in 0..letters.len() {
        let starts_word =
            start == 0 || letters.get(start - 1).is_some_and(|c| !c.is_alphanumeric());
        if starts_word
            && letters
                .get(start..)
                .is_some_and(|rest| rest.starts_with(&['s', 'k', '-']))
        {
            let length = letters
                .iter()
                .skip(start)
                .take_while(|c| !is_delimiter(**c))
                .count();
            cover(&mut letters, start, start + length);
        }
    }
    letters
}

/// Covers what follows the colon of a secret's name, unless it is a reference.
fn cover_value(letters: &mut [char], colon: usize) {
    let blank = |c: &&char| matches!(**c, ' ' | '"' | '\'' | '\t');
    let start = colon + letters.iter().skip(colon).take_while(blank).count();
    let value: String = letters.iter().skip(start).take(8).collect();
    if !is_reference(&value) {
        let length = letters
            .iter()
            .skip(start)
            .take_while(|c| !matches!(**c, ',' | '}' | ']'))
            .count();
        cover(letters, start, start + length);
    }
}

/// The name that ends before the colon.
fn name_before(letters: &[char], colon: usize) -> String {
    let before = letters.get(..colon).unwrap_or_default().iter().rev();
    let name: Vec<char> = before
        .skip_while(|c| matches!(**c, ' ' | '"' | '\''))
        .take_while(|c| c.is_alphanumeric() || matches!(**c, '_' | '-'))
        .copied()
        .collect();
    name.into_iter().rev().collect()
}

fn cover(letters: &mut [char], start: usize, end: usize) {
    let end = end.min(letters.len());
    if let Some(covered) = letters.get_mut(start..end) {
        covered.fill('*');
    }
}

const fn is_delimiter(letter: char) -> bool {
    matches!(letter, ' ' | ',' | '}' | ']' | '"' | '\'')
}

fn is_reference(text: &str) -> bool {
    REFERENCES.iter().any(|start| text.starts_with(start))
}

/// Whether a key of this name holds a secret, here or where the reader's configuration came from.
fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    let last = name.rsplit('_').next().unwrap_or_default();
    matches!(
        last,
        "key" | "apikey" | "token" | "secret" | "password" | "authorization" | "credentials"
    )
}
