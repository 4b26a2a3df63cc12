//! From the text of a file to a configuration, or to everything that is wrong with it.

use super::build::build;
use super::problem::{ConfigError, Problem, Source};
use super::schema::SCHEMA;
use super::shape::Shape;
use super::tree::{MAX_FILE, Tree};
use super::walk::{Walked, walk};
use super::{Config, Site, document, repair, version_of};

/// Bytes of a file that are read: one more than allowed, so that a file of the largest size can be told apart.
pub(super) const MOST: u64 = MAX_FILE as u64 + 1;

/// Reads a file that is text.
pub(super) fn read(source: Source<'_>, site: Site<'_>) -> Result<Config, ConfigError> {
    let (tree, repeated) =
        Tree::parse(source.text).map_err(|problems| ConfigError::new(source, None, problems))?;
    let refused = |problems| ConfigError::new(source, Some(&tree), problems);
    let shape = Shape::new(&SCHEMA);
    let mut walked = walk(&tree, shape);
    walked.problems.extend(repeated);
    if !walked.problems.is_empty() {
        walked
            .problems
            .extend(beyond_form(&tree, shape, &walked, site));
        return Err(refused(walked.problems));
    }
    let document = document::read(source.text).map_err(|problem| refused(vec![problem]))?;
    build(document, site, version_of(source.text)).map_err(refused)
}

/// What is wrong with the meaning of a file whose form is wrong: of those parts that can be understood.
fn beyond_form(tree: &Tree, shape: Shape<'_>, walked: &Walked, site: Site<'_>) -> Vec<Problem> {
    let Some(damaged) = &walked.damaged else {
        return Vec::new();
    };
    let Some(document) = repair::repair(tree, shape, damaged) else {
        return Vec::new();
    };
    let mut problems = build(document, site, String::new())
        .err()
        .unwrap_or_default();
    problems.retain(|problem| problem.keys().all(|key| !repair::hides(damaged, key)));
    problems
}
