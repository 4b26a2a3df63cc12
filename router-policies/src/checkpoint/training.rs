//! Heads of a route that proves its threshold while it serves.
//!
//! They promise what those of a calibration promise, and what they are learnt from is kept apart as strictly, by time in place of
//! by row. Heads are [fitted](super::train()) to the drafts that came until there was a threshold. What proves them are accepted drafts
//! that come later, as many as was fixed beforehand: by then scorer, threshold and heads stand, so those drafts have taught
//! none of them. Until the proof no head stops anything, so each of those drafts is known to its end.
//!
//! No label is needed: whether the verdict accepts a draft is known without. So nothing is taken from what certifies the
//! threshold, and the chance of a broken promise is the heads' own, as in a calibration. Every certificate has one such
//! proof; if it fails, there are no heads until learning begins anew.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::CHECKPOINTS;
use super::heads::{Head, Heads, StopPromise};
use super::trace::{Course, Prefix, Trace};
use super::train::{StopProof, conclude, fit_heads, stopped_from};
use crate::risk::least_n;
use crate::scorer::Scorer;
use crate::signals::Features;
use crate::units::Probability;

/// Drafts from which on heads are fitted: as many as the isotonic calibration of a scorer takes.
const FIT_FROM: usize = 200;

/// Drafts that are kept to fit heads to, the newest; about 100 bytes each and for each checkpoint that they came to.
const KEPT: usize = 600;

/// Accepted drafts that prove the heads, in the fewest that can.
const PROVING: u64 = 4;

/// How far the heads of a route are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Training {
    /// There is no threshold, or too few drafts.
    Collecting(VecDeque<Kept>),
    /// Heads are fitted; accepted drafts are counted.
    Proving(Box<Trial>),
    /// They are proven, or nothing is.
    Settled,
}

/// A draft to fit heads to, in half the bits: what heads are fitted to may be rounded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// `None`: it failed its checks.
    whole: Option<Values>,
    /// Decisions, share of the compute that was left, and features.
    prefixes: Vec<(u32, f32, Values)>,
}

type Values = [f32; Features::COUNT];

/// Fitted heads that are being proven.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trial {
    /// Their limits are not known yet.
    heads: Vec<Head>,
    threshold: Probability,
    accepted: u64,
    /// For each accepted draft that a price of the grid stops, the greatest such price.
    stopped_from: Vec<u16>,
}

/// A draft that was judged by the scorer at hand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judged<'a> {
    /// 1 for one that failed its checks.
    pub(crate) p_bad: Probability,
    pub(crate) features: &'a Features,
    pub(crate) course: &'a Course,
}

impl Training {
    pub(crate) const fn new() -> Self {
        Self::Collecting(VecDeque::new())
    }

    /// Whether it still takes drafts in.
    pub(crate) const fn is_open(&self) -> bool {
        !matches!(self, Self::Settled)
    }

    /// Takes a draft in, in the order of decisions, under the threshold in force, if there is one. Gives the heads when they are
    /// proven.
    pub(crate) fn observe(
        &mut self,
        draft: &Judged<'_>,
        scorer: &Scorer,
        threshold: Option<Probability>,
        promise: &StopPromise,
    ) -> Option<Heads> {
        match self {
            Self::Settled => None,
            Self::Collecting(drafts) => {
                keep(drafts, draft);
                if let Some(threshold) = threshold.filter(|_| drafts.len() >= FIT_FROM) {
                    *self = Self::fit(drafts, scorer, threshold);
                }
                None
            }
            Self::Proving(trial) => {
                trial.observe(draft);
                let needed = least_n(&promise.target()?).saturating_mul(PROVING);
                if trial.accepted < needed {
                    return None;
                }
                let proof = trial.conclude(promise);
                *self = Self::Settled;
                match proof {
                    StopProof::Proven(heads) => Some(heads),
                    StopProof::NotEnough { .. } | StopProof::Nothing => None,
                }
            }
        }
    }

    /// Where no head can be fitted, other drafts may do better.
    fn fit(drafts: &VecDeque<Kept>, scorer: &Scorer, threshold: Probability) -> Self {
        let traces: Vec<Trace> = drafts
            .iter()
            .map(|draft| draft.judged(scorer, threshold))
            .collect();
        let heads = fit_heads(&traces);
        if heads.is_empty() {
            return Self::new();
        }
        Self::Proving(Box::new(Trial {
            heads,
            threshold,
            accepted: 0,
            stopped_from: Vec::new(),
        }))
    }
}

impl Default for Training {
    fn default() -> Self {
        Self::new()
    }
}

fn keep(drafts: &mut VecDeque<Kept>, draft: &Judged<'_>) {
    if draft.course.busy <= 0.0 {
        return;
    }
    if drafts.len() >= KEPT {
        drafts.pop_front();
    }
    drafts.push_back(Kept::of(draft));
}

impl Kept {
    fn of(draft: &Judged<'_>) -> Self {
        let valid = draft.p_bad < Probability::ONE;
        let seen = draft.course.prefixes.iter();
        let seen = seen.filter(|prefix| CHECKPOINTS.contains(&prefix.decisions));
        let short = |prefix: &Prefix| {
            let left = rounded(prefix.left / draft.course.busy);
            (prefix.decisions, left, values(&prefix.features))
        };
        Self {
            whole: valid.then(|| values(draft.features)),
            prefixes: seen.map(short).collect(),
        }
    }

    fn judged(&self, scorer: &Scorer, threshold: Probability) -> Trace {
        let accepted = |whole| scorer.p_bad(&features(whole)) <= threshold;
        let prefix = |(decisions, left, values): &(u32, f32, Values)| Prefix {
            decisions: *decisions,
            features: features(values),
            left: f64::from(*left),
        };
        Trace {
            prefixes: self.prefixes.iter().map(prefix).collect(),
            busy: 1.0,
            accepted: self.whole.as_ref().is_some_and(accepted),
        }
    }
}

impl Trial {
    fn observe(&mut self, draft: &Judged<'_>) {
        if draft.p_bad > self.threshold {
            return;
        }
        self.accepted += 1;
        let stopped = stopped_from(&self.heads, &draft.course.prefixes);
        self.stopped_from.extend(stopped);
    }

    fn conclude(&self, promise: &StopPromise) -> StopProof {
        conclude(
            &self.heads,
            (&self.stopped_from, self.accepted),
            self.threshold,
            promise,
        )
    }
}

fn values(features: &Features) -> Values {
    features.values().map(rounded)
}

fn features(values: &Values) -> Features {
    Features::from_array(values.map(f64::from))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "what heads are fitted to may be rounded"
)]
const fn rounded(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests;
