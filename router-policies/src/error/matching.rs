//! What can be wrong with the conditions of a route.

use thiserror::Error;

use super::mend;

/// What is wrong with the conditions of a route. Every text says how to mend it.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MatchProblem {
    /// A list of things to match is empty.
    #[error(
        "an empty list matches nothing; name what it should match, or leave the key out to match all"
    )]
    EmptyList,
    /// A map of conditions is empty where it says nothing.
    #[error("there is no condition in here; write one, or remove the entry")]
    NoConditions,
    /// Conditions in conditions in conditions.
    #[error(
        "conditions are nested more than {most} deep; write the inner ones as routes of their own"
    )]
    TooDeep {
        /// Most maps in each other.
        most: usize,
    },
    /// A range says nothing.
    #[error("a range needs `min` or `max`; write for example `max: 4`")]
    NoBounds,
    /// A range is empty.
    #[error("no number is at least {min} and at most {max}; swap the two")]
    EmptyRange {
        /// What was written as the smallest.
        min: u64,
        /// What was written as the largest.
        max: u64,
    },
    /// A condition that never holds together with the others.
    #[error("never matches: no request satisfies this {}; change one of the two", with(.other.as_deref()))]
    Contradiction {
        /// Where the one stands that rules it out, if it is a single one.
        other: Option<String>,
    },
    /// A language that cannot be recognised.
    #[error("the language `{code}` is not known here; {}", .nearest.as_ref().map_or_else(
        || "write its two letters as in ISO 639-1, for example `en`".to_owned(),
        |nearest| format!("did you mean `{nearest}`?"),
    ))]
    UnknownLanguage {
        /// What was written.
        code: String,
        /// The most similar code there is, when one is similar.
        nearest: Option<String>,
    },
    /// No client key of that name is configured.
    #[error("there is no key `{name}`; {}", mend(.nearest.as_deref(), .known))]
    UnknownKey {
        /// The name, or a pattern that fits none.
        name: String,
        /// The most similar name there is, when one is similar.
        nearest: Option<String>,
        /// All the names there are.
        known: Vec<String>,
    },
    /// An API that is not served.
    #[error("this version does not serve the API `{name}` yet, so the route would never be used; it serves `{}`", .known.join("`, `"))]
    UnservedApi {
        /// The API.
        name: &'static str,
        /// Those that are served.
        known: Vec<String>,
    },
    /// A path that is not served.
    #[error("no request comes to the path `{name}`; {}", mend(.nearest.as_deref(), .known))]
    UnservedPath {
        /// The path, or a pattern that fits none.
        name: String,
        /// The most similar path there is, when one is similar.
        nearest: Option<String>,
        /// Those that are served.
        known: Vec<String>,
    },
    /// A route asks for a name that is replaced before.
    #[error(
        "`{name}` is an alias and never gets here; write `{model}`, which it stands for, or remove the alias"
    )]
    MatchesAlias {
        /// The alias.
        name: String,
        /// What it stands for.
        model: String,
    },
}

/// What a condition stands together with.
fn with(other: Option<&str>) -> String {
    other.map_or_else(
        || "and the other conditions here".to_owned(),
        |other| format!("and `{other}`"),
    )
}
