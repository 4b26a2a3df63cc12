//! What can be wrong with a policy.

use std::fmt;

use thiserror::Error;

use crate::risk::TargetError;

/// One problem of a policy and where it is.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyError {
    /// Where, from the root of the policy: `routes[2].local.model`.
    pub path: String,
    /// What is wrong, and how to mend it.
    pub problem: PolicyProblem,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.problem)
    }
}

impl std::error::Error for PolicyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.problem)
    }
}

/// What is wrong. Every text says how to mend it.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PolicyProblem {
    /// There is no route.
    #[error("no route is declared; add at least one")]
    NoRoutes,
    /// A route's name is empty.
    #[error("the name is empty; give the route a name, it appears in every report")]
    EmptyName,
    /// A route's name cannot stand in a header.
    #[error(
        "the name `{name}` has characters that a header cannot carry; use letters, digits and `-_./:`"
    )]
    NameCharacters {
        /// The name.
        name: String,
    },
    /// Two routes have the same name.
    #[error("`{name}` is already the name of routes[{first}]; rename one of them")]
    DuplicateName {
        /// The name.
        name: String,
        /// Position of the first route of that name, from 0.
        first: usize,
    },
    /// An earlier route takes everything that this one matches.
    #[error(
        "never reached: routes[{first}] (`{by}`) matches everything this one does; move this one above it"
    )]
    Unreachable {
        /// Name of the earlier route.
        by: String,
        /// Position of the earlier route, from 0.
        first: usize,
    },
    /// The list of model patterns is empty.
    #[error("an empty list matches nothing; name a model, or leave `model` out to match all")]
    NoModels,
    /// A pattern or text to compare with is empty.
    #[error("the text to compare with is empty; write it, or leave the key out")]
    EmptyPattern,
    /// Something that cannot be the name of a header.
    #[error("`{name}` cannot be the name of a header; use letters, digits and `-`")]
    HeaderName {
        /// The name.
        name: String,
    },
    /// One header has two conditions.
    #[error("header `{name}` appears twice, names are compared without regard to case; keep one")]
    DuplicateHeader {
        /// The name, lower case.
        name: String,
    },
    /// The action needs a local model.
    #[error(
        "the action `{action}` needs `local`; name a local model, or set `action: upstream-only`"
    )]
    MissingLocal {
        /// The route's action.
        action: &'static str,
    },
    /// The action needs an upstream.
    #[error("the action `{action}` needs `upstream`; name one, or set `action: local-only`")]
    MissingUpstream {
        /// The route's action.
        action: &'static str,
    },
    /// No local model of that name is configured.
    #[error("there is no local model `{name}`; {}", mend(.nearest.as_deref(), .known))]
    UnknownLocalModel {
        /// The name.
        name: String,
        /// The most similar name there is, when one is similar.
        nearest: Option<String>,
        /// All the names there are.
        known: Vec<String>,
    },
    /// No upstream of that name is configured.
    #[error("there is no upstream `{name}`; {}", mend(.nearest.as_deref(), .known))]
    UnknownUpstream {
        /// The name.
        name: String,
        /// The most similar name there is, when one is similar.
        nearest: Option<String>,
        /// All the names there are.
        known: Vec<String>,
    },
    /// The upstream's model is empty.
    #[error("the model is empty; write it as the upstream calls it")]
    EmptyModel,
    /// Both ways of deciding are given.
    #[error(
        "`risk` and `threshold` exclude each other; keep `risk` to have the threshold found and proven"
    )]
    RiskAndThreshold,
    /// Neither way of deciding is given.
    #[error(
        "`local-first` needs to know what to accept; add `risk: {{max_regret: 2 %}}` or a `threshold`"
    )]
    NoTrust,
    /// The risk target is out of range.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A closed list without entries.
    #[error("an empty list allows no answer; name the answers, or use `text`")]
    NoLabels,
    /// An entry of a closed list is blank.
    #[error("the answer is blank; write it or remove it")]
    BlankLabel,
    /// A closed list names an answer twice.
    #[error("`{label}` is already entry {first} of the list; remove one of them")]
    DuplicateLabel {
        /// The answer.
        label: String,
        /// Position of the first one, from 0.
        first: usize,
    },
    /// A draft without tokens.
    #[error("a draft needs at least one token; raise `max_tokens` or leave it out")]
    ZeroTokens,
    /// A time of zero where it would forbid everything.
    #[error("no time at all; write a duration above zero, or leave the key out")]
    ZeroSpan,
    /// The first token may come later than the whole draft.
    #[error("the first token may take longer than the `deadline` of the whole draft; shorten it")]
    FirstTokenAfterDeadline,
}

/// The mend for an unknown name.
fn mend(nearest: Option<&str>, known: &[String]) -> String {
    match (nearest, known) {
        (Some(nearest), _) => format!("did you mean `{nearest}`?"),
        (None, []) => "none is configured, add it to the configuration first".to_owned(),
        (None, known) => format!("there are: `{}`", known.join("`, `")),
    }
}
