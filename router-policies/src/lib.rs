//! Routing policy, confidence and risk for Smallfirst: which route a request takes, how far a draft of the
//! small local model can be trusted, and what has been proven about that trust.
//!
//! Everything here is a pure function of its arguments: no I/O, no clock, no environment, no randomness. The
//! way through the crate follows a request:
//!
//! 1. a policy file is read into a [`PolicyDocument`] and compiled, once, into a [`Policy`];
//! 2. [`Policy::find`] turns the [`Facts`] of a request into a [`Route`], [`Route::for_asker`] into what that route
//!    means for the one who asks;
//! 3. [`Detectors`] say whether its texts hold private data, so that it must not leave;
//! 4. the local engine's [`TokenSignal`]s are folded into [`Signals`] and become [`Features`];
//! 5. a draft that will be rejected anyway is given up before its end: [`Judge::stop`];
//! 6. [`check`] rejects drafts that are wrong whatever the model thinks of them, [`inspect`] finds what makes them doubtful;
//! 7. a [`Judge`] turns features into a confidence and a [`Verdict`], on the strength of a [`Certificate`];
//! 8. labels collected on the way become a [`Scorer`] and a new certificate: [`learn()`], [`certify`]; while serving, a
//!    [`Learner`] sees to both.

mod certificate;
mod checkpoint;
mod document;
mod error;
mod learn;
mod live;
mod matcher;
mod number;
mod policy;
mod privacy;
#[cfg(test)]
mod random;
mod replay;
mod risk;
mod scorer;
mod signals;
mod units;
mod validators;
mod verdict;

pub use certificate::{Certificate, Changed, Fingerprint, Proven};
pub use checkpoint::{
    CHECKPOINTS, CheckpointTally, Course, FINISHED, Heads, Prefix, Stop, StopPromise, StopProof,
    StopTally, Stopping, Trace, Traced, Tracer, features_at, is_checkpoint, learn_to_stop, train,
};
pub use document::{
    ActionDocument, AnswerDocument, Api, ArmDocument, AuditDocument, BudgetAction, BudgetDocument,
    BudgetPeriod, CacheDocument, CommitDocument, DetectorDocument, ExampleDocument, FieldsDocument,
    LocalDocument, MatchDocument, Modality, OneOrMany, PolicyDocument, PresetDocument,
    PrivateDocument, PromptDocument, RangeDocument, ResponseFormat, RiskDocument, RouteDocument,
    SamplingDocument, SplitDocument, TextJudgeDocument, TextMatch, ToolsDocument,
    UnmatchedDocument, UpstreamDocument,
};
pub use error::{CommitProblem, MatchProblem, PolicyError, PolicyProblem};
pub use learn::{Labelled, Lesson, learn, prove};
pub use live::{
    Alarm, AlarmCause, AuditPlan, AuditPlanError, Event, Label, LabelSampling, Learner,
    LearningReport, LiveSettings, Observation, Phase, RouteLearning, Step, WatchedSignal,
};
pub use matcher::{Checked, Facts, Glob, HeaderLookup, Matcher, Partial};
pub use policy::{
    Action, Answer, Arm, Asker, Audit, Budget, Commit, Considered, Egress, Example, Explanation,
    LocalPlan, ModelRef, Names, Pattern, Pin, Policy, PolicyNotice, PolicyWarning, PromptAdditions,
    Route, Sampling, Schema, Split, StickyBy, TextJudge, Trust, nearest,
};
pub use privacy::{BuiltIn, Detector, DetectorError, DetectorName, Detectors, Finding};
pub use replay::{
    BINS, Bin, Calibrator, Doubt, NamedFit, NamedScorer, Operation, Outcome, Point, Ranking,
    expected_error, reliability,
};
pub use risk::{
    Certified, Estimate, LiveProof, Proof, RiskTarget, TargetError, binomial_cdf, certify,
    certify_on, least_n, thresholds, thresholds_in, upper_bound,
};
pub use scorer::{Scorer, ScorerError};
pub use signals::{
    FeatureError, Features, Finish, Marker, PromptSignal, Role, Signals, Soft, TokenSignal,
};
pub use units::{Amount, Factor, Probability, Span, UnitError};
pub use validators::{CallProblem, ToolCall, ToolChoice, Tools, ToolsError, check, inspect};
pub use verdict::{Assessment, Judge, LearningCause, Reason, UnknownReason, Verdict};
