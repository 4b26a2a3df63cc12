//! From the text of a file to a configuration, or to everything that is wrong with it.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::build::build;
use super::problem::{ConfigError, Problem, Source};
use super::schema::{SCHEMA, schema_of};
use super::shape::Shape;
use super::tree::{MAX_FILE, Tree};
use super::walk::{Walked, walk, walk_other};
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

/// Reads a file of another kind in the same way: its form against the schema of `T`, then by serde. Beside what it says,
/// the places of everything in it.
///
/// # Errors
/// Everything that is wrong with the form of the file.
pub(crate) fn read_form<T: DeserializeOwned + JsonSchema>(
    source: Source<'_>,
) -> Result<(T, Tree), ConfigError> {
    let (tree, repeated) =
        Tree::parse(source.text).map_err(|problems| ConfigError::new(source, None, problems))?;
    let schema = schema_of::<T>();
    let mut problems = walk_other(&tree, Shape::new(&schema)).problems;
    problems.extend(repeated);
    if !problems.is_empty() {
        return Err(ConfigError::new(source, Some(&tree), problems));
    }
    match document::read(source.text) {
        Ok(read) => Ok((read, tree)),
        Err(problem) => Err(ConfigError::new(source, Some(&tree), vec![problem])),
    }
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
