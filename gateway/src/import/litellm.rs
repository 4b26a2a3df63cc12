//! The configuration of a LiteLLM proxy: `model_list`, `router_settings`, `litellm_settings`, `general_settings`.
//! Names of keys and their meaning: <https://docs.litellm.ai/docs/proxy/config_settings>.

mod convert;
mod deployment;
mod provider;
mod read;
mod remark;

#[cfg(test)]
mod tests;

use crate::config::tree::{Place, Tree};
use crate::config::{ConfigError, Declared, Problem, Source};

use super::Imported;
use super::render::render;

/// Rewrites the configuration of a LiteLLM proxy.
///
/// # Errors
/// What keeps the file from being understood, each with its place.
pub(crate) fn from_litellm(source: Source<'_>) -> Result<Imported, ConfigError> {
    let (tree, repeated) =
        Tree::parse(source.text).map_err(|problems| ConfigError::new(source, None, problems))?;
    let refused = |problems| ConfigError::new(source, Some(&tree), problems);
    if !repeated.is_empty() {
        return Err(refused(repeated));
    }
    let (proxy, mut findings) = read::read(&tree).map_err(refused)?;
    let plan = convert::convert(&proxy, source.name, &mut findings);
    if plan.routes.is_empty() {
        return Err(refused(vec![nothing_left(&tree, &findings)]));
    }
    findings.sort();
    findings.dedup();
    let text = render(&plan, source.name, &findings);
    // What is written here must load there: whoever runs it next should not be the first to see.
    Declared::parse(&text, "the imported configuration")?;
    Ok(Imported {
        text,
        upstreams: plan.upstreams.len(),
        routes: plan.routes.len(),
        findings,
    })
}

/// The problem of a file of which no model can be asked.
fn nothing_left(tree: &Tree, findings: &[super::Finding]) -> Problem {
    let first = findings
        .iter()
        .find(|finding| finding.key.starts_with("model_list["));
    let why = first.map_or("it lists none", |finding| finding.text.as_str());
    let place = first.map_or_else(
        || tree.locate("model_list"),
        |finding| Place::point(finding.line, finding.column),
    );
    Problem::new("none of its models can be carried over")
        .with_help(why)
        .at(place)
        .of_key("model_list")
}
