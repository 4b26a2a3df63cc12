//! How large a configuration may be. Generous for people and generators, small enough that no file, however it was
//! made, takes the memory or the time of the machine.

use super::{Place, lines};
use crate::config::problem::Problem;

/// Most bytes of a file: 8 MiB, some 20,000 routes.
pub(in crate::config) const MAX_FILE: usize = 8 << 20;

/// Deepest nesting of lists and maps. The language itself needs less than ten.
pub(in crate::config) const MAX_DEPTH: usize = 48;

/// Most values in a file, keys included.
pub(in crate::config) const MAX_VALUES: usize = 1_000_000;

/// Most values that aliases may stand for, counted as if each were written out.
pub(in crate::config) const MAX_ALIASED: usize = 100_000;

/// A problem when `text` is longer than a file may be, at the first line that is too much.
pub(in crate::config) fn too_large(text: &str) -> Option<Problem> {
    if text.len() <= MAX_FILE {
        return None;
    }
    let kept = (0..=MAX_FILE).rev().find_map(|end| text.get(..end));
    let line = lines(kept.unwrap_or_default()).count().max(1);
    Some(
        Problem::new(format!(
            "the file is larger than {} MiB; the rest of it was not read",
            MAX_FILE >> 20
        ))
        .at(Place::point(line, 1)),
    )
}

/// Lists and maps in each other beyond [`MAX_DEPTH`].
pub(super) fn too_deep(place: Place) -> Problem {
    Problem::new(format!(
        "lists and maps are nested more than {MAX_DEPTH} deep; check the indentation and the brackets"
    ))
    .at(place)
}

/// More values than [`MAX_VALUES`].
pub(super) fn too_many(place: Place, most: usize) -> Problem {
    Problem::new(format!("the file has more than {most} values; divide it")).at(place)
}

/// More values behind aliases than [`MAX_ALIASED`].
pub(super) fn too_much_aliased(place: Place) -> Problem {
    Problem::new(format!(
        "the aliases up to this one stand for more than {MAX_ALIASED} values; share less, or write the values out"
    ))
    .at(place)
}
