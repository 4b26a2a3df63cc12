//! From the text of a file to a configuration, or to everything that is wrong with it.

use std::path::Path;

use super::build::build;
use super::problem::{ConfigError, Problem, Source};
use super::schema::SCHEMA;
use super::shape::Shape;
use super::tree::{MAX_FILE, Place, Tree, lines};
use super::walk::{Walked, walk};
use super::{Config, document, repair, version_of};

/// Bytes of a file that are read: one more than allowed, so that a file of the largest size can be told apart.
pub(super) const MOST: u64 = MAX_FILE as u64 + 1;

/// Reads a file that is text.
pub(super) fn read(source: Source<'_>, folder: &Path) -> Result<Config, ConfigError> {
    let (tree, repeated) =
        Tree::parse(source.text).map_err(|problems| ConfigError::new(source, None, problems))?;
    let refused = |problems| ConfigError::new(source, Some(&tree), problems);
    let shape = Shape::new(&SCHEMA);
    let mut walked = walk(&tree, shape);
    walked.problems.extend(repeated);
    if !walked.problems.is_empty() {
        walked
            .problems
            .extend(beyond_form(&tree, shape, &walked, folder));
        return Err(refused(walked.problems));
    }
    let document = document::read(source.text).map_err(|problem| refused(vec![problem]))?;
    build(document, folder, version_of(source.text)).map_err(refused)
}

/// What is wrong with the meaning of a file whose form is wrong: of those parts that can be understood.
fn beyond_form(tree: &Tree, shape: Shape<'_>, walked: &Walked, folder: &Path) -> Vec<Problem> {
    let Some(damaged) = &walked.damaged else {
        return Vec::new();
    };
    let Some(document) = repair::repair(tree, shape, damaged) else {
        return Vec::new();
    };
    let mut problems = build(document, folder, String::new())
        .err()
        .unwrap_or_default();
    problems.retain(|problem| problem.keys().all(|key| !repair::hides(damaged, key)));
    problems
}

/// The error for bytes that are not UTF-8 from `offset` on.
pub(super) fn not_text(bytes: &[u8], offset: usize, name: &str) -> ConfigError {
    let (before, rest) = bytes.split_at(offset.min(bytes.len()));
    // With a letter in place of the byte, so that it has a line even at the start of one.
    let until = format!("{}x", String::from_utf8_lossy(before));
    let line = lines(&until).count();
    let column = lines(&until).last().map_or(1, |last| last.chars().count());
    let what = if matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        "the file is UTF-16; save it as UTF-8".to_owned()
    } else {
        let byte = rest.first().copied().unwrap_or_default();
        format!("the byte 0x{byte:02x} at offset {offset} is not UTF-8; save the file as UTF-8")
    };
    let problem = Problem::new(what).at(Place::point(line, column));
    let text = String::from_utf8_lossy(bytes);
    ConfigError::new(Source { name, text: &text }, None, vec![problem])
}
