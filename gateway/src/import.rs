//! Configurations of other gateways, rewritten for this one. Nothing is dropped in silence: what has no counterpart, what
//! means something else here and what is left to do are findings, each with its place.

mod finding;
mod litellm;
mod node;
mod plan;
mod render;

pub(crate) use finding::{Finding, FindingKind};
pub(crate) use litellm::from_litellm;

/// A configuration that was rewritten.
#[derive(Debug)]
pub(crate) struct Imported {
    /// The file to write.
    pub(crate) text: String,
    /// In the order of their places.
    pub(crate) findings: Vec<Finding>,
    /// Upstreams written.
    pub(crate) upstreams: usize,
    /// Routes written.
    pub(crate) routes: usize,
}
