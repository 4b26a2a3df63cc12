//! What can be wrong with a policy.

mod commit;
mod gap;
mod matching;
mod mend;

pub use commit::CommitProblem;
pub use matching::MatchProblem;

use std::fmt;

use thiserror::Error;

use mend::{mend, mend_lora, rounded};

use crate::live::AuditPlanError;
use crate::privacy::DetectorError;
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
    /// No route takes what the others leave.
    #[error(
        "no route takes the requests that match none of these; add one without `match` at the end, or write \
         `unmatched: reject` to have them refused"
    )]
    NoDefaultRoute,
    /// Something is wrong with the conditions of a route.
    #[error(transparent)]
    Match(#[from] MatchProblem),
    /// An alias stands for a name that no route asks for.
    #[error("no route asks for the model `{model}` by name, so the alias changes nothing; {}", mend(.nearest.as_deref(), .known))]
    UnknownModel {
        /// What the alias stands for.
        model: String,
        /// The most similar name there is, when one is similar.
        nearest: Option<String>,
        /// The names that routes ask for.
        known: Vec<String>,
    },
    /// An alias of an alias.
    #[error("`{model}` is an alias itself; write what it stands for, `{target}`")]
    AliasOfAlias {
        /// What the alias stands for.
        model: String,
        /// What that stands for.
        target: String,
    },
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
        "the action `{action}` needs `local` with a `model`; name one, or set `action: upstream-only`"
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
    /// The local model has no low-rank adapter of that name.
    #[error("the model `{model}` has no LoRA `{name}`; {}", mend_lora(.nearest.as_deref(), .known, .model))]
    UnknownLora {
        /// The local model.
        model: String,
        /// The name.
        name: String,
        /// The most similar name there is, when one is similar.
        nearest: Option<String>,
        /// All the names there are.
        known: Vec<String>,
    },
    /// There is no such detector of private data.
    #[error("there is no detector `{name}`; {}", mend(.nearest.as_deref(), .known))]
    UnknownDetector {
        /// The name.
        name: String,
        /// The most similar name there is, when one is similar.
        nearest: Option<String>,
        /// All the names there are.
        known: Vec<String>,
    },
    /// No team of that name is configured.
    #[error("there is no team `{name}`; {}", mend(.nearest.as_deref(), .known))]
    UnknownTeam {
        /// The name.
        name: String,
        /// The most similar name there is, when one is similar.
        nearest: Option<String>,
        /// All the names there are.
        known: Vec<String>,
    },
    /// No preset of that name is declared.
    #[error("there is no preset `{name}`; {}", mend(.nearest.as_deref(), .known))]
    UnknownPreset {
        /// The name.
        name: String,
        /// The most similar name there is, when one is similar.
        nearest: Option<String>,
        /// All the names there are.
        known: Vec<String>,
    },
    /// Presets extend each other in a circle.
    #[error("the presets extend each other in a circle: `{}`; take one of the links out", .circle.join("` → `"))]
    PresetCircle {
        /// The presets of the circle; the first one is also the last one.
        circle: Vec<String>,
    },
    /// A key is missing that cannot be left out and was not inherited either.
    #[error("`{key}` is missing; write for example `{example}`")]
    MissingKey {
        /// The key.
        key: &'static str,
        /// The key with a value.
        example: &'static str,
    },
    /// The list of upstreams is empty.
    #[error("an empty list asks nobody; name an upstream, or leave the key out")]
    NoUpstreams,
    /// A fallback that was asked already.
    #[error("the same upstream and model as entry {first}; a fallback has to be another one")]
    DuplicateUpstream {
        /// Position of the first one, from 0.
        first: usize,
    },
    /// The action `split` without arms.
    #[error("the action `split` needs `split` with its arms; add it, or choose another action")]
    MissingSplit,
    /// Arms that are never used.
    #[error("these arms are never used; set `action: split`, or remove them")]
    SplitWithoutAction,
    /// A split without arms.
    #[error("a split needs at least one arm; name the ways of answering that share the traffic")]
    NoArms,
    /// A split within a split.
    #[error("an arm cannot be split again; give this split more arms instead")]
    NestedSplit,
    /// Two arms have the same name.
    #[error("`{name}` is already the name of arm {first}; rename one of them")]
    DuplicateArm {
        /// The name.
        name: String,
        /// Position of the first one, from 0.
        first: usize,
    },
    /// The weights of the arms do not add up to 100 %.
    #[error("the weights add up to {} %, not to 100 %; change them", rounded(*.percent))]
    WeightSum {
        /// What they add up to.
        percent: f64,
    },
    /// What does not say what stays together in a split.
    #[error(
        "`{by}` does not say what stays together; write `key`, `team`, `user`, `header:NAME` or `request`"
    )]
    UnknownSticky {
        /// What was written.
        by: String,
    },
    /// The temperature is out of range.
    #[error("a temperature of {value} is out of range; write a number from 0 to 2")]
    Temperature {
        /// What was written.
        value: f64,
    },
    /// No token may be drawn.
    #[error("`top_p` of 0 % leaves no token to draw; raise it or leave it out")]
    ZeroTopP,
    /// Keys for drawing at random where nothing is drawn.
    #[error(
        "`top_p` and `seed` do nothing without a `temperature` above 0; add it, or remove them"
    )]
    GreedyDraw,
    /// A random draft cannot be certified.
    #[error(
        "`risk` is proven for the one draft that greedy decoding makes and says nothing about random ones; \
         remove `sampling`, or use a `threshold`"
    )]
    SampledRisk,
    /// An addition to the prompt is blank.
    #[error("the text is blank; write it, or leave it out")]
    BlankPrompt,
    /// The regular expression cannot be read.
    #[error("this is not a regular expression: {what}")]
    Regex {
        /// What is wrong with it.
        what: String,
    },
    /// The JSON schema cannot be used.
    #[error("this is not a JSON schema that can be used: {what}")]
    JsonSchema {
        /// What is wrong with it.
        what: String,
    },
    /// A list of detectors without entries.
    #[error(
        "an empty list detects nothing; name a detector, or write `true` to keep every request here"
    )]
    NoDetectors,
    /// A detector that says nothing, or two things.
    #[error("a detector is a pattern or a name for several; write one of `regex` and `any_of`")]
    DetectorForm,
    /// A pattern that cannot be used.
    #[error(transparent)]
    Detector(#[from] DetectorError),
    /// A name for several detectors among the several.
    #[error("`{name}` stands for several detectors itself; list them here one by one")]
    NestedDetector {
        /// The name.
        name: String,
    },
    /// More detectors than a request can be searched for.
    #[error("there are more than {most} detectors; join patterns with `|`")]
    TooManyDetectors {
        /// The most there may be.
        most: usize,
    },
    /// What must not leave could not be answered.
    #[error(
        "`private` needs `local`: what must not leave can only be answered here; name a local model"
    )]
    PinnedWithoutLocal,
    /// The action sends away what must not leave.
    #[error(
        "the action `{action}` sends every request away, which `private: true` forbids; \
         set `action: local-only` or `private: false`"
    )]
    PinnedAway {
        /// The route's action.
        action: &'static str,
    },
    /// A spent budget leaves nobody to answer.
    #[error(
        "`budget` says that the local model answers when it is spent, and there is none; \
         add `local`, or set `then: refuse`"
    )]
    BudgetWithoutLocal,
    /// A budget of nothing.
    #[error("a budget of nothing allows nothing; raise `max`, or set `action: local-only`")]
    ZeroBudget,
    /// Audits that are too rare to tell anything.
    #[error(transparent)]
    RareAudits(#[from] AuditPlanError),
    /// Something is wrong with when a draft becomes the answer.
    #[error(transparent)]
    Commit(#[from] CommitProblem),
    /// A judge of texts on a route whose answers are compared without one.
    #[error(
        "a judge compares free texts, and this route's answers have a form by which they are compared; remove `judge`, \
         or answer with `text`"
    )]
    JudgeWithoutText,
    /// A judge that is never asked.
    #[error("a judge of 0 % of the pairs judges nothing; raise `share`, or remove `judge`")]
    JudgeOfNothing,
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
