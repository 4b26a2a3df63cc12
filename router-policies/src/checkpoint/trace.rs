//! Drafts as the checkpoints saw them.

use super::is_checkpoint;
use crate::learn::Labelled;
use crate::number::real;
use crate::signals::{Features, Finish, Signals};
use crate::units::Probability;

/// What was known of a draft at one checkpoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prefix {
    /// Decision tokens so far.
    pub decisions: u32,
    /// The features so far.
    pub features: Features,
    /// Compute that the rest of the draft took, in the unit of [`Trace::busy`]; at least 0.
    pub left: f64,
}

/// A finished draft with what was known of it on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// In the order of their decisions.
    pub prefixes: Vec<Prefix>,
    /// Compute of the whole draft, prompt included; any unit, the same for all; above 0.
    pub busy: f64,
    /// Whether the verdict made it the answer.
    pub accepted: bool,
}

/// A finished draft with its label, before there is a verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Traced {
    /// What is known of the whole.
    pub labelled: Labelled,
    /// What was known on the way.
    pub prefixes: Vec<Prefix>,
    /// Compute of the whole draft, prompt included; any unit, the same for all.
    pub busy: f64,
}

impl Traced {
    /// The trace under a verdict that accepts valid drafts with a `p_bad` of at most `threshold`.
    pub(super) fn judged(&self, p_bad: Probability, threshold: Probability) -> Trace {
        Trace {
            prefixes: self.prefixes.clone(),
            busy: self.busy,
            accepted: self.labelled.valid && p_bad <= threshold,
        }
    }
}

/// How a draft came about, as the checkpoints saw it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Course {
    /// In the order of their decisions.
    pub prefixes: Vec<Prefix>,
    /// Compute of the whole draft, prompt included; any unit, the same for all. 0 where it is not known.
    pub busy: f64,
}

/// Keeps what the checkpoints see of a draft while its tokens arrive: one prefix each time the draft has doubled.
#[derive(Debug, Clone, Default)]
pub struct Tracer {
    seen: Vec<(u32, u64, Features)>,
}

impl Tracer {
    /// Looks at a draft after each of its tokens, except for the end token: with it there is nothing left to stop.
    pub fn look(&mut self, signals: &Signals) {
        if let Some((decisions, features)) = reached(signals) {
            self.seen.push((decisions, signals.tokens(), features));
        }
    }

    /// The prefixes of a draft of `tokens` tokens in all that took `decoding`, without the prompt. Tokens are taken to cost the
    /// same each, which for drafts that are short beside their context they do.
    pub fn finish(self, tokens: u64, decoding: f64) -> Vec<Prefix> {
        let per_token = decoding / real(tokens.max(1));
        let prefix = |(decisions, so_far, features)| Prefix {
            decisions,
            features,
            left: per_token * real(tokens.saturating_sub(so_far)),
        };
        self.seen.into_iter().map(prefix).collect()
    }
}

/// The features of a draft whose newest token is its decision number `decisions`; `None` of any other.
pub fn features_at(signals: &Signals, decisions: u32) -> Option<Features> {
    let there = signals.decided_last() && signals.decisions() == u64::from(decisions);
    there.then(|| signals.features(Finish::Stop))
}

/// Decisions and features of a draft whose newest token has brought it to a checkpoint.
pub(crate) fn reached(signals: &Signals) -> Option<(u32, Features)> {
    let due = signals.decided_last() && is_checkpoint(signals.decisions());
    let decisions = u32::try_from(signals.decisions()).ok().filter(|_| due)?;
    // How it will end is not known yet; every prefix is taken to be on its way to a proper end.
    Some((decisions, signals.features(Finish::Stop)))
}
