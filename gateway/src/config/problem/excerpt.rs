//! The line that a problem is in, with the place underlined.

use unicode_width::UnicodeWidthChar;

use super::secrets::{self, Secrets};
use super::visible;
use crate::config::tree::Place;

/// Most characters of a line that are shown; of longer ones, those around the place.
const LONGEST: usize = 120;

/// A line of the file, ready to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    number: String,
    line: String,
    /// Columns of a terminal before the place.
    before: usize,
    /// Columns of a terminal that the place takes.
    width: usize,
}

impl Excerpt {
    /// The line of `place`; none behind the end of the file.
    pub(super) fn new(lines: &[&str], place: Place, secrets: &Secrets) -> Option<Self> {
        let line = lines.get(place.line.checked_sub(1)?)?;
        let letters = secrets::masked(line, secrets.in_line(place.line));
        let start = place.column.saturating_sub(1).min(letters.len());
        let end = start.saturating_add(place.width).min(letters.len());
        let window = window(letters.len(), start);
        let part = |from: usize, to: usize| {
            let (from, to) = (from.max(window.start), to.min(window.end));
            letters
                .get(from..to)
                .unwrap_or_default()
                .iter()
                .map(|c| visible(*c))
        };
        let mut text: String = part(0, letters.len()).collect();
        let mut before = columns(part(0, start));
        if window.start > 0 {
            text.insert(0, '…');
            before += 1;
        }
        if window.end < letters.len() {
            text.push('…');
        }
        Some(Self {
            number: place.line.to_string(),
            line: text.trim_end().to_owned(),
            before,
            width: columns(part(start, end)).max(1),
        })
    }

    pub(super) fn number(&self) -> &str {
        &self.number
    }

    pub(super) fn line(&self) -> &str {
        &self.line
    }

    pub(super) fn underline(&self) -> String {
        format!("{}{}", " ".repeat(self.before), "^".repeat(self.width))
    }
}

/// Which characters of a line with `length` of them are shown.
fn window(length: usize, place: usize) -> std::ops::Range<usize> {
    if length <= LONGEST {
        return 0..length;
    }
    let start = place.saturating_sub(LONGEST / 2).min(length - LONGEST);
    start..start + LONGEST
}

/// Columns of a terminal that the letters take.
fn columns(letters: impl Iterator<Item = char>) -> usize {
    letters.map(|letter| letter.width().unwrap_or(0)).sum()
}
