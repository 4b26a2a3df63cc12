//! Heads as they are stored and consulted.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Stop;
use crate::risk::{RiskTarget, TargetError};
use crate::scorer::Scorer;
use crate::signals::Features;
use crate::units::Probability;

/// "Of the drafts that would have been accepted, at most `max_wrong` are stopped, with `assurance`."
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopPromise {
    max_wrong: Probability,
    assurance: Probability,
}

impl StopPromise {
    /// A promise with `max_wrong` in `(0, 1)` and `assurance` in `[0.5, 1)`.
    ///
    /// # Errors
    /// [`TargetError`] for values outside.
    pub fn new(max_wrong: Probability, assurance: Probability) -> Result<Self, TargetError> {
        RiskTarget::new(max_wrong, assurance).map(|_| Self {
            max_wrong,
            assurance,
        })
    }

    /// At most 2 % of the accepted, with this assurance.
    pub const fn usual(target: &RiskTarget) -> Self {
        Self {
            max_wrong: Probability::PERCENT_2,
            assurance: target.assurance(),
        }
    }

    /// Largest share of the drafts that the verdict would accept that may be stopped; in `(0, 1)`.
    pub const fn max_wrong(&self) -> Probability {
        self.max_wrong
    }

    /// How sure that must be; in `[0.5, 1)`.
    pub const fn assurance(&self) -> Probability {
        self.assurance
    }

    /// The same as a target of the exact binomial test; `None` for numbers from an edited file.
    pub(super) fn target(&self) -> Option<RiskTarget> {
        RiskTarget::new(self.max_wrong, self.assurance).ok()
    }
}

/// Trained heads and what is proven about their stops.
///
/// They are about one scorer and one threshold, those of the certificate that carries them. Under a smaller threshold fewer drafts
/// would have been accepted, so there are fewer wrong stops; under a larger one nothing is proven and they are not consulted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heads {
    /// What was proven.
    pub promise: StopPromise,
    /// Largest `p_bad` that the verdict accepts.
    pub threshold: Probability,
    /// What a wrong stop is taken to cost: as much as computing this many whole drafts. The smallest with which the promise is proven.
    pub price: f64,
    /// Drafts it was proven on that the verdict accepts. Nothing else was learnt from these.
    pub accepted: u64,
    /// Of those, how many are stopped.
    pub wrong: u64,
    /// Upper bound on their share at the promise's assurance.
    pub bound: Probability,
    /// At most one a checkpoint, in their order.
    pub heads: Arc<[Head]>,
}

/// One head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Its checkpoint, in decision tokens.
    pub decisions: u32,
    /// Compute left at this checkpoint, as a share of a whole draft's, on average.
    pub left: f64,
    /// From this probability of a rejection on a draft is given up: `price / (price + left)`, where what the rest would probably
    /// cost in vain outweighs what the stop would probably cost.
    pub limit: Probability,
    /// Gives the probability of a rejection.
    pub scorer: Scorer,
}

impl Heads {
    /// Whether a draft with these features at this many decisions is to be given up, by a verdict that accepts up to `threshold`.
    pub(crate) fn stop(
        &self,
        decisions: u32,
        features: &Features,
        threshold: Probability,
    ) -> Option<Stop> {
        // A hair more, for what a number loses on its way through a text.
        if threshold.get() > self.threshold.get() * (1.0 + 1e-9) {
            return None;
        }
        let head = self.heads.iter().find(|head| head.decisions == decisions)?;
        head.stop(features)
    }

    /// Whether their own numbers bear out what they promise, which those of an edited file may not.
    pub(crate) fn are_proven(&self) -> bool {
        let target = self.promise.target();
        self.wrong <= self.accepted
            && target.is_some_and(|target| target.is_proven_by(self.wrong, self.accepted))
    }
}

impl Head {
    fn stop(&self, features: &Features) -> Option<Stop> {
        // One of another version knows nothing, and knowing nothing is no reason to stop.
        if self.scorer.version() != Features::VERSION {
            return None;
        }
        let p_rejected = self.scorer.p_bad(features);
        (p_rejected >= self.limit).then_some(Stop {
            decisions: self.decisions,
            p_rejected,
            limit: self.limit,
        })
    }
}
